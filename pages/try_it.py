"""Classifies photos with the exported model, the same file that people download on Export."""

import random

import streamlit as st

from pages._shared import errors, frame, live_answer, navigation, run_picker, session, thumbnails
from pages._shared.label_changes import show_changes
from pages._try.answers import predict_all, show_many, show_one
from transfer_core.services import inference, runs
from transfer_core.services.export import check_of


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def load_predictor(run_id, sha256):
    """`sha256`, of the model, is part of the key: a resumed run has another."""
    return inference.load_predictor(runs.open_run(session.workspace(), run_id))


def predictor_of(run):
    """Only for who asks about a photo: the live answer needs none here."""
    return load_predictor(run.id, check_of(session.history(run)).sha256)


def ask_for_photos():
    """What is in the uploader; of zips, what is in them."""
    with st.container(key="drop-try"):
        files = st.file_uploader("Photos to classify", accept_multiple_files=True, key="try-files", max_upload_size=100)
    return inference.handed_in([(file.name, file) for file in files or []])


def show_kept_aside():
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
        answer = inference.ask_item(session.workspace(), project, predictor_of(run), item)
        show_one(answer.picture, thumbnails.item_name(item), answer.prediction, truth=item.class_name)


project = navigation.need_project()
run_picker.need_result(project, "Try")
with frame.title_row("Try", project):
    run, history = run_picker.need_model(project)
run_picker.need_export(run, history)
camera, handed_in = st.tabs(["Camera", "Photos"])
with camera:
    live_answer.show(project, run)
with handed_in, errors.shown_errors():
    photos = ask_for_photos()
    answers = predict_all(predictor_of(run), photos) if photos else []
    if len(answers) == 1:
        show_one(answers[0][1], answers[0][0], answers[0][2])
    elif answers:
        show_many(answers)
    else:
        show_kept_aside()
show_changes(project, run)  # below: what appears above the camera would turn it off
with frame.foot("The model only knows your classes. Show it anything else and it will still pick one of them."):
    if st.button("Export", type="primary", icon=":material/arrow_forward:"):
        navigation.open_run("export", project, run)
