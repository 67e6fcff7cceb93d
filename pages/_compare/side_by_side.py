"""Two to four runs beside each other: what differs, how well they do, and which photos tell them apart."""

import streamlit as st

from pages._shared import errors, plots, run_card, run_picker, session, thumbnails
from transfer_core.services.comparison import (
    compare_answers,
    in_points,
    in_words,
    load_said,
    pairs_of,
    settings_that_differ,
)
from transfer_core.support.text import markdown
from transfer_core.support.wording import percent, photos_phrase, pluralize

LETTERS = "ABCD"
PER_PAGE = 24


def show_side_by_side(project, chosen, rights, among):
    """Everything about the chosen runs, the best of them first.

    Args:
        rights: {run id: as from `load_right`}.
        among: How many runs they were chosen from.
    """
    show_verdicts(chosen, rights, among)
    show_table(chosen)
    plots.show_compared(zip(LETTERS, map(session.history, chosen), strict=False), "compared")
    show_changed(project, chosen, rights)


def show_verdicts(chosen, rights, among):
    """Which letter is which run, and every other against the first, photo by photo."""
    titles = run_picker.run_titles(chosen)
    lines = [f"- **A** is {markdown(titles[chosen[0].id])}."]
    for letter, run in zip(LETTERS[1:], chosen[1:], strict=False):
        paired = compare_answers(rights[run.id], rights[chosen[0].id], among)
        words = f"{in_words(paired, 'A')} Difference: {markdown(in_points(paired))}."
        lines.append(f"- **{letter}** is {markdown(titles[run.id])}. **Against A:** {words}")
    st.markdown("\n".join(lines))
    correction = f", corrected for all {pairs_of(among)} pairs of the {among} runs" if among > 2 else ""
    st.caption(
        "All runs have the same validation photos. Only photos that one run gets right and the other wrong "
        f"count; copies count once, and photos of one group together (McNemar's exact test, 95%{correction}; "
        "Newcombe's interval)."
    )


def show_table(chosen):
    results = [session.history(run).result for run in chosen]
    facts = {
        "Accuracy": [percent(result["val_accuracy"]) for result in results],
        "Probably on new photos": [" to ".join(map(percent, result["val_interval"] or ())) for result in results],
        "Validation photos": [photos_phrase(result) for result in results],
        "Time": [run_card.seconds_of(result) for result in results],
        **dict(settings_that_differ(chosen)),
    }
    columns = {letter: list(values) for letter, values in zip(LETTERS, zip(*facts.values(), strict=True), strict=False)}
    st.dataframe({"": list(facts), **columns}, hide_index=True)
    st.caption("Only settings that differ are shown.")


def show_changed(project, chosen, rights):
    """The photos of which one run is right and another wrong."""
    st.subheader("Photos where they disagree", anchor=False)
    letters = list(LETTERS[1 : len(chosen)])
    other = st.segmented_control("A and", letters, default="B", key="against") if len(letters) > 1 else "B"
    place = LETTERS.index(other or "B")
    first, second = chosen[0], chosen[place]
    split, name = session.split_of(first), LETTERS[place]
    mine, theirs = rights[first.id].right, rights[second.id].right
    with errors.shown_errors():
        said = {"A": load_said(first, split), name: load_said(second, session.split_of(second))}
        different = [item for item in split.val if item.id in mine]  # of copies one
        won = [item for item in different if mine[item.id] and not theirs[item.id]]
        lost = [item for item in different if theirs[item.id] and not mine[item.id]]
        for tab, items, right, wrong in zip(
            st.tabs([f"A right, {name} wrong ({len(won)})", f"{name} right, A wrong ({len(lost)})"]),
            (won, lost),
            ("A", name),
            (name, "A"),
            strict=True,
        ):
            with tab:
                show_photos(project, items, said[wrong], wrong, f"{right}-{wrong}-{first.id}-{second.id}")


def show_photos(project, items, said, wrong, key):
    """A paged gallery of photos with what they are and what the run that is wrong said."""
    if not items:
        st.caption("None.")
        return
    pages = -(-len(items) // PER_PAGE)
    page = st.pagination(pages, key=f"page-{key}") if pages > 1 else 1
    st.caption(f"{pluralize(len(items), 'photo')} that {wrong} gets wrong.")
    with st.container(horizontal=True, key=f"gallery-{key}"):
        for item in items[(page - 1) * PER_PAGE : page * PER_PAGE]:
            with st.container(width=160, border=True):
                thumbnails.thumbnail(project, item, "stretch")
                st.markdown(f"Label: **{markdown(item.class_name)}**")
                st.caption(f"{wrong}: **{markdown(said[item.id])}**")
