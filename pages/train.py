"""Choose what learns, press Train, watch."""

import streamlit as st

from pages import _live, _ui
from transfer_core import charts, pipeline, runs, strategies
from transfer_core.backbones import catalog, weights
from transfer_core.config import TrainConfig
from transfer_core.data.items import count_classes, load_items
from transfer_core.runner.launch import ensure_runner
from transfer_core.text import counted, duration, markdown

STATES = {"embedded": "on this computer", "local": "on this computer", "download": "needs a download of {} MB"}
ADVANCED = ("epochs", "batch_size", "learning_rate", "augmentation", "val_fraction", "seed")


@st.dialog("All backbones", width="medium")
def ask_backbone(rows, chosen, draft):
    names = list(rows)
    name = st.radio(
        "Backbone",
        names,
        names.index(chosen),
        format_func=lambda name: markdown(rows[name].title),
        captions=[backbone_caption(row) for row in rows.values()],
        label_visibility="collapsed",
        key="backbone",
    )
    if st.button("Use this one", type="primary", width="stretch"):
        draft["backbone"] = name
        st.rerun()


def choose_backbone(draft):
    rows = {row.name: row for row in catalog.rows(_ui.workspace().weights_dir)}
    chosen = draft.get("backbone")
    chosen = chosen if chosen in rows else catalog.EMBEDDED
    row = rows[chosen]
    with st.container(border=True):
        st.subheader("Backbone", help="The pretrained network that looks at your photos.")
        st.markdown(f"**{markdown(row.title)}** :{'orange' if needs_download(row) else 'green'}-badge[{state_of(row)}]")
        st.caption(markdown(row.summary))
        if st.button("All backbones", icon=":material/tune:", key="all-backbones"):
            ask_backbone(rows, chosen, draft)
    return row


def needs_download(row):
    return weights.state(row, _ui.workspace().weights_dir) == "download"


def state_of(row):
    return STATES[weights.state(row, _ui.workspace().weights_dir)].format(row.download_mb)


def backbone_caption(row):
    size = f"{row.parameters / 1e6:.1f} million parameters; reads photos at {row.preparation.size_px} pixels."
    return markdown(f"{row.summary} {size} Licence {row.licence}; {state_of(row)}.")


def choose_strategy(draft, row):
    table = strategies.STRATEGIES
    with st.container(border=True):
        chosen = draft.get("strategy", "feature_extraction")
        st.subheader("What may learn", help=f"{table[chosen].expert} Source: {table[chosen].source}.")
        name = st.radio(
            "What may learn",
            list(table),
            list(table).index(chosen),
            format_func=lambda name: table[name].title,
            horizontal=True,
            label_visibility="collapsed",
            key="strategy",
        )
        draft["strategy"] = name
        phases, _ = strategies.plan(TrainConfig(strategy=name), strategies.Facts((1,), row))
        names = (*row.stage_names, "new part")
        figure = charts.layers(names, strategies.layers_that_learn(phases, row), dark=_ui.is_dark())
        st.plotly_chart(
            figure, theme=None, config=charts.CONFIG, key="layers", alt="Grey layers stay as they are, green ones learn"
        )
        st.caption(f"Grey stays as it is, green learns. {table[name].summary}")
    return name


def choose_advanced(draft):
    """The settings behind "Advanced", by name."""
    with st.expander("Advanced", icon=":material/settings:"):
        defaults = TrainConfig()
        return {name: _ui.setting_widget(name, draft, getattr(defaults, name)) for name in ADVANCED}


def sentence(photos, classes, row, strategy):
    """What will happen, in words made from the settings."""
    name, seen, learned = markdown(row.title), counted(photos, "photo"), counted(classes, "class", "classes")
    first = f"{name} is downloaded first ({row.download_mb} MB). " if needs_download(row) else ""
    if strategy == "feature_extraction":
        return f"{first}{name} looks at your {seen} once; then a small new part learns your {learned}."
    return f"{first}{name} looks at your {seen} again and again, and all its layers are adjusted to your {learned}."


def ask_settings(project, classes, label, rank, disabled):
    """Backbone, what may learn, what that means, and the button."""
    draft = _ui.settings_draft(project)
    left, right = st.columns(2)
    with left:
        row = choose_backbone(draft)
        advanced = choose_advanced(draft)
    with right:
        strategy = choose_strategy(draft, row)
    with st.container(border=True, key="plan"):
        text = sentence(sum(classes.values()), len(classes), row, strategy)
        with _ui.shown_errors():
            show_plan(text, project, TrainConfig(backbone=row.name, strategy=strategy, **advanced))
        key = f"train-{len(st.session_state.setdefault(_ui.STARTED, []))}"
        if st.button(label, type=rank, icon=":material/play_arrow:", disabled=disabled, key=key):
            start(project, row, strategy, advanced)


def show_plan(text, project, config):
    """What will happen and how long it will take; looks again as long as the computer's speed is being measured."""
    found, coming = pipeline.estimate_run(_ui.workspace(), load_items(project), config)
    if found is None and coming:
        st.markdown(text)
        st.fragment(wait_for_estimate, run_every=1)(project, config)
    elif found is None:
        st.markdown(text)
    else:
        st.markdown(f"{text} **About {duration(found.seconds)}.**")
        show_memory(found)


def wait_for_estimate(project, config):
    found, coming = pipeline.estimate_run(_ui.workspace(), load_items(project), config)
    if found is not None or not coming:
        st.rerun()
    st.caption("How long? This computer's speed is being measured, once for this backbone. You need not wait for it.")


def show_memory(found):
    needed = f"{found.memory_bytes / 1e9:.1f} GB of memory"
    if found.free_bytes is None:
        st.caption(f"Needs about {needed} on the graphics card.")
    elif found.fits:
        st.caption(f"Needs about {needed}; {found.free_bytes / 1e9:.1f} GB are free.")
    else:
        st.warning(
            f"Needs about {needed}, and {found.free_bytes / 1e9:.1f} GB are free. Close other programs, or choose a "
            "smaller backbone or a smaller batch size.",
            icon=":material/memory:",
        )


def start(project, row, strategy, advanced):
    # Fetched ahead: the second click of a double click breaks this script off at the next call of Streamlit, and must
    # not find the run made but not noted.
    started, shown = st.session_state[_ui.STARTED], st.session_state.setdefault(_ui.SHOWN, {})
    with _ui.shown_errors():
        config = TrainConfig(backbone=row.name, strategy=strategy, **advanced)
        with st.spinner("Checking the photos"):
            run = pipeline.start(_ui.workspace(), project, config)
            started.append(run.id)
            shown[run.id] = 0
        st.query_params["run"] = run.id
        st.rerun()


project = _ui.need_project()
st.title("Train")
classes = count_classes(load_items(project))
if len(classes) < 2:
    st.info("Training needs photos of at least two classes. Add them first.", icon=":material/add_photo_alternate:")
    if st.button("Add photos", type="primary"):
        _ui.open_page("photos", project)
    st.stop()
with _ui.shown_errors():  # a worker is to be warm when Train is pressed, and no run to wait for a runner that died
    ensure_runner(_ui.workspace())
found = runs.list_runs(_ui.workspace(), project)
run = _ui.chosen_run(found)
if run is None:
    ask_settings(project, classes, "Train", "primary", disabled=False)
else:
    busy = _ui.history(run).status in ("queued", "running")
    with st.expander("Train again, with these or other settings", icon=":material/tune:"):
        ask_settings(project, classes, "Train again", "secondary", disabled=busy)
    _live.show_run(project, _ui.choose_run(found, run))
