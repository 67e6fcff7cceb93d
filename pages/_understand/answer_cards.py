"""Validation photos as cards: the photo, its label, the model's answer with bars, and a way to correct the label."""

import streamlit as st

from pages._shared import theme, thumbnails
from pages._sort.selection import change
from transfer_core.services import labels
from transfer_core.support.text import html, markdown, shorten
from transfer_core.support.wording import percent

PER_PAGE = 12
BARS = 3
LEFT_OUT = ("left out",)  # no class name


def show_cards(project, split, answers, rows, key, columns=2):
    """A paged wall of cards, by row number of the validation photos."""
    pages = -(-len(rows) // PER_PAGE)
    shown = st.container()
    page = st.pagination(pages, key=f"{key}-page") if pages > 1 else 1
    now = {item.id: item for item in labels.load_items(project)}
    chosen = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    with shown:
        for start in range(0, len(chosen), columns):
            for column, row in zip(st.columns(columns), chosen[start : start + columns], strict=False):
                with column, st.container(border=True, height="stretch", key=f"card-{key}-{row}"):
                    show_card(project, split, answers, row, now.get(split.val[row].id), f"{key}-{row}")


def show_card(project, split, answers, row, now, key):
    """One card.

    Args:
        now: The photo as it is labelled today; None once it was left out.
    """
    item, confidences = split.val[row], answers.confidences[row]
    picture, words = st.columns([2, 3], gap="small")
    with picture:
        thumbnails.thumbnail(project, item, "stretch")
    with words:
        said = split.class_names[answers.predicted_ids[row]]
        st.markdown(f"You said: **{markdown(item.class_name)}**  \nModel: **{markdown(said)}**")
        st.html(bars(split.class_names, confidences))
    if now is None:
        st.caption(":material/check: Left out")
    elif now.class_name != item.class_name:
        st.caption(f":material/check: Now labelled {markdown(now.class_name or '')}")
    else:
        offer_correction(project, split, item, said, key)


def offer_correction(project, split, item, said, key):
    """A menu with the classes, the model's answer first: one click puts a wrong label right."""
    others = [name for name in split.class_names if name not in (item.class_name, said)]
    first = [said] if said != item.class_name else []
    chosen = st.menu_button(
        "My label was wrong",
        [*first, *others, LEFT_OUT],
        format_func=lambda name: "Leave this photo out" if name == LEFT_OUT else f"It is {markdown(name)}",
        key=f"wrong-{key}",
        type="tertiary",
        icon=":material/edit:",
        help=f"Changes the label of {markdown(thumbnails.item_name(item))}. Undo it under Fix labels.",
    )
    if chosen == LEFT_OUT:
        change(project, labels.remove, [item.id])
        st.rerun()
    elif chosen:
        change(project, labels.relabel, [item.id], chosen)
        st.rerun()


def bars(class_names, confidences):
    """The largest confidences as bars in the colours of their classes, as HTML."""
    order = (-confidences).argsort(kind="stable")[:BARS]
    return "".join(
        f'<div class="graft-bar"><span>{html(shorten(class_names[place], 14))}</span>'
        f'<i style="width:{max(1, round(54 * confidences[place]))}%;background:'
        f'{theme.class_colour(int(place))}"></i><b>{html(percent(confidences[place]))}</b></div>'
        for place in order
    )


def corrected_since(project, run):
    """How many photos have another label than when the run was started, or were left out."""
    found = labels.changes_since(project, run.labels_version)
    return found.relabelled + found.gone
