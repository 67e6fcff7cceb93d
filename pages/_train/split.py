"""The split into training, validation and test photos: bars per class, a slider for each share, and groups."""

import streamlit as st

from pages._shared import errors, session, theme
from pages._shared.widgets import words
from transfer_core import charts
from transfer_core.config import MOST_ASIDE, setting
from transfer_core.data.split_names import WORDS
from transfer_core.services import splits
from transfer_core.services.labels import load_labelled, version
from transfer_core.services.splits import given_part, has_test_part
from transfer_core.support import safe_regex
from transfer_core.support.text import markdown, plain, shorten
from transfer_core.support.wording import pluralize

EXAMPLES = 3
PUSHED = "pushed-slider"
DECIDE = ("val_fraction", "test_fraction", "group_pattern", "fill_val", "seed", "continue_from", "backbone")


def show_split(project, items, draft, make_config):
    """The bars, and a slider for each share that the data leaves open; what is chosen goes into `draft`."""
    with st.container(border=True):
        st.markdown("**Training, validation and test photos**")
        sliders = st.columns(2, gap="large")
        with sliders[0]:
            if given_part(items):
                st.caption("Your photos came with a validation set.")
            else:
                share_slider("val_fraction", draft, "test_fraction")
        with sliders[1]:
            if has_test_part(items):
                st.caption("Your photos came with a test set. It is kept for the final test.")
            else:
                share_slider("test_fraction", draft, "val_fraction")
        found = look_ahead(project, make_config())
        if found.counts:
            show_bars(found.counts)
        for problem in found.problems:
            st.warning(markdown(problem), icon=":material/rule:")


def show_crossings(project, config):
    """What photos on both sides of a split that was given mean."""
    for crossing in look_ahead(project, config).crossings:
        st.warning(markdown(crossing), icon=":material/error:")


def share_slider(name, draft, other):
    entry, common = setting(name), words(name)
    # Said anew each time: a browser that was not told of an earlier one would take the least share there is. Only of
    # one that was pushed Streamlit knows the value already, and would warn of a second.
    if st.session_state.get(PUSHED) == common["key"]:
        del st.session_state[PUSHED]
    else:
        common["value"] = float(draft.get(name, 0.2 if name == "val_fraction" else 0.0))
    draft[name] = st.slider(
        min_value=entry["min"],
        max_value=entry["max"],
        step=entry["step"],
        format="percent",
        on_change=leave_room,
        args=(f"setting-{name}", f"setting-{other}"),
        **common,
    )


def leave_room(moved, other):
    """Pushes the other slider back if both together would leave too few training photos."""
    room = MOST_ASIDE - st.session_state[moved]
    if st.session_state.get(other, 0) > room:
        st.session_state[other] = round(room, 2)
        st.session_state[PUSHED] = other


def show_bars(counts):
    names, parts = list(counts), list(zip(*counts.values(), strict=True))
    train, val, test = parts
    figure = charts.class_counts(names, train, val, test if any(test) else None, dark=theme.is_dark())
    said = ", ".join(f"{sum(counts):,} {way}" for counts, way in zip(parts, WORDS.values(), strict=True))
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key="parts", alt=f"Photos per class: {said}")
    st.caption(
        f"Photos: {said}. Validation photos are kept back to check the model, test photos for the final test. "
        "Copies of a photo, and photos of the same group, stay on the same side."
    )


def choose_groups(project, items, draft, config):
    """The field for the pattern, and what it finds."""
    common = words("group_pattern")
    drafted = draft.get("group_pattern") or ""
    placeholder, noted = f"such as {safe_regex.EXAMPLE}", (project, common["key"])
    typed = st.text_input(value=drafted, placeholder=placeholder, on_change=note_groups, args=noted, **common)
    draft["group_pattern"] = typed or None
    if problem := pattern_problem(draft):
        st.error(markdown(problem), icon=":material/error:")
        return
    found = look_ahead(project, config)
    groups, alone = found.groups, found.ungrouped
    if groups:
        named = ", ".join(f"**{markdown(shorten(name, 24))}**" for name in groups[:EXAMPLES])
        origin = "Found" if typed else "Your photos came with"
        rest = (
            f" {pluralize(alone, 'photo belongs', 'photos belong')} to no group and may go anywhere." if alone else ""
        )
        st.caption(f"{origin} {pluralize(len(groups), 'group')}, for example {named}.{rest}")
    elif typed:
        example = markdown(plain(items[0].path))
        st.warning(f"The pattern finds nothing. A path looks like this: {example}", icon=":material/search_off:")
    elif suggested := splits.suggest_groups(project):
        st.caption(f"{markdown(suggested.in_words())}. To keep photos named alike together, copy this into the field:")
        st.code(suggested.pattern, language=None)
    else:
        st.caption(
            "For several photos of the same person, plant or day. For example, "
            f"{markdown(safe_regex.EXAMPLE)} finds p07 in p07\\_left.jpg."
        )


def note_groups(project, key):
    """What was typed is an answer to the question on Photos; one that cannot be used is not."""
    with errors.shown_errors():
        if not safe_regex.problem_of(typed := st.session_state[key]) or not typed:
            session.workspace().keep_groups(project, typed)


def pattern_problem(draft):
    """What is wrong with the pattern that was typed, or None."""
    return safe_regex.problem_of(draft["group_pattern"]) if draft.get("group_pattern") else None


def count_seen(project, items, config):
    """How many photos the network will see: all but the test photos."""
    counts = look_ahead(project, config).counts.values()
    return sum(train + val for train, val, _ in counts) if counts else len(items)


def look_ahead(project, config):
    """What these settings make of the photos: a `splits.LookAhead`."""
    key = tuple(getattr(config, name) for name in DECIDE)
    # The version before the items: an answer may be newer than what it is remembered by, never older.
    return _look_ahead(project.id, version(project), key, load_labelled(project), config)


@st.cache_data(max_entries=20, show_spinner=False)
def _look_ahead(project_id, labels_version, key, _items, _config):
    return splits.look_ahead(session.workspace(), _items, _config)
