"""What a window remembers while photos are sorted: what is chosen, and its own changes, to take them back."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import streamlit as st

from pages._shared import errors
from pages._sort.photo_grid import picked
from transfer_core.errors import TransferError
from transfer_core.services import labels
from transfer_core.workspace import Project

_SORTING = "sorting"
CLASS_FILTER = "sort-class"  # key of the field that says of which class photos are shown
WITHOUT = ""  # stands among class names for photos that have none; no class is called so


@dataclass
class Sorting:
    """The state of one window for one project.

    Args:
        chosen: Ids of photos.
        round: Counts the changes of `chosen` that are not the browser's own.
        view: What was last asked to be shown; other photos are another choice.
        done, undone: Ids of the changes made in this window, and of those taken back since; the newest last.
        said: What the last change was.
        trouble: Why the last change could not be made.
    """

    chosen: set[str] = field(default_factory=set)
    round: int = 0
    view: tuple = ()
    done: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    said: str = ""
    trouble: Exception | None = None

    def choose(self, ids: Collection[str]) -> None:
        """Chooses just these."""
        self.chosen = set(ids)
        self.round += 1

    def keep_among(self, ids: set[str]) -> None:
        """Gives up what is not shown any more, because another window has moved it; the browser is to do so, too."""
        if not self.chosen <= ids:
            self.choose(self.chosen & ids)

    def look_at(self, view: tuple) -> None:
        """Gives up what was chosen among other photos."""
        if view != self.view:
            self.view = view
            self.choose(())


# What was typed for a change is done with once it is made.
_TYPED = ("rename-to", "create-name")


def sorting_of(project: Project) -> Sorting:
    return st.session_state.setdefault(_SORTING, {}).setdefault(project.id, Sorting())


def show_class(name: str = WITHOUT) -> None:
    """Has the page Fix labels, when it comes next, show the photos of a class, or those that have none yet."""
    st.session_state[CLASS_FILTER] = name


def take_over_picked(project: Project) -> None:
    """What was clicked on the wall, on one page of it, goes into what is chosen."""
    mine = sorting_of(project)
    shown, chosen = picked(project, mine.round)
    mine.chosen = (mine.chosen - shown) | chosen


def change_chosen(project: Project, how: Callable[..., str], *arguments: object) -> None:
    """Makes a change of the chosen photos, the last click among them even if the page has not heard of it yet."""
    take_over_picked(project)
    change(project, how, sorting_of(project).chosen, *arguments)


def change(project: Project, how: Callable[..., str], *arguments: object) -> None:
    """Makes a change in this window. A button's callback, so that the page is drawn once, with the result."""
    mine = sorting_of(project)
    if action := _try(project, mine, "", how, *arguments):
        mine.done.append(action)
        mine.undone.clear()
        mine.choose(())
        for key in _TYPED:
            st.session_state[key] = ""


def show_trouble(project: Project) -> None:
    """Says once why the last change could not be made."""
    mine = sorting_of(project)
    with errors.shown_errors():
        if mine.trouble:
            trouble, mine.trouble = mine.trouble, None
            raise trouble


def undo(project: Project) -> None:
    """Takes back the last change of this window."""
    mine = sorting_of(project)
    _step(project, mine, mine.done, mine.undone, labels.undo, "Undone: ")


def redo(project: Project) -> None:
    """Makes again what this window took back last."""
    mine = sorting_of(project)
    _step(project, mine, mine.undone, mine.done, labels.redo, "Redone: ")


def switch(project: Project, action: str, is_undone: bool) -> None:
    """Takes back any change, whoever made it, or brings it again."""
    mine = sorting_of(project)
    how, words = (labels.redo, "Redone: ") if is_undone else (labels.undo, "Undone: ")
    if _try(project, mine, words, how, action):
        for own in (mine.done, mine.undone):
            if action in own:
                own.remove(action)


def _step(
    project: Project, mine: Sorting, here: list[str], there: list[str], how: Callable[..., str], words: str
) -> None:
    """Takes the newest change from here to there; one that another window has switched meanwhile goes nowhere."""
    if not here:  # a key pressed twice may be faster than the page
        return
    action = here.pop()
    if _try(project, mine, words, how, action):
        there.append(action)
    elif isinstance(mine.trouble, OSError):
        here.append(action)  # to be tried again, once the disk has room


def _try(project: Project, mine: Sorting, words: str, how: Callable[..., str], *arguments: object) -> str | None:
    """The action's id; None where it could not be made, which the page then says."""
    mine.said = ""
    try:
        action = how(project, *arguments)
    except (TransferError, OSError) as error:
        mine.trouble = error
        return None
    mine.said = words + labels.describe(labels.find_action(labels.load_labels(project), action))
    return action
