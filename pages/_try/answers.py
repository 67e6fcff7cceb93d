"""What the model says of photos that were handed in: one in large letters, many as a wall, the least sure first."""

import streamlit as st

from pages._shared import progress, session, theme
from transfer_core import charts
from transfer_core.errors import DataError
from transfer_core.services import inference
from transfer_core.services.inference import predictions_csv
from transfer_core.support.text import markdown
from transfer_core.support.wording import percent, pluralize

PER_PAGE = 48
ABOUT_CONFIDENCE = "How sure the model is of its answer. The confidences of all classes add up to 100%."
ORDERS = ("Least sure first", "As handed in", "By class")


def predict_all(model, load, files):
    """[(name, small upright picture, prediction)] of those that can be read; the others are named with the reason.

    Args:
        model: Its digest: what it has said of a file before is not asked again when the page is drawn anew.
        load: Gives the predictor.
    """
    before = st.session_state.get(session.ANSWERS, {})
    known = {(model, file.file_id): before.get((model, file.file_id)) for file in files}
    st.session_state[session.ANSWERS] = known
    new = [file for file in files if known[model, file.file_id] is None]
    place = st.empty()
    with place:
        line = progress.progress_line("Classifying") if len(new) > 1 else None
    for done, file in enumerate(new, 1):
        try:
            answer = inference.ask(load(), file.getvalue())
            known[model, file.file_id] = (file.name, answer.picture, answer.prediction)
        except DataError as error:
            known[model, file.file_id] = str(error)
        if line:
            line(done, len(new))
    place.empty()
    for file in files:
        if isinstance(problem := known[model, file.file_id], str):
            st.error(f"{markdown(file.name)}: {markdown(problem)}", icon=":material/error:")
    return [answer for answer in known.values() if not isinstance(answer, str)]


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
