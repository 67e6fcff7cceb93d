"""Choose what learns, press Train, watch."""

import streamlit as st

from pages import _live, _ui
from transfer_core import charts, pipeline, runs, strategies
from transfer_core.backbones import catalog, weights
from transfer_core.config import TrainConfig
from transfer_core.data.items import count_classes, load_items
from transfer_core.runner.launch import ensure_runner
from transfer_core.text import counted, markdown

LAYER_NAMES = ("first layers", "stage 2", "stage 3", "stage 4", "last stage", "new part")
STATES = {"embedded": "on this computer", "local": "on this computer", "download": "needs a download of {} MB"}
ADVANCED = ("epochs", "batch_size", "learning_rate", "augmentation", "val_fraction", "seed")


def choose_backbone():
    folder = _ui.workspace().weights_dir
    rows = {row.name: row for row in catalog.rows(folder)}
    draft = st.session_state.setdefault(_ui.SETTINGS, {})
    names = list(rows)
    chosen = draft.get("backbone", catalog.EMBEDDED)
    with st.container(border=True):
        st.subheader("Backbone", help="The pretrained network that looks at your photos.")
        place = st.container()
        with st.expander("All backbones"):
            chosen = st.radio(
                "Backbone",
                names,
                names.index(chosen) if chosen in names else 0,
                format_func=lambda name: rows[name].title,
                captions=[backbone_caption(row) for row in rows.values()],
                label_visibility="collapsed",
            )
        draft["backbone"] = chosen
        row = rows[chosen]
        with place:
            st.markdown(f"**{markdown(row.title)}** :green-badge[{state_of(row)}]")
            st.caption(markdown(row.summary))
    return row


def state_of(row):
    return STATES[weights.state(row, _ui.workspace().weights_dir)].format(row.download_mb)


def backbone_caption(row):
    size = f"{row.parameters / 1e6:.1f} million parameters, looks at {row.preparation.size_px} px"
    return markdown(f"{row.summary} {size}, licence {row.licence}, {state_of(row)}.")


def choose_strategy():
    table = strategies.STRATEGIES
    draft = st.session_state.setdefault(_ui.SETTINGS, {})
    with st.container(border=True):
        st.subheader("What may learn")
        name = st.radio(
            "What may learn",
            list(table),
            list(table).index(draft.get("strategy", "feature_extraction")),
            format_func=lambda name: table[name].title,
            horizontal=True,
            label_visibility="collapsed",
        )
        draft["strategy"] = name
        figure = charts.layers(LAYER_NAMES, table[name].layers_learn, dark=_ui.is_dark())
        st.plotly_chart(
            figure, theme=None, config=charts.CONFIG, key="layers", alt="Grey layers stay as they are, green ones learn"
        )
        st.caption(f"Grey stays as it is, green learns. {table[name].summary}")
    return name


def choose_advanced():
    """Returns the settings that differ from the defaults, by name."""
    draft = {}
    with st.expander("Advanced", icon=":material/tune:"):
        defaults = TrainConfig()
        for name in ADVANCED:
            _ui.setting_widget(name, draft, getattr(defaults, name))
    return draft


def sentence(photos, classes, row, strategy):
    if strategy == "feature_extraction":
        return (
            f"{markdown(row.title)} looks at your {counted(photos, 'photo')} once; then a small new part learns your "
            f"{counted(classes, 'class', 'classes')}."
        )
    return (
        f"{markdown(row.title)} looks at your {counted(photos, 'photo')} again and again, and all its layers are "
        f"adjusted to your {counted(classes, 'class', 'classes')}. This can take minutes."
    )


def start(project, row, strategy, advanced):
    with _ui.shown_errors():
        config = TrainConfig(backbone=row.name, strategy=strategy, **advanced)
        with st.spinner("Checking the photos"):
            run = pipeline.start(_ui.workspace(), project, config)
        st.session_state.setdefault(_ui.SHOWN, {})[run.id] = 0
        st.query_params["run"] = run.id
        st.rerun()


def current_run(project):
    """The run in the address if it is this project's, else the newest; None before the first."""
    found = runs.list_runs(_ui.workspace(), project)
    wanted = [run for run in found if run.id == st.query_params.get("run")]
    return (wanted or found or [None])[0]


project = _ui.need_project()
st.title("Train")
classes = count_classes(load_items(project))
if len(classes) < 2:
    st.info("Training needs photos of at least two classes. Add them first.", icon=":material/add_photo_alternate:")
    if st.button("Add photos", type="primary"):
        _ui.open_page("photos", project)
    st.stop()
run = current_run(project)
busy = run is not None and _ui.history(run).status in ("queued", "running")
if busy:
    ensure_runner(_ui.workspace())  # a queued run must not wait for a runner that died
left, right = st.columns([5, 9], gap="medium")
with left:
    row = choose_backbone()
    strategy = choose_strategy()
    advanced = choose_advanced()
with right:
    with st.container(border=True, key="plan"):
        st.markdown(sentence(sum(classes.values()), len(classes), row, strategy))
        label, rank = ("Train again", "secondary") if run else ("Train", "primary")
        if st.button(label, type=rank, icon=":material/play_arrow:", disabled=busy, key="train"):
            start(project, row, strategy, advanced)
    if run is None:
        _live.show_waiting()
    else:
        _live.show_run(project, run)
