"""Before a run: three cards, the network, what will happen, and the button in the foot; the rest under Advanced."""

from dataclasses import replace

import streamlit as st

from pages._shared import errors, frame, session
from pages._shared.widgets import drafted_config, take_over, words
from pages._train import split
from pages._train.backbone import choose_backbone, needs_download
from pages._train.settings import show_settings
from pages._train.strategies import FRONT, OTHERS, choose_strategy, is_possible, show_stages
from transfer_core.services import catalog, training
from transfer_core.services.labels import labelled, load_items, load_labelled
from transfer_core.services.splits import classes_without_val
from transfer_core.support.text import markdown
from transfer_core.support.wording import duration, pluralize

NUMBERS = {2: "both", 3: "all three"}
AGAIN = "{name} sees your {seen} again and again, "
GOING_ON = "{name}, as the earlier run left it, sees your {seen} again and again, and "
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
    "scratch_small": "{name} forgets everything it knows. It sees your {seen} again and again, 64 pixels small, and "
    "learns your {learned} from them alone.",
}


def show_setup(project, items, found, label):
    """Draws everything, and starts a run when its button is pressed.

    Args:
        found: The project's runs, the newest first.
        label: Of the button.
    """
    draft = session.settings_draft(project)
    take_over(draft)
    cards = st.container()
    row = choose_backbone(project, draft)
    facts = catalog.facts_of(items, drafted_config(draft, row), row)
    with cards:
        choose_strategy(FRONT, items, draft, row, facts, found)
    plan = st.container()
    offer_val(draft, items)
    with st.expander("Advanced", icon=":material/settings:", key="advanced"):
        st.markdown(
            "**Other strategies**", help="A strategy says how much of the pretrained network your photos change."
        )
        choose_strategy(OTHERS, items, draft, row, facts, found)
        show_stages(draft, row, facts)
        split.show_split(project, items, draft, lambda: drafted_config(draft, row))
        config = drafted_config(draft, row)
        show_settings(project, items, draft, row, catalog.plan(config, facts))
    config = drafted_config(draft, row)
    with plan, errors.shown_errors():
        split.show_crossings(project, config)
        seen = split.count_seen(project, items, config)
        show_plan(sentence(seen, len({item.class_name for item in items}), row, config), project, config)
        mention_unlabelled(project)
    refused = split.pattern_problem(draft)
    if refused:
        st.error(
            "The pattern for groups, under Advanced, cannot be read. Correct it, or empty the field.",
            icon=":material/error:",
        )
    with frame.foot(state_line(project, config)):
        if found and st.button("Back to the results", key="back-to-run"):
            st.session_state.pop(session.SETTING_UP, None)
            st.rerun()
        everything = offer_all(items, config, facts)
        key = f"train-{len(st.session_state.setdefault(session.STARTED, []))}"
        pressed = st.button(label, type="primary", icon=":material/play_arrow:", disabled=bool(refused), key=key)
    if everything:
        start(project, everything)
    if pressed and not refused:
        start(project, [config])


def offer_all(items, config, facts):
    """A button that trains the three one after the other, the quickest first; their settings when it is pressed."""
    configs = [
        catalog.without_idle(replace(config, strategy=entry.name, continue_from=None, frozen_stages=None))
        for entry in FRONT
        if is_possible(entry.name, facts)
    ]
    found = [training.estimate_run(session.workspace(), items, each)[0] for each in configs]
    about = f", about {duration(sum(entry.seconds for entry in found if entry))}" if all(found) else ""
    label = f"Train {NUMBERS[len(configs)]}{about}"
    words = "One after the other, the quickest first. Compare them afterwards."
    return configs if st.button(label, key="train-all", help=words) else None


def state_line(project, config):
    """What the button will begin, and how long it takes."""
    name = catalog.STRATEGIES[config.strategy].title
    found, _ = training.estimate_run(session.workspace(), load_labelled(project), config)
    about = f", about {duration(found.seconds)}" if found else ""
    return f"{markdown(name)}{markdown(about)}"


def sentence(photos, classes, row, config):
    """What will happen, in words made from the settings."""
    name, seen, learned = markdown(row.title), pluralize(photos, "photo"), pluralize(classes, "class", "classes")
    first = f"Graft first downloads {name} ({row.download_mb} MB). " if needs_download(row) else ""
    text = SENTENCES[config.strategy]
    if config.continue_from:
        text = GOING_ON + ADJUSTED.get(config.strategy, "all its layers are fine-tuned to your {learned}.")
    return first + text.format(name=name, seen=seen, learned=learned)


def mention_unlabelled(project):
    """Says that photos without a class stay out of the training, where there are some."""
    everything = load_items(project)  # in one look: photos may be coming in
    if left_out := len(everything) - len(labelled(everything)):
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
        "Graft is measuring this computer's speed, once for this network, to tell how long training takes. You "
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
            "programs, or choose a smaller network or a smaller batch size.",
            icon=":material/memory:",
        )


def start(project, configs):
    """Queues a run for each, and shows the first of them."""
    # Fetched ahead: the second click of a double click breaks this script off at the next call of Streamlit, and must
    # not find the run made but not noted.
    state = st.session_state
    started, shown = state[session.STARTED], state.setdefault(session.SHOWN, {})
    with errors.shown_errors():
        with st.spinner("Starting"):
            runs = [training.start(session.workspace(), project, config) for config in configs]
            started.extend(run.id for run in runs)
            shown.update({run.id: 0 for run in runs})
            state.pop(session.SETTING_UP, None)
        st.query_params["run"] = runs[0].id
        st.rerun()
