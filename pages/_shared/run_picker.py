"""The run that a page is about: chosen among several, and waited for until its model is there."""

import hashlib
from collections import Counter
from collections.abc import Iterable

import streamlit as st

from pages._shared import errors, frame
from pages._shared.errors import shown_errors
from pages._shared.navigation import open_page
from pages._shared.session import history, workspace
from transfer_core.runs.state import RunState
from transfer_core.services import coach, export, runs
from transfer_core.services.runs import Run
from transfer_core.services.training import ensure_runner
from transfer_core.support.text import markdown
from transfer_core.workspace import Project


def need_model(project: Project, *, best_first: bool = False) -> tuple[Run, RunState]:
    """The run that the page is about, chosen where there are several; `need_result` has seen that there is one.

    Args:
        best_first: Whether the page begins with the best run, where the address names none, instead of the newest.
    """
    need_readable(project)
    found = [run for run in runs.list_runs(workspace(), project) if history(run).result]
    if best_first and st.query_params.get("run") not in {run.id for run in found}:
        chosen = best_of(found)
    else:
        chosen = chosen_run(found)
    run = choose_run(found, chosen)
    st.query_params["run"] = run.id
    errors.show_problems(run.problem, history(run).damage)
    return run, history(run)


def need_result(project: Project, title: str) -> None:
    """Ends the page, with its title and the way to Train, where no run has a result yet."""
    if any(history(run).result for run in runs.list_runs(workspace(), project)):
        return
    with frame.title_row(title, project):
        pass
    need_readable(project)
    st.info("There is no trained model yet. Train one first; with the suggested settings, it takes seconds.")
    with frame.foot("There is no trained model yet."):
        if st.button("Go to Train", type="primary", icon=":material/arrow_forward:"):
            open_page("train", project)
    st.stop()


def best_of(found: list[Run]) -> Run:
    """The run with the highest accuracy; of equals the newest, which stands first."""
    return max(found, key=lambda run: history(run).result["val_accuracy"])


def name_of(run: Run) -> str:
    """What it is called; untrusted text."""
    return runs.name_runs(runs.list_runs(workspace(), workspace().open_project(run.project_id)))[run.id]


def title_of(run: Run) -> str:
    """Its name and outcome, as Markdown."""
    return markdown(run_titles([run])[run.id])


def need_readable(project: Project) -> None:
    """Ends the page if the run in the address cannot be read, instead of showing another run."""
    wanted = st.query_params.get("run")
    unreadable = [run for run in runs.list_unreadable(workspace(), project) if run.id == wanted]
    if unreadable:
        st.error(markdown(unreadable[0].reason), icon=":material/error:")
        with frame.foot("This run cannot be read."):
            if st.button("Go to the other runs", type="primary"):
                del st.query_params["run"]
                st.rerun()
        st.stop()


def chosen_run(found: list[Run]) -> Run | None:
    """The run in the address if it is among these, else the one at work, else the newest that has, or waits for, a
    result; None where there is none."""
    asked = st.query_params.get("run")
    wanted = [run for run in found if run.id == asked]
    if asked and found and not wanted:
        st.info("The run in the address is not here, or has no result. This is the newest.", icon=":material/info:")
    at_work = [run for run in found if history(run).status == "running"]
    with_result = [run for run in found if history(run).status == "queued" or history(run).result]
    return (wanted or at_work or with_result or found or [None])[0]


def choose_run(found: list[Run], chosen: Run) -> Run:
    """Lets a person choose among several runs; the choice goes into the address."""
    if len(found) == 1:
        return chosen
    titles = run_titles(found)
    told = hashlib.sha256("\n".join(titles.values()).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    run = st.selectbox(
        "Run",
        found,
        found.index(chosen),
        format_func=lambda run: titles[run.id],
        label_visibility="collapsed",
        width=300,
        key=f"run-chooser-{told}",  # the browser keeps the words of a choice: with new ones, it is a new box
    )
    if run != chosen:
        st.query_params["run"] = run.id
        st.rerun()
    return run


def run_titles(found: Iterable[Run]) -> dict[str, str]:
    """Titles by id, such as "Fine-tuned 2: 86%", no two alike: boxes tell their options apart by what they show."""
    found = list(found)
    if not found:
        return {}
    names = runs.name_runs(runs.list_runs(workspace(), workspace().open_project(found[0].project_id)))
    in_order = sorted(found, key=lambda run: (run.order, run.id))
    titles = distinct(f"{names.get(run.id, run.id)}: {outcome_of(run)}" for run in in_order)
    return dict(zip([run.id for run in in_order], titles, strict=True))


def outcome_of(run: Run) -> str:
    """The figure of its final test or its accuracy, or how it stands."""
    return coach.outcome_of(run, history(run))


def distinct(labels: Iterable[str]) -> list[str]:
    """The labels, with " (2)" and so on behind those that were there before."""
    seen: Counter[str] = Counter()
    found = []
    for label in labels:
        seen[label] += 1
        found.append(f"{label} ({seen[label]})" if seen[label] > 1 else label)
    return found


def need_export(run: Run, entry: RunState) -> None:
    """Ends the page unless the exported model is the one that was checked: waits for it, or says why there is none."""
    if entry.is_pending("export"):
        _wait_for_export(run)
    if failure := export.failure_of(entry):
        st.error(
            f"The model could not be exported to ONNX: {markdown(failure)}",
            icon=":material/error:",
        )
        if st.button("Try again", type="primary", icon=":material/refresh:"):
            export.retry(run)
            st.rerun()
        st.stop()
    if not export.is_intact(run, entry):
        with shown_errors():
            export.renew(run)
            st.toast("The exported model was damaged. Graft makes it again and checks it.", icon=":material/build:")
            _wait_for_export(run)
        st.stop()


def _wait_for_export(run: Run) -> None:
    """Says that the export is being checked, comes back by itself when it is done, and ends the page until then."""

    def look() -> None:
        if history(run).is_pending("export"):
            st.progress(0.5, "Exporting the model and checking that it gives the same answers")
        else:
            st.rerun()

    with shown_errors():  # should the worker have been killed in between, the runner begins the export again
        ensure_runner(workspace())
    st.fragment(look, run_every=1.0)()
    st.stop()
