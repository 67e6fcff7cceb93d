"""The split that a run would have, and the problems with it. Imports no torch.

What needs no composing is handed on from `transfer_core.data.splits` as it is.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from transfer_core import runs, strategies
from transfer_core.backbones.catalog import Backbone
from transfer_core.config import TrainConfig
from transfer_core.data.ingest.class_finder import find_labels
from transfer_core.data.ingest.label_source import photos_among
from transfer_core.data.ingest.sources import is_junk, open_source
from transfer_core.data.labels.dataset import (
    LabelledItem,
    count_classes,
    labelled,
    load_items,
    new_item,
    version,
)
from transfer_core.data.splits.group_suggestion import GroupSuggestion, suggest_pattern
from transfer_core.data.splits.groups import list_groups, name_groups, problem_of_pattern, remark_on_pattern
from transfer_core.data.splits.split import (
    Split,
    classes_without_val,
    crossings,
    given_part,
    has_test_part,
    make_split,
)
from transfer_core.errors import DataError, RunError
from transfer_core.runs import Run
from transfer_core.strategies import Facts
from transfer_core.support.class_order import in_class_order
from transfer_core.support.wording import pluralize
from transfer_core.workspace import Project, Workspace

__all__ = [
    "Basis",
    "GroupSuggestion",
    "LookAhead",
    "Split",
    "classes_without_val",
    "crossings",
    "find_basis",
    "foresee",
    "given_part",
    "has_test_part",
    "look_ahead",
    "remarks_on_groups",
    "share_out",
    "suggest_groups",
]


@dataclass(frozen=True)
class Basis:
    """What a run begins with, looked up once on the way from the button to the queue.

    Args:
        backbone: The catalogue's row.
        parent: The run that is continued; None without one.
        learned: Digests of the parent's training photos.
        problems: What speaks against going on from it, a sentence each.
    """

    backbone: Backbone
    parent: Run | None = None
    learned: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class LookAhead:
    """What settings make of the photos of a project.

    Args:
        counts: By class: photos to train on, to validate with, to test with. Empty where there can be no split.
        problems: Why there can be none, and what else speaks against the settings.
        crossings: What photos on both sides of a split that was given mean, a sentence each.
        groups: Names of the groups that are kept together, sorted; untrusted text.
        ungrouped: Photos that belong to no group.
    """

    counts: dict[str, tuple[int, int, int]]
    problems: tuple[str, ...]
    crossings: tuple[str, ...]
    groups: tuple[str, ...]
    ungrouped: int


def find_basis(workspace: Workspace, config: TrainConfig) -> Basis:
    """The backbone and the parent run that these settings name.

    Raises:
        BackboneError: There is no such backbone.
    """
    backbone = strategies.network_of(config, workspace.weights_dir)
    if not config.continue_from:
        return Basis(backbone)
    try:
        run = runs.open_run(workspace, config.continue_from)
        learned = runs.learned_photos(run)
    except RunError as error:
        return Basis(backbone, problems=(f"{error} Begin with the pretrained weights or with another run.",))
    problems = []
    if run.kind != "train":
        problems.append(f"Run '{run.id}' did not train a model. Choose another run.")
    elif runs.read_state(run).result is None:
        problems.append(f"Run '{run.id}' has no model to continue from yet. Resume it first.")
    if run.config.backbone != backbone.name:
        problems.append(f"Run '{run.id}' has another backbone, {run.config.backbone}. Choose that backbone.")
    elif strategies.network_of(run.config, workspace.weights_dir) != backbone:
        problems.append(f"Run '{run.id}' has seen photos of another size. Choose another run.")
    return Basis(backbone, run, frozenset(learned), tuple(problems))


def share_out(items: Sequence[LabelledItem], config: TrainConfig, basis: Basis) -> tuple[Split | None, list[str]]:
    """The split of these photos, None where there cannot be one, and everything that speaks against the settings."""
    split, problems = _try_split(items, config, basis.backbone, basis.learned)
    problems += basis.problems
    if split and (seen := sum(item.photo in basis.learned for item in (*split.val, *split.test))):
        problems.append(
            f"{pluralize(seen, 'validation photo was a training photo', 'validation photos were training photos')} "
            "of the earlier run, so the accuracy would look too good. Choose other validation photos."
        )
    return split, problems


def look_ahead(workspace: Workspace, items: Sequence[LabelledItem], config: TrainConfig) -> LookAhead:
    """What a run on these photos would train on, before it is started.

    Raises:
        BackboneError: There is no such backbone.
    """
    split, problems = share_out(items, config, find_basis(workspace, config))
    named = name_groups(items, config.group_pattern)
    groups, ungrouped = tuple(list_groups(named)), sum(item.group is None for item in named)
    if split is None:
        return LookAhead({}, tuple(problems), (), groups, ungrouped)
    train, val, test = (count_classes(part) for part in (split.train, split.val, split.test))
    counts = {
        name: (train.get(name, 0), val.get(name, 0), test.get(name, 0))
        for name in in_class_order({*train, *val, *test})
    }
    return LookAhead(counts, (), tuple(crossings(split)), groups, ungrouped)


def suggest_groups(project: Project) -> GroupSuggestion | None:
    """The groups that the names of the project's photos seem to speak of.

    None where photos came with groups, and where they came split: a split that was given stays as it is.
    """
    return _suggest_groups(project, version(project))


def remarks_on_groups(project: Project, items: Sequence[LabelledItem], config: TrainConfig) -> list[str]:
    """What a person who cannot be asked should know of groups: of the pattern given, or of names that speak of some."""
    if remark := remark_on_pattern(items, config.group_pattern):
        return [remark]
    if config.group_pattern or project.group_pattern is not None or given_part(items):
        return []
    found = None if any(item.group is not None for item in items) else suggest_pattern(items)
    if not found:
        return []
    alike = "in the same folder" if found.in_folders else "with the same beginning"
    return [
        f"{found.in_words()}. If photos {alike} show the same patient, plant or object, the accuracy will look too "
        f"good unless they are kept together: --group-pattern '{found.pattern}'"
    ]


@lru_cache(maxsize=16)
def _suggest_groups(project: Project, labels_version: int) -> GroupSuggestion | None:
    items = labelled(load_items(project, labels_version))
    if given_part(items) or any(item.group is not None for item in items):
        return None
    return suggest_pattern(items)


def foresee(
    data: Sequence[Path],
    settings: dict,
    backbone: Backbone,
    labels: str | None = None,
    encoding: str = "",
    class_from: str | None = None,
) -> list[str]:
    """What a list of files says already against training on them with these settings; no photo is opened.

    Args:
        data: Folders or zips; the second one's are validation photos.
        settings: Of `TrainConfig`, those within their limits.
        labels, encoding, class_from: As in `take_in_path`.

    Raises:
        DataError: Nothing says the classes.
    """
    items = []
    for number, source in enumerate(data):
        good = [entry for entry in open_source(source, encoding) if not entry.refusal and not is_junk(entry.path)]
        entries, reading = find_labels(
            good, None if number else labels, encoding, class_from=class_from, one_class=source.stem
        )
        for path in photos_among(entries):
            if place := reading.place(path):
                part = "val" if number else place.part
                items.append(new_item(path, path, path, place.class_name, part, (1, 1), place.group))
    return _try_split(labelled(items), TrainConfig(**settings), backbone)[1]


def _try_split(
    items: Sequence[LabelledItem], config: TrainConfig, backbone: Backbone, learned: Collection[str] = frozenset()
) -> tuple[Split | None, list[str]]:
    """The split, None where there cannot be one, and everything that speaks against these photos and settings.

    Args:
        learned: Training photos of an earlier run.
    """
    split, problems = None, []
    if problem := problem_of_pattern(items, config.group_pattern):
        problems.append(problem)
    sizes = tuple(Counter(item.class_name for item in items if item.part in (None, "train")).values())
    try:
        split = make_split(
            items,
            config.val_fraction,
            config.seed,
            config.fill_val,
            learned,
            config.test_fraction,
            config.group_pattern,
        )
        sizes = split.train_sizes
    except DataError as error:
        problems += error.problems
    return split, problems + strategies.check(config, Facts(sizes, backbone))
