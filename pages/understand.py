"""How good the model is, which classes it confuses, and which photos it gets wrong."""

import streamlit as st

from pages._shared import errors, navigation, plots, run_picker, session, theme, thumbnails
from pages._shared.label_changes import show_changes
from pages._understand import test_set, transfer_gain
from transfer_core import charts
from transfer_core.services.evaluation import class_scores, load_answers
from transfer_core.services.splits import crossings
from transfer_core.support.text import markdown
from transfer_core.support.wording import percent, pluralize, result_sentence

PER_PAGE = 24
CONFUSIONS = 5
NO_MISTAKES = "No mistakes on these photos."


def show_answer(history):
    st.subheader(result_sentence(history.result))
    if not history.result.get("val_learned"):  # else it names no range
        st.caption(
            "Validation photos are kept back to check the model. 'Probably' means: in 95 of 100 such cases, "
            "the true accuracy lies in this range (95% Wilson interval). More validation photos make the "
            "range narrower."
        )


def show_matrix(run, split, result):
    """The matrix; returns the (true, said) class ids of the cell that was clicked, or None."""
    st.markdown(
        "Confusion matrix: each row is the true class, each column the model's answer. Click a cell to see its photos."
    )
    selection = {"on_select": "rerun", "selection_mode": "points"}
    clicked = plots.show_matrix(result["confusion_matrix"], list(split.class_names), f"matrix-{run.id}", **selection)
    points = clicked.selection.points if clicked else []
    return tuple(points[0]["customdata"][:2]) if points and points[0].get("customdata") else None


def show_confusions(split, result):
    """The most frequent confusions, in words."""
    pairs = [
        (count, split.class_names[true], split.class_names[said])
        for true, row in enumerate(result["confusion_matrix"])
        for said, count in enumerate(row)
        if count and true != said
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    lines = [
        f"- {pluralize(count, 'photo')} of **{markdown(true)}** classified as **{markdown(said)}**"
        for count, true, said in pairs[:CONFUSIONS]
    ]
    st.markdown("\n".join(lines))
    if len(pairs) > CONFUSIONS:
        st.caption(f"and {pluralize(len(pairs) - CONFUSIONS, 'more kind')} of mistake")
    if not pairs:
        st.markdown(NO_MISTAKES)


def show_photos(project, split, answers, rows, key):
    """A paged gallery of validation photos by row number, with what they are and what it said."""
    pages = -(-len(rows) // PER_PAGE)
    page = st.pagination(pages, key=f"{key}-page") if pages > 1 else 1
    chosen = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
    with st.container(horizontal=True, key=f"gallery-{key}"):
        for row in chosen:
            item = split.val[row]
            said = split.class_names[answers.predicted_ids[row]]
            with st.container(width=160, border=True):
                thumbnails.thumbnail(project, item, "stretch")
                st.markdown(f"Label: **{markdown(item.class_name)}**")
                if said == item.class_name:
                    st.caption(f"The model agrees ({markdown(percent(answers.confidences[row].max()))})")
                else:
                    st.caption(f"Model: **{markdown(said)}** ({percent(answers.confidences[row].max())})")


def show_classes(split, result):
    scores = class_scores(result["confusion_matrix"])
    figure = charts.class_scores(
        scores.precision, scores.recall, scores.f1, scores.count, list(split.class_names), dark=theme.is_dark()
    )
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="scores", alt="Recall and precision of each class")
    st.dataframe(
        {
            "Class": list(split.class_names),
            "Photos": scores.count,
            "Recall": scores.recall * 100,
            "Precision": scores.precision * 100,
            "F1": scores.f1 * 100,
        },
        hide_index=True,
        placeholder="-",  # precision of a class that was never named
        column_config={
            "Recall": st.column_config.NumberColumn(
                format="%.0f%%", help="Found: of the photos of this class, how many the model recognized."
            ),
            "Precision": st.column_config.NumberColumn(
                format="%.0f%%",
                help="Correct when named: of the photos that the model gave this class, how many belong to it.",
            ),
            "F1": st.column_config.NumberColumn(
                format="%.0f%%", help="Balance of the two: high only when both are high (harmonic mean)."
            ),
        },
    )


def show_learning(history):
    if not history.epochs:
        st.caption("Training was stopped within the first epoch, so there is no curve.")
        return
    plots.show_learning(history, len(history.epochs), "learned")
    st.caption(plots.what_is_kept(history.epochs[-1]))


def load_parts(run, history):
    """The run's photos, and the model's answers to them; where either is damaged, shows the rest and ends the page."""
    with errors.shown_errors():
        split = session.split_of(run)
        return split, load_answers(run, split, history.result)
    show_learning(history)
    st.stop()


project = navigation.need_project()
st.title("Understand")
run, history = run_picker.need_model(project)
show_answer(history)
split, answers = load_parts(run, history)
show_changes(project, run)
for crossing in crossings(split):
    st.warning(markdown(crossing), icon=":material/error:")
mixed, wrong, by_class, learned = st.tabs(["Confusions", "Mistakes", "Class by class", "How it learned"])
with mixed:
    if len(split.class_names) > plots.SCROLLING_CLASSES:
        matrix, words = st.container(), st.container()  # a large matrix needs the whole width
    else:
        matrix, words = st.columns([3, 2], gap="large")
    with matrix:
        cell = show_matrix(run, split, history.result)
    with words:
        show_confusions(split, history.result)
    if cell:
        rows = [
            i
            for i, (true, said) in enumerate(zip(answers.true_ids, answers.predicted_ids, strict=True))
            if (true, said) == cell
        ]
        true, said = (markdown(split.class_names[int(class_id)]) for class_id in cell)
        st.markdown(f"**{pluralize(len(rows), 'photo')}** of {true} classified as {said}")
        show_photos(project, split, answers, rows, f"cell-{run.id}")
with wrong:
    mistakes = list(answers.mistakes())
    st.markdown(f"{pluralize(len(mistakes), 'mistake')}, the most confident first." if mistakes else NO_MISTAKES)
    show_photos(project, split, answers, mistakes, f"mistakes-{run.id}")
with by_class:
    show_classes(split, history.result)
with learned:
    show_learning(history)
with errors.shown_errors():
    transfer_gain.show_knowledge(project, run, history)
test_set.show_opening(run, history, split)
if st.button("Try it on a photo", type="primary", icon=":material/arrow_forward:"):
    navigation.open_page("try_it", project)
