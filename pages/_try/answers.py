"""What the model says of photos that were handed in: one in large letters, many as a wall, the least sure first."""

import streamlit as st

from pages._photos import import_review
from pages._shared import progress, session, theme
from transfer_core import charts
from transfer_core.services import inference
from transfer_core.services.inference import predictions_csv
from transfer_core.support.text import markdown
from transfer_core.support.wording import percent, pluralize

PER_PAGE = 48
FEW = 3  # bad files, of which each gets a line
ABOUT_CONFIDENCE = "How sure the model is of its answer. The confidences of all classes add up to 100%."
ORDERS = ("Least sure first", "As handed in", "By class")


def predict_all(model, load, files):
    """[(name, small upright picture, prediction)] of those that can be read; the others are named with the reason.

    Args:
        model: Its digest: files that it has classified are not classified again when the page is redrawn.
        load: Gives the predictor.
        files: Of the uploader; of zips, what is in them.
    """
    asked = (model, *(file.file_id for file in files))
    before = st.session_state.get(session.ANSWERS)
    if before is None or before[0] != asked:
        before = st.session_state[session.ANSWERS] = (asked, *_ask(load, files))
    _, answers, rejected = before
    _name_rejected(rejected, len(answers) + len(rejected))
    return answers


def _ask(load, files):
    """(answers, files that cannot be classified)."""
    entries = inference.handed_in([(file.name, file) for file in files])
    answers, rejected, place = [], [], st.empty()
    with place:
        line = progress.progress_line("Classifying") if len(entries) > 1 else None
    for done, entry in enumerate(entries, 1):
        answer = inference.ask(load(), entry)
        if isinstance(answer, inference.Rejected):
            rejected.append(answer)
        else:
            answers.append((entry.path, answer.picture, answer.prediction))
        if line:
            line(done, len(entries))
    place.empty()
    return answers, rejected


def _name_rejected(rejected, total):
    """A line for each of a few files; of more, how many, and the list folded up."""
    if len(rejected) <= FEW:
        for entry in rejected:
            st.error(f"{markdown(entry.file)}: {markdown(entry.reason)}", icon=":material/error:")
        return
    st.error(f"{len(rejected):,} of {pluralize(total, 'file')} cannot be classified.", icon=":material/error:")
    left_out = [(entry.file, entry.reason) for entry in rejected]
    import_review.list_files(f"{pluralize(len(rejected), 'file was', 'files were')} left out", left_out)


def show_one(picture, name, answer, unsure, truth=None):
    """One photo with its answer.

    Args:
        unsure: The run's `UnsureMargin`.
        truth: Its label, where it has one.
    """
    left, right = st.columns([1, 1], gap="large")
    left.image(picture, width="stretch", alt=name)
    with right:
        ranked = sorted(answer.by_class().items(), key=lambda entry: -entry[1])
        if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < unsure.margin:
            st.header(f"Not sure: {markdown(ranked[0][0])} or {markdown(ranked[1][0])}", anchor=False)
        else:
            st.header(markdown(answer.class_name), anchor=False)
        st.markdown(
            f"Confidence: {markdown(percent(answer.confidence))}", help=f"{ABOUT_CONFIDENCE} {unsure.in_words()}"
        )
        if truth:
            st.caption("That is right." if truth == answer.class_name else f"Wrong: the label is {markdown(truth)}.")
        st.plotly_chart(
            charts.confidence_bars(answer.by_class(), dark=theme.is_dark()),
            theme=None,
            config=charts.CONFIG,
            key="bars",
            alt="Confidence for each class",
        )


def empty_uploader():
    """A new key is an empty uploader."""
    st.session_state[session.TRIED] += 1


def show_many(answers):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(pluralize(len(answers), "photo"), anchor=False, width="stretch")
        st.button("Remove all", icon=":material/close:", key="try-none", on_click=empty_uploader)
        order = st.selectbox("Order", ORDERS, label_visibility="collapsed", width=200, key="try-order")
        table = predictions_csv([(name, answer) for name, _, answer in answers])
        st.download_button("Download as a table (CSV)", table, "answers.csv", "text/csv", icon=":material/download:")
    if order != ORDERS[1]:
        by_class = order == ORDERS[2]
        answers = sorted(
            answers, key=lambda entry: (entry[2].class_name if by_class else "", entry[2].confidence, entry[0])
        )
    pages = -(-len(answers) // PER_PAGE)
    wall = st.container(horizontal=True, key="gallery-answers")
    page = st.pagination(pages, key="answers-page") if pages > 1 else 1
    with wall:
        for name, picture, answer in answers[(page - 1) * PER_PAGE : page * PER_PAGE]:
            with st.container(width=132, gap="xsmall"):
                st.image(picture, width=132, alt=f"{name}: {answer.class_name}")
                st.markdown(f"**{markdown(answer.class_name)}** {markdown(percent(answer.confidence))}")
                st.caption(markdown(name.rsplit("/", 1)[-1]))
