"""Classifies photos with the exported model, the same file that people download on Export."""

import random

import streamlit as st

from pages._shared import errors, navigation, run_picker, session, theme, thumbnails
from pages._shared.label_changes import show_changes
from transfer_core import charts
from transfer_core.errors import DataError
from transfer_core.services import inference, runs
from transfer_core.services.export import check_of
from transfer_core.services.inference import predictions_csv
from transfer_core.support.text import markdown
from transfer_core.support.wording import percent, pluralize


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def load_predictor(run_id, sha256):
    """`sha256`, of the checked model, is part of the key: a resumed run writes its model anew."""
    return inference.load_predictor(runs.open_run(session.workspace(), run_id))


def ask_for_photos():
    """(name, bytes) pairs from the uploader or the camera."""
    upload, camera = st.tabs(["Photos", "Camera"])
    with upload:
        files = st.file_uploader("Photos to classify", accept_multiple_files=True, key="try-files", max_upload_size=100)
    with camera:
        st.caption("The picture stays on this computer.")
        shot = st.camera_input("Take a picture", key="try-camera") if st.toggle("Turn the camera on") else None
    photos = [(file.name, file.getvalue()) for file in files or []]
    return photos or ([("picture", shot.getvalue())] if shot else [])


def predict_all(predictor, photos):
    """[(name, small upright picture, prediction)] of those that can be read; the others are named with the reason."""
    answers = []
    for name, content in photos:
        try:
            answer = inference.ask(predictor, content)
        except DataError as error:
            st.error(f"{markdown(name)}: {markdown(str(error))}", icon=":material/error:")
            continue
        answers.append((name, answer.picture, answer.prediction))
    return answers


def show_one(picture, name, answer, truth=None):
    left, right = st.columns([1, 2], gap="large")
    left.image(picture, width="stretch", alt=name)
    with right:
        st.title(markdown(answer.class_name))
        st.markdown(f"Confidence: {markdown(percent(answer.confidence))}")
        if truth:
            st.caption("That is right." if truth == answer.class_name else f"Wrong: the label is {markdown(truth)}.")
        st.plotly_chart(
            charts.confidence_bars(answer.by_class(), dark=theme.is_dark()),
            theme=None,
            config=charts.CONFIG,
            key="bars",
            alt="Confidence for each class",
        )


def show_many(answers):
    st.subheader(pluralize(len(answers), "photo"))
    st.dataframe(
        {
            "File": [name for name, _, _ in answers],
            "Answer": [answer.class_name for _, _, answer in answers],
            "Confidence": [answer.confidence * 100 for _, _, answer in answers],
        },
        hide_index=True,
        column_config={"Confidence": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100)},
    )
    table = predictions_csv([(name, answer) for name, _, answer in answers])
    st.download_button("Download as a table (CSV)", table, "answers.csv", "text/csv", icon=":material/download:")


def show_kept_aside(project, run, predictor):
    """Lets people without a photo at hand try a validation photo, which the model has not trained on."""
    split = session.split_of(run)
    st.markdown(
        "No photo at hand? Use one of the validation photos: they were kept back to check the model, so it has "
        "not trained on them."
    )
    if st.button("Show me one", icon=":material/shuffle:"):
        st.session_state[session.KEPT_ASIDE] = run.id, random.randrange(len(split.val))
    of, place = st.session_state.get(session.KEPT_ASIDE, (None, 0))
    if of == run.id:
        item = split.val[place]
        answer = inference.ask_item(session.workspace(), project, predictor, item)
        show_one(answer.picture, thumbnails.item_name(item), answer.prediction, truth=item.class_name)


project = navigation.need_project()
st.title("Try")
run, history = run_picker.need_model(project)
run_picker.need_export(run, history)
show_changes(project, run)
predictor = None
with errors.shown_errors():
    predictor = load_predictor(run.id, check_of(history).sha256)
if predictor is None:
    st.stop()
answers = predict_all(predictor, ask_for_photos())
if len(answers) == 1:
    show_one(answers[0][1], answers[0][0], answers[0][2])
elif answers:
    show_many(answers)
else:
    with errors.shown_errors():
        show_kept_aside(project, run, predictor)
st.caption("The model only knows your classes. Show it anything else and it will still pick one of them.")
if st.button("Export", type="primary", icon=":material/arrow_forward:"):
    navigation.open_page("export", project)
