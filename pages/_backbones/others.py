"""Networks that are not in the catalogue: any of timm's by name, with its own weights or with weights from a file."""

import streamlit as st

from pages._shared import errors, session
from transfer_core.services import weights
from transfer_core.support.text import markdown

ADDED = "backbone_added"  # a sentence about the network that was added last, until the next look


def offer_others():
    """Draws the fields under one line that most people never open."""
    if told := st.session_state.pop(ADDED, None):
        st.success(told, icon=":material/check:")
    with st.expander("Another network, or weights of your own", icon=":material/science:", key="other-backbones"):
        st.markdown(
            "For experts: every image network of the library timm can be added by its name there. We have not checked "
            "these. If you have weights of your own for it, hand in their file as well."
        )
        name = st.text_input("Name in timm", placeholder="resnet34.a1_in1k", key="timm-name", max_chars=100)
        title = st.text_input("Call it (optional)", key="own-title", max_chars=60)
        file = st.file_uploader(
            "Weights (optional)",
            ["safetensors", "pth", "pt", "bin"],
            key="own-weights",
            help="Nothing but weights is read from it. At least 95% of the network's tensors have to be in it.",
        )
        if st.button("Add this network", key="add-network", disabled=not name.strip()):
            with errors.shown_errors():
                with st.spinner("Asking timm about it"):
                    content = (file.name, file.getvalue()) if file else None
                    added = weights.add_upload(session.workspace(), name.strip(), title.strip(), content)
                st.session_state[ADDED] = sentence(added)
                st.rerun()


def sentence(added):
    name = markdown(added["name"])
    if "total" not in added:
        return f"{name} is in the list now. Its weights are downloaded with its first run, or when you ask for it."
    missing = f" Not in the file: {markdown(', '.join(added['missing'][:5]))}." if added["missing"] else ""
    return f"{name} is in the list now. {added['matched']} of its {added['total']} tensors came from the file.{missing}"
