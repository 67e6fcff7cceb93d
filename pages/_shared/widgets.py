"""Widgets of the settings, drawn from the words and limits that each field of `TrainConfig` carries."""

from dataclasses import fields, replace

import streamlit as st

from transfer_core.config import TrainConfig, problems_of, setting
from transfer_core.services import catalog
from transfer_core.services.catalog import Backbone, Resolved

# Streamlit takes a box whose chosen option is None for an empty one, so what is drafted has a word for each value.
_OPEN = {"automatic": None, "yes": True, "no": False}


def take_over(draft: dict) -> None:
    """Drafts what the widgets hold by now, before any of them is drawn: all of the page goes by the newest settings."""
    for entry in fields(TrainConfig):
        key = f"setting-{entry.name}"
        if key in st.session_state:
            value = st.session_state[key] if st.session_state[key] != "" else None  # an emptied field
            draft[entry.name] = _OPEN.get(value) if _is_open_choice(entry.name) else value


def drafted_config(draft: dict, backbone: Backbone) -> TrainConfig:
    """The settings as drafted; what a draft of an older page holds and no longer fits is left to the rules."""
    asked = {name: value for name, value in draft.items() if name in {entry.name for entry in fields(TrainConfig)}}
    asked |= {"backbone": backbone.name}
    config = TrainConfig(**{name: value for name, value in asked.items() if name not in problems_of(asked)})
    if config.strategy in ("feature_extraction", *catalog.SCRATCH):  # none begins with an earlier run
        config = replace(config, continue_from=None, l2_sp=0.0)
    return catalog.without_idle(config)


def words(name: str) -> dict[str, str]:
    """Label, help and key of a setting's widget."""
    entry = setting(name)
    return {"label": entry["label"], "help": entry["help"], "key": f"setting-{name}"}


def setting_widget(name: str, draft: dict, resolved: Resolved):
    """Draws the widget of one field of `TrainConfig`, with its own words and limits; returns and drafts its value.

    Where a rule decides as long as nobody else does, the widget says what it comes to, and its help why.
    """
    entry, common = setting(name), words(name)
    drafted, default = draft.get(name, getattr(TrainConfig(), name)), getattr(resolved.config, name)
    automatic = "automatic"
    if name in resolved.reasons:
        automatic = f"automatic: {default:g}" if isinstance(default, int | float) else automatic
        common["help"] += f" **Automatic: {_said(default)}.** {resolved.reasons[name]}"
    if "choices" in entry:
        choices = list(entry["choices"])
        draft[name] = st.selectbox(index=choices.index(drafted), options=choices, format_func=str.capitalize, **common)
    elif isinstance(getattr(TrainConfig(), name), bool):
        draft[name] = st.toggle(value=drafted, **common)
    elif "min" in entry:
        draft[name] = st.number_input(
            min_value=entry["min"],
            max_value=entry["max"],
            value=drafted,
            step=entry.get("step"),
            format="%g" if isinstance(entry["min"], float) else None,
            placeholder=automatic,
            **common,
        )
    else:
        # The words may never change: Streamlit knows a choice by them, and would give back those of the run before.
        place = list(_OPEN.values()).index(drafted)
        draft[name] = _OPEN.get(st.selectbox(index=place, options=list(_OPEN), format_func=str.capitalize, **common))
    return draft[name]


def _is_open_choice(name: str) -> bool:
    """Whether it is yes, no, or left to a rule."""
    return next(entry.type for entry in fields(TrainConfig) if entry.name == name) == (bool | None)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else "not used"
