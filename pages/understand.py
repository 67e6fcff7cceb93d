"""How good the model is, which classes it confuses, and which photos it gets wrong."""

import streamlit as st

from pages._shared import coach, errors, frame, navigation, plots, run_picker, session
from pages._sort.selection import show_trouble, sorting_of, undo
from pages._understand import confusions, test_set, transfer_gain
from pages._understand.answer_cards import corrected_since, show_cards
from pages._understand.classes import show_classes
from transfer_core.services import training
from transfer_core.services.evaluation import different_rows, is_opened, load_answers
from transfer_core.services.labels import load_labelled
from transfer_core.services.splits import crossings
from transfer_core.support.text import markdown
from transfer_core.support.wording import duration, pluralize, right_of

ABOUT_CONFIDENCE = "The bars show the model's confidence: how sure it is of each class."
ABOUT_INTERVALS = (
    "Validation photos are kept back to check the model. 'Probably' means: in 95 of 100 such cases, the true accuracy "
    "lies in this range (95% Wilson interval). More validation photos make the range narrower. Copies do not, and "
    "photos of one group less than others."
)


def show_mistakes():
    mistakes = answers.mistakes(different_rows(split, history.result)).tolist()
    if mistakes:
        st.markdown(f"{pluralize(len(mistakes), 'mistake')}, the most confident first.", help=ABOUT_CONFIDENCE)
    else:
        st.markdown(confusions.NO_MISTAKES)
    show_cards(project, split, answers, mistakes, f"mistakes-{run.id}", columns=3)


def show_learning():
    if not history.epochs:
        st.caption("Training was stopped within the first epoch, so there is no curve.")
        return
    plots.show_learning(history, len(history.epochs), "learned")
    st.caption(plots.what_is_kept(history, len(history.epochs)), help=plots.ABOUT_CURVES)


def offer_next():
    """Training again where labels were corrected here, else the step that follows."""
    corrected = corrected_since(project, run)
    if not corrected:
        with frame.foot(markdown(result_line())):
            if st.button("Try it", type="primary", icon=":material/arrow_forward:", key="to-try"):
                navigation.open_run("try_it", project, run)
        return
    with errors.shown_errors(), frame.foot(f"{pluralize(corrected, 'correction')} since this run."):
        if sorting_of(project).done:
            st.button("Undo", icon=":material/undo:", key="undo-correction", on_click=undo, args=(project,))
        if st.button("Try it", key="to-try"):
            navigation.open_run("try_it", project, run)
        found, _ = training.estimate_run(session.workspace(), load_labelled(project), run.config)
        about = f", about {duration(found.seconds)}" if found else ""
        words = f"Train again with {pluralize(corrected, 'correction')}{about}"
        if st.button(words, type="primary", icon=":material/play_arrow:", key="train-corrected"):
            again = training.start(session.workspace(), project, run.config)
            st.session_state.setdefault(session.STARTED, []).append(again.id)
            st.session_state.setdefault(session.SHOWN, {})[again.id] = 0
            navigation.open_run("train", project, again)


def result_line():
    result = history.result
    right = sum(row[place] for place, row in enumerate(result["confusion_matrix"]))
    return f"{right_of(right, result['val_count'], result.get('val_copies', 0), 'validation photo')}."


def load_parts():
    """The run's photos, and the model's answers to them; where either is damaged, shows the rest and ends the page."""
    with errors.shown_errors():
        split = session.split_of(run)
        return split, load_answers(run, split, history.result)
    show_learning()
    st.stop()


project = navigation.need_project()
run_picker.need_result(project, "Understand")
with frame.title_row("Understand", project):
    run, history = run_picker.need_model(project)
show_trouble(project)
if is_opened(history):
    test_set.show_result(run)
coach.show_headline(run, history)
split, answers = load_parts()
coach.show_suggestion(project, run, history)
for crossing in crossings(split):
    st.warning(markdown(crossing), icon=":material/error:")
tabs = st.tabs(["Confusions", "Every mistake", "Class by class", "How it learned", "Head start", "Final test"])
with tabs[0]:
    confusions.show_confusions(project, run, split, history.result, answers, ABOUT_INTERVALS)
with tabs[1]:
    show_mistakes()
with tabs[2]:
    show_classes(split, history.result)
with tabs[3]:
    show_learning()
with tabs[4], errors.shown_errors():
    transfer_gain.show_knowledge(project, run, history)
with tabs[5]:
    test_set.show_opening(run, history, split)
offer_next()
