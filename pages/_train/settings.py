"""The settings that most people leave alone: augmentation, and what is behind "Advanced"."""

import streamlit as st

from pages._shared import run_picker, session
from pages._shared.widgets import drafted_config, setting_widget
from pages._train import previews, split
from transfer_core.services import runs
from transfer_core.services.catalog import BACKBONE

ALWAYS = ("epochs", "class_weights", "seed")
PRETRAINED = "pretrained"  # no run's id
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


def show_settings(project, items, draft, row, planned):
    """Both boxes; what is chosen goes into `draft`.

    `row` is the backbone's. `planned` is what `strategies.plan` makes of the draft: which phases there are, and what
    the rules decide.
    """
    phases, resolved = planned
    strategy = resolved.config.strategy
    learns = any(phase.trains == BACKBONE for phase in phases)
    if learns:
        with st.container(border=True):
            st.markdown("**Augmentation**: training photos changed a little each time")
            for name in ("augmentation", "mirror", "upside_down"):
                setting_widget(name, draft, resolved)
            preview = st.container()
    with st.container(border=True):
        st.markdown("**Settings**")
        st.caption("Automatic picks a value for you. Hover over a question mark to see which, and why.")
        views = ("views",) if strategy == "partial" else ()
        names = (*ALWAYS[:-1], *(LEARNING if learns else ()), *views, ALWAYS[-1])
        for column, part in zip(st.columns(2), (names[::2], names[1::2]), strict=True):
            with column:
                for name in part:
                    setting_widget(name, draft, resolved)
        split.choose_groups(project, items, draft, drafted_config(draft, row))
        if learns:
            choose_beginning(project, draft, row)
            # Only now is every setting chosen that either of them is about.
            config = drafted_config(draft, row)
            previews.show_rate_finder(project, config, draft)
    if learns:
        with preview:
            previews.show_preview(project, config)


def choose_beginning(project, draft, row):
    """Whether to begin with pretrained weights, or where an earlier run of this backbone ended."""
    found = {run.id: run for run in runs.list_runs(session.workspace(), project) if can_go_on(run, row)}
    if not found:
        draft.pop("continue_from", None)
        return
    options = {PRETRAINED: "pretrained weights", **run_picker.run_titles(found.values())}
    chosen = draft.get("continue_from")
    name = st.selectbox(
        "Start from",
        list(options),
        list(options).index(chosen) if chosen in options else 0,
        format_func=options.get,
        key="begin-with",
        help="Pretrained weights, or an earlier run of this project with the same backbone.",
    )
    draft["continue_from"] = None if name == PRETRAINED else name


def can_go_on(run, row):
    return run.config.backbone == row.name and session.history(run).result is not None
