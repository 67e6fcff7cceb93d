"""The matrix on the left, and beside it the photos of the chosen cell: first those of the most frequent confusion."""

import streamlit as st

from pages._shared import plots
from pages._understand.answer_cards import show_cards
from transfer_core.services.evaluation import different_rows
from transfer_core.support.text import plain
from transfer_core.support.wording import pluralize

NO_MISTAKES = "No mistakes on these photos."


def show_confusions(project, run, split, result, answers, about):
    """Draws both; a click on a cell and the box beside it choose the same thing, so that a keyboard will do.

    Args:
        about: What the interval in the headline means.
    """
    cells = list_cells(split, result)
    key = f"cell-{run.id}"
    if st.session_state.get(key) not in cells:
        st.session_state[key] = next(iter(cells))
    matrix, photos = st.columns([1, 1], gap="large") if len(split.class_names) <= plots.SCROLLING_CLASSES else (st, st)
    with matrix if matrix is not st else st.container():
        show_matrix(run, split, result, key, cells, about)
    with photos if photos is not st else st.container():
        chosen = st.selectbox("Photos of", list(cells), format_func=cells.get, key=key)
        rows = different_rows(split, result)
        inside = (answers.true_ids[rows] == chosen[0]) & (answers.predicted_ids[rows] == chosen[1])
        show_cards(project, split, answers, rows[inside].tolist(), f"cell-{run.id}-{chosen[0]}-{chosen[1]}")


def list_cells(split, result):
    """{(true id, said id): words} of every cell with photos: mistakes first, the most frequent of them on top."""
    found = [
        (true == said, -count, true, said)
        for true, row in enumerate(result["confusion_matrix"])
        for said, count in enumerate(row)
        if count
    ]
    names = [plain(name) for name in split.class_names]
    return {
        (true, said): f"{names[true]}: {pluralize(-count, 'photo')} right"
        if right
        else f"{names[true]} classified as {names[said]}: {pluralize(-count, 'photo')}"
        for right, count, true, said in sorted(found)
    }


def show_matrix(run, split, result, key, cells, about):
    chart = f"matrix-{run.id}"

    def choose():
        points = st.session_state[chart].selection.points
        cell = tuple(points[0]["customdata"][:2]) if points and points[0].get("customdata") else None
        if cell in cells:
            st.session_state[key] = cell

    plots.show_matrix(
        result["confusion_matrix"],
        list(split.class_names),
        chart,
        chosen=st.session_state[key],
        on_select=choose,
        selection_mode="points",
    )
    right = sum(row[place] for place, row in enumerate(result["confusion_matrix"]))
    none = f" {NO_MISTAKES}" if right == result["val_count"] else ""
    st.caption(
        f"Rows: the true class. Columns: the model's answer. Click a number to see its photos.{none}", help=about
    )
