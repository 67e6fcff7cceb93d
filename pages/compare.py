"""Compares runs: which is best, whether the difference is clear, and what made it."""

import streamlit as st

from pages._compare import side_by_side
from pages._shared import frame, navigation, run_card, run_picker, session
from transfer_core.errors import TransferError
from transfer_core.services import runs
from transfer_core.services.comparison import compare_answers, group_by_photos, in_words, load_right, pairs_of
from transfer_core.support.text import markdown
from transfer_core.support.wording import format_time, pluralize

SCROLLS_FROM = 7  # rows; more would push what stands side by side out of sight


@st.cache_data(max_entries=500, show_spinner=False)
def right_of(run_id, ended, _run):
    """`ended` is part of the key: a resumed run answers anew."""
    return load_right(_run)


def load_all(found):
    """{run id: right answers by photo}; runs whose answers cannot be read are left out and named."""
    rights = {}
    for run in found:
        try:
            rights[run.id] = right_of(run.id, session.history(run).lifecycle.time, run)
        except TransferError as error:
            st.warning(markdown(str(error)), icon=":material/error:")
    return rights


def choose_group(groups):
    """The runs to compare: those with the same validation photos."""
    if len(groups) == 1:
        return groups[0]
    names = run_picker.distinct(map(group_title, groups))
    wanted = next((i for i, group in enumerate(groups) if st.query_params.get("run") in {run.id for run in group}), 0)
    place = st.selectbox(
        "Runs with the same validation photos", range(len(groups)), wanted, format_func=lambda i: names[i]
    )
    return groups[place]


def group_title(group):
    """Such as "2 runs on 16 photos, the newest from 21 Nov 09:36:12"."""
    newest = format_time(max(run.created for run in group))
    photos = pluralize(len(session.split_of(group[0]).val), "photo")
    return f"{pluralize(len(group), 'run')} on {photos}, {'the newest ' if len(group) > 1 else ''}from {newest}"


def show_rows(project, group, rights):
    """Draws the group's runs, the best first; each other run says whether it clearly differs from the best."""
    best = group[0]
    with st.container(height=560 if len(group) >= SCROLLS_FROM else "content", border=False):
        paired_with_best = {run.id: compare_answers(rights[run.id], rights[best.id], len(group)) for run in group[1:]}
        is_clear = paired_with_best and all(paired.verdict == "worse" for paired in paired_with_best.values())
        run_card.show_row(project, best, ":green-badge[:material/trophy: Best]" if is_clear else "")
        for run in group[1:]:
            paired = paired_with_best[run.id]
            verdict = in_words(paired, "the best") if paired.is_clear else "No clear difference from the best."
            run_card.show_row(project, run, verdict=verdict)
    if len(group) > 1:
        st.caption(f"Part of being best is luck. Expect slightly less on new photos.{care(group)}")


def care(group):
    """Why it takes more to tell many runs apart than two; nothing where there are two."""
    if len(group) < 3:
        return ""
    return (
        f" Among {len(group)} equally good runs, some differ by luck alone. So Graft calls a run worse only "
        f"if its difference stands out among all {pairs_of(len(group))} pairs (Bonferroni's correction)."
    )


def choose_runs(project, group):
    """Two to four of the group to stand side by side, the best first."""
    drafts, ids = st.session_state.setdefault(session.COMPARED, {}), [run.id for run in group]
    kept = [run_id for run_id in drafts.get(project.id, []) if run_id in ids]
    titles = run_picker.run_titles(group)
    drafts[project.id] = st.multiselect(
        "Side by side (two to four)",
        ids,
        kept if len(kept) > 1 else ids[:2],
        format_func=titles.get,
        max_selections=len(side_by_side.LETTERS),
        key=f"chosen-{'-'.join(sorted(ids))}",  # a new widget for other runs: no choice of one that is gone
    )
    return [run for run in group if run.id in drafts[project.id]]


project = navigation.need_project()
with frame.title_row("Compare", project):
    pass
runs.empty_trash(project)
run_card.show_undo(project)
everything = runs.list_runs(session.workspace(), project)
finished = [run for run in everything if session.history(run).result]
rights = load_all(finished)
by_id = {run.id: run for run in finished if run.id in rights}
groups = [
    sorted((by_id[run_id] for run_id in group), key=lambda run: -session.history(run).result["val_accuracy"])
    for group in group_by_photos({run_id: session.split_of(run) for run_id, run in by_id.items()})
]
if len(by_id) < 2:
    st.info("You can compare runs as soon as two have a result. Train again with other settings.")
if groups:
    group = choose_group(groups)
    show_rows(project, group, rights)
    chosen = choose_runs(project, group) if len(group) > 1 else []
    if len(chosen) > 1:
        side_by_side.show_side_by_side(project, chosen, rights, len(group))
    elif len(group) > 1:
        st.caption("Choose at least two.")
    others = [run for other in groups if other is not group for run in other]
    if others:
        st.subheader("Runs with other validation photos", anchor=False)
        st.caption(
            "These runs cannot be compared with those above, because other photos may be easier. To compare "
            "runs, train with the same photos, the same seed and the same share of validation photos."
        )
        for run in others:
            run_card.show_row(project, run)
unfinished = [run for run in everything if run.id not in by_id]
if unfinished:
    with st.expander(f"{pluralize(len(unfinished), 'run')} without a result"):
        for run in unfinished:
            run_card.show_row(project, run)
run_card.show_unreadable(project)
if groups:
    with frame.foot(f"The best: **{run_picker.title_of(group[0])}**" if len(group) > 1 else ""):
        if st.button("Back to Train", icon=":material/arrow_back:"):
            navigation.open_run("train", project, group[0])
        whose = " of the best run" if len(group) > 1 else ""
        if st.button(f"See the results{whose}", type="primary", icon=":material/arrow_forward:"):
            navigation.open_run("understand", project, group[0])
else:
    with frame.foot("There is nothing to compare yet."):
        if st.button("Go to Train", type="primary", icon=":material/arrow_forward:"):
            navigation.open_page("train", project)
