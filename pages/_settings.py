"""Everything about a run that most people leave alone: variations of the photos, and what is behind "Advanced"."""

import streamlit as st

from pages import _experiments, _ui
from pages._widgets import setting_widget
from transfer_core import runs
from transfer_core.strategies import BACKBONE

ALWAYS = ("epochs", "class_weights", "val_fraction", "seed")
LEARNING = (
    "batch_size",
    "learning_rate",
    "backbone_share",
    "layer_decay",
    "label_smoothing",
    "weight_decay",
    "l2_sp",
    "mixup",
    "cutmix",
    "average_weights",
    "early_stopping",
)


def show_settings(project, draft, config, planned):
    """Both boxes; what is chosen goes into `draft`.

    `planned` is what `strategies.plan` made of `config`: which phases there are, and what the rules decided.
    """
    phases, settled = planned
    learns = any(phase.trains == BACKBONE for phase in phases)
    if learns:
        with st.expander("Variations of your photos", icon=":material/auto_awesome_motion:"):
            choose_variations(project, draft, config, settled)
    with st.expander("Advanced", icon=":material/settings:"):
        st.caption('"Automatic" follows a rule; what it comes to, and why, stands behind each question mark.')
        names = (*ALWAYS[:2], *(LEARNING if learns else ()), *ALWAYS[2:])
        names = (*names[:-2], "views", *names[-2:]) if config.strategy == "partial" else names
        for column, part in zip(st.columns(2), (names[::2], names[1::2]), strict=True):
            with column:
                for name in part:
                    setting_widget(name, draft, settled)
        if learns:
            choose_beginning(project, draft, config)
            _experiments.show_rate_finder(project, config, draft)


def choose_variations(project, draft, config, settled):
    for name in ("augmentation", "mirror", "upside_down"):
        setting_widget(name, draft, settled)
    _experiments.show_preview(project, config)


def choose_beginning(project, draft, config):
    """Whether to begin with the pretrained weights, or where an earlier run of this backbone ended."""
    found = {run.id: run for run in runs.list_runs(_ui.workspace(), project) if can_go_on(run, config)}
    if not found:
        draft.pop("continue_from", None)
        return
    options = [None, *found]
    chosen = draft.get("continue_from")
    draft["continue_from"] = st.selectbox(
        "Begin with",
        options,
        options.index(chosen) if chosen in options else 0,
        format_func=lambda name: _ui.run_title(found[name]) if name else "the pretrained weights",
        key="setting-continue_from",
        help="An earlier run of this project with the same backbone can be gone on from.",
    )


def can_go_on(run, config):
    return run.config.backbone == config.backbone and _ui.history(run).result is not None
