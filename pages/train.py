"""Choose a backbone and a strategy, press Train, watch."""

import streamlit as st

from pages._shared import errors, navigation, run_card, run_picker, session
from pages._shared.label_changes import show_changes
from pages._shared.widgets import drafted_config, take_over, words
from pages._train import live, split
from pages._train.settings import show_settings
from pages._train.strategies import choose_strategy
from transfer_core.services import catalog, runs, training
from transfer_core.services.labels import count_classes, load_items, load_labelled
from transfer_core.services.splits import classes_without_val
from transfer_core.support.text import markdown
from transfer_core.support.wording import duration, pluralize

STATES = {"bundled": "on this computer", "local": "on this computer", "download": "needs a download of {} MB"}
AGAIN_TITLE = "Train again, with the same or other settings"
AGAIN = "{name} sees your {seen} again and again, "
GOING_ON = "{name}, as the earlier run left it, sees your {seen} again and again, and "
RATE = "setting-learning_rate"
PROBE = "{name} sees your {seen} once and a new layer learns your {learned}; then "
ADJUSTED = {
    "lp_ft": "all its layers are fine-tuned gently.",
    "partial": "its later layers are fine-tuned gently.",
    "gradual": "its layers are fine-tuned from the last to the first.",
}
SENTENCES = {
    "feature_extraction": "{name} sees your {seen} once; then a small new layer learns your {learned}.",
    "full": AGAIN + "and all its layers are fine-tuned to your {learned}.",
    **{name: f"{PROBE}it sees them again and again, and {words}" for name, words in ADJUSTED.items()},
    "scratch": "{name} forgets everything it knows. It sees your {seen} again and again, and learns your {learned} "
    "from them alone.",
}


@st.dialog("All backbones", width="medium")
def ask_backbone(rows, chosen, draft):
    names = list(rows)
    st.radio(
        "Backbone",
        names,
        names.index(chosen),
        format_func=lambda name: markdown(rows[name].title),
        captions=[backbone_caption(row) for row in rows.values()],
        label_visibility="collapsed",
        key="backbone",
    )
    if st.button("Use this one", type="primary", width="stretch", on_click=use_backbone, args=(chosen, draft)):
        st.rerun()


def use_backbone(before, draft):
    """Before the page is drawn again: a widget's state may not be set once the widget is there."""
    name = st.session_state["backbone"]
    if name != before:
        for own in ("frozen_stages", "learning_rate"):  # they were for the other one
            draft.pop(own, None)
        if RATE in st.session_state:
            st.session_state[RATE] = None
    draft["backbone"] = name


def choose_backbone(draft):
    rows = {entry.row.name: entry.row for entry in catalog.list_backbones(session.workspace())}
    chosen = draft.get("backbone")
    chosen = chosen if chosen in rows else catalog.BUNDLED
    row = rows[chosen]
    with st.container(border=True):
        st.subheader("Backbone", help="The pretrained network that your model is built on.")
        st.markdown(f"**{markdown(row.title)}** :{'orange' if needs_download(row) else 'green'}-badge[{state_of(row)}]")
        st.caption(markdown(row.summary))
        if st.button("All backbones", icon=":material/tune:", key="all-backbones"):
            ask_backbone(rows, chosen, draft)
    return row


def needs_download(row):
    return catalog.backbone_state(session.workspace(), row) == "download"


def state_of(row):
    return STATES[catalog.backbone_state(session.workspace(), row)].format(row.download_mb)


def backbone_caption(row):
    size = f"{row.parameters / 1e6:.1f} million parameters; reads photos at {row.preparation.size_px} pixels."
    return markdown(f"{row.summary} {size} Licence {row.licence}; {state_of(row)}.")


def sentence(photos, classes, row, config):
    """What will happen, in words made from the settings."""
    name, seen, learned = markdown(row.title), pluralize(photos, "photo"), pluralize(classes, "class", "classes")
    first = f"Graft first downloads {name} ({row.download_mb} MB). " if needs_download(row) else ""
    words = SENTENCES[config.strategy]
    if config.continue_from:
        words = GOING_ON + ADJUSTED.get(config.strategy, "all its layers are fine-tuned to your {learned}.")
    return first + words.format(name=name, seen=seen, learned=learned)


def ask_settings(project, items, label, rank, disabled):
    """Draws backbone, strategy, what both mean, and the button; below them, the rarely changed settings."""
    draft = session.settings_draft(project)
    take_over(draft)
    row = choose_backbone(draft)
    facts = catalog.facts_of(items, drafted_config(draft, row), row)
    choose_strategy(draft, row, facts)
    plan_box = st.container(border=True, key="plan")
    offer_val(draft, items)
    split.show_split(project, items, draft, lambda: drafted_config(draft, row))
    config = drafted_config(draft, row)
    show_settings(project, items, draft, row, catalog.plan(config, facts))
    config = drafted_config(draft, row)
    with plan_box:
        classes = len({item.class_name for item in items})
        with errors.shown_errors():
            seen = split.count_seen(project, items, config)
            show_plan(sentence(seen, classes, row, config), project, config)
        mention_unlabelled(project, items)
        key = f"train-{len(st.session_state.setdefault(session.STARTED, []))}"
        refused = split.pattern_problem(draft)
        if refused:
            st.error(
                "The pattern for groups, under Advanced, cannot be read. Correct it, or empty the field.",
                icon=":material/error:",
            )
        pressed = st.button(label, type=rank, icon=":material/play_arrow:", disabled=disabled or bool(refused), key=key)
        if pressed and not refused:
            start(project, config)


def mention_unlabelled(project, items):
    """Says that photos without a class stay out of the training, where there are some."""
    if left_out := len(load_items(project)) - len(items):
        have = pluralize(left_out, "photo has", "photos have")
        st.caption(f"{have} no class yet, so training leaves {'it' if left_out == 1 else 'them'} out.")


def offer_val(draft, items):
    """Offers to create validation photos from training photos, if the data came split and a class has none."""
    if lacking := classes_without_val(items):
        named = ", ".join(f"'{markdown(name)}'" for name in lacking[:5])
        st.warning(f"There are no validation photos of {named}.", icon=":material/rule:")
        draft["fill_val"] = st.toggle(**words("fill_val"), value=draft.get("fill_val", False))


def show_plan(text, project, config):
    """What will happen and how long it will take; looks again as long as the computer's speed is being measured."""
    found, coming = training.estimate_run(session.workspace(), load_labelled(project), config)
    if found is None and coming:
        st.markdown(text)
        st.fragment(wait_for_estimate, run_every=1)(project, config)
    elif found is None:
        st.markdown(text)
    else:
        about = f"About {duration(found.seconds)}.".replace(" ", "\u00a0")  # not parted by the end of a line
        st.markdown(f"{text} **{about}**")
        show_memory(found)


def wait_for_estimate(project, config):
    found, coming = training.estimate_run(session.workspace(), load_labelled(project), config)
    if found is not None or not coming:
        st.rerun()
    st.caption(
        "Graft is measuring this computer's speed, once for this backbone, to tell how long training takes. You "
        "do not have to wait."
    )


def show_memory(found):
    needed = f"{found.memory_bytes / 1e9:.1f} GB of memory"
    if found.free_bytes is None:
        st.caption(f"Training needs about {needed} on the graphics card.")
    elif found.fits:
        st.caption(f"Training needs about {needed}; {found.free_bytes / 1e9:.1f} GB are free.")
    else:
        st.warning(
            f"Training needs about {needed}, but only {found.free_bytes / 1e9:.1f} GB are free. Close other "
            "programs, or choose a smaller backbone or a smaller batch size.",
            icon=":material/memory:",
        )


def start(project, config):
    # Fetched ahead: the second click of a double click breaks this script off at the next call of Streamlit, and must
    # not find the run made but not noted.
    started, shown = st.session_state[session.STARTED], st.session_state.setdefault(session.SHOWN, {})
    with errors.shown_errors():
        with st.spinner("Checking the photos"):
            run = training.start(session.workspace(), project, config)
            started.append(run.id)
            shown[run.id] = 0
        st.query_params["run"] = run.id
        st.rerun()


project = navigation.need_project()
st.title("Train")
items = load_labelled(project)
if len(count_classes(items)) < 2:
    st.info("Training needs photos of at least two classes. Add them first.", icon=":material/add_photo_alternate:")
    if st.button("Add photos", type="primary"):
        navigation.open_page("photos", project)
    st.stop()
with errors.shown_errors():  # a worker is to be warm when Train is pressed, and no run to wait for a runner that died
    training.ensure_runner(session.workspace())
errors.show_problems(*catalog.find_problems(session.workspace()))
run_picker.need_readable(project)
found = runs.list_runs(session.workspace(), project)
run = run_picker.chosen_run(found)
if run is None:
    ask_settings(project, items, "Train", "primary", disabled=False)
else:
    busy = session.history(run).status in ("queued", "running")
    started = len(st.session_state.setdefault(session.STARTED, []))  # a new key closes it: what comes is to be seen
    with st.container(key=f"again-{started}"), st.expander(AGAIN_TITLE, icon=":material/tune:"):
        ask_settings(project, items, "Train again", "secondary", disabled=busy)
    run = run_picker.choose_run(found, run)
    if not busy:
        show_changes(project, run)
    live.show_run(project, run)
run_card.show_unreadable(project)
run_card.show_undo(project)
