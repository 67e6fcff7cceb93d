"""The trained model as a download, once its export has been checked."""

import streamlit as st

from pages._shared import errors, frame, navigation, run_picker
from transfer_core.services.export import build_bundle, check_of, model_card
from transfer_core.support.wording import file_size

USE = """pip install onnxruntime pillow
python predict.py photo.jpg"""


def show_check(export):
    same = export.checked - export.changed_labels
    said = (
        f"Same answers as in Graft on **{same} of {export.checked}** validation photos (kept back to check the model)"
    )
    if export.changed_labels:
        st.warning(f"{said}. The confidences differ by up to {export.max_difference:.3f}.", icon=":material/error:")
    else:
        differ = "less than 0.000001" if export.max_difference < 1e-6 else f"at most {export.max_difference:.6f}"
        st.success(f"{said}; the confidences differ by {differ}.", icon=":material/check_circle:")


def show_program():
    with st.container(border=True, height="stretch", key="card-zip"):
        st.subheader("For a program, or another computer (ONNX)", anchor=False)
        st.markdown(
            "A zip with the model, its class names, a model card that says what it can and cannot do, and a "
            "short Python script that classifies photos. It works without Graft, PyTorch and internet."
        )
        st.caption("Unpack the zip. On a computer with Python, type:")
        st.code(USE, language=None)


def offer_download(bundle):
    with frame.foot(f"The model of **{run_picker.title_of(run)}**"):
        if st.button("Back to projects", icon=":material/home:"):
            st.switch_page("pages/home.py")
        st.download_button(
            f"Download ({file_size(len(bundle))})",
            bundle,
            f"{project.id}.zip",
            "application/zip",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
            key="download-zip",
        )


project = navigation.need_project()
run_picker.need_result(project, "Export")
with frame.title_row("Export", project):
    run, history = run_picker.need_model(project, best_first=True)
run_picker.need_export(run, history)
with errors.shown_errors():
    show_check(check_of(history))
    show_program()
    with st.expander("Read the model card", icon=":material/description:"):
        st.markdown(model_card(run, history))
    offer_download(build_bundle(run, history))
