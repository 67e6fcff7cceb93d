"""The trained model to take away, once its export has been checked."""

import streamlit as st

from pages._shared import ui
from transfer_core.export.bundle import ensure_bundle
from transfer_core.export.model_card import write_card
from transfer_core.support.text import file_size
from transfer_core.workspace import read_json

USE = """pip install onnxruntime pillow
python predict.py photo.jpg"""


def show_check(check):
    same = check["checked"] - check["changed_labels"]
    said = f"Gives the same answers as here: **{same} of {check['checked']}** photos"
    if check["changed_labels"]:
        st.warning(
            f"{said}. The largest difference of a confidence is {check['max_difference']:.3f}.", icon=":material/error:"
        )
    else:
        differ = (
            "less than one in a million" if check["max_difference"] < 1e-6 else f"at most {check['max_difference']:.6f}"
        )
        st.success(f"{said}; how sure it is differs by {differ}.", icon=":material/check_circle:")


def show_zip(project, run, history):
    with st.container(border=True, key="card-zip"):
        st.subheader("For a program, or another computer (ONNX)")
        show_check(history.steps["export"].result)
        bundle = ensure_bundle(run, history)
        st.markdown(
            "A zip with the model, its class names, a description of what it can and cannot do, and a short Python "
            "script that predicts. It needs neither Graft nor PyTorch, nor the internet."
        )
        st.download_button(
            f"Download ({file_size(bundle.stat().st_size)})",
            bundle.read_bytes(),
            f"{project.id}.zip",
            "application/zip",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
            key="download-zip",
        )
        st.caption("Unpack it, then, where Python is installed:")
        st.code(USE, language=None)


project = ui.need_project()
st.title("Take along")
run, history = ui.need_model(project)
ui.need_export(run, history)
show_zip(project, run, history)
with st.expander("What the description says", icon=":material/description:"):
    st.markdown(write_card(run, history, ui.split_of(run), read_json(project.folder / "project.json")))
if st.button("Back to all projects", icon=":material/home:"):
    st.switch_page("pages/home.py")
