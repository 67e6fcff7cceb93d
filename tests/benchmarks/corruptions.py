"""Damages every kind of file of a home in every way, one at a time, and holds what Graft then says against before.

    python -m tests.benchmarks.corruptions [--count 600] [--seed 0] [--no-pages] [--only labels.jsonl] [--kept DIR]

The home has two projects: one with a frozen run, a fine-tuned one, their exports, a final test, notes, edits and an
upload that waits; and another, with a run of its own. Each case damages one file in a copy of it and then opens every
page, gives every command, trains a new run and exports it. What is counted:

- tracebacks: an exception that is no sentence for a person, a run that failed with "Something went wrong inside Graft";
- silently wrong: a figure that differs from the undamaged home's, where no word says that anything is damaged;
- others touched: a file of the other project, or a figure of it, that is not as before.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.helpers import RESNET, ROOT, draw_dataset, fill_project, pretend_speed, save_random_weights, tiny_row
from transfer_core import __main__ as command_line
from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.backbones.onnx_backbone import ensure_trunk
from transfer_core.config import TrainConfig
from transfer_core.data.ingest import upload_inbox
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.labels.edits import relabel, undo
from transfer_core.data.splits.split import make_split
from transfer_core.errors import TransferError
from transfer_core.jobs import worker
from transfer_core.jobs.launch import runner_lock
from transfer_core.runs import Run, notes
from transfer_core.services import training
from transfer_core.workspace import Project, Workspace

WAYS = ("bit early", "bit late", "cut", "empty", "zeros", "missing", "another's")
PAGES = ("home", "photos", "sort", "train", "understand", "try_it", "export", "compare")
# Changed by every look, or of no meaning: locks hold no bytes, logs are for people.
_LEFT_OUT = re.compile(r"\.lock$|\.log$|runner\.wake$|needs-torch$")
_CHANGES_BY_ITSELF = re.compile(
    r"Changed .*|.* for projects, .* for caches, .*|Download \(.*|Training (took|needs) .*|Takes about .*"
    r"|.*\bago\b.*|Tested .*|Takes minutes rather than seconds\."
)
_WORDS = re.compile(
    r"cannot|damaged|missing|not here|no longer|unreadable|interrupted|failed|again|no model|could not|is gone|do not"
    r"|there are no photos in it",
    re.IGNORECASE,
)
_BUG = "Something went wrong inside Graft"
_LIMIT_S = 180


@dataclass
class Outcome:
    """What was found wrong in a case, a line each."""

    tracebacks: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.tracebacks or self.silent or self.touched)


@dataclass
class Answers:
    """What a home says: {name: (figures, whether anything is said of damage)}, and what raised."""

    figures: dict[str, object] = field(default_factory=dict)
    warned: dict[str, bool] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)


# --- the home ------------------------------------------------------------------------------------------------------


def build(home: Path, data: Path) -> None:
    """Makes the undamaged home; `data` becomes two folders of drawn photos."""
    workspace = Workspace(home)
    save_random_weights(tiny_row(RESNET), workspace.weights_dir)
    ensure_trunk(tiny_row(RESNET), workspace.weights_dir)
    for row in (tiny_row(RESNET), catalog.BUILT_IN[catalog.BUNDLED]):
        pretend_speed(workspace, row)
    first = fill_project(workspace, draw_dataset(data / "blots", 10))
    other = fill_project(workspace, draw_dataset(data / "others", 7, ("left", "right")), "Others")
    undo(first, relabel(first, [load_items(first)[0].id], "violet"))
    relabel(first, [load_items(first)[1].id], "green")
    for project, settings in ((first, {}), (first, {"strategy": "full", "epochs": 1}), (other, {})):
        run = train(project, **settings)
        notes.save_notes(run, notes.RunNotes(True, "The first try"))
        runs.request_test_set(run)
        assert worker.main(str(run.folder)) == 0
    upload_inbox.receive(first, [("cat/a.jpg", io.BytesIO(b"what waits"))], lambda done, total: None)


def train(project: Project, **settings: object) -> Run:
    """A run that has ended, with its export, in this process."""
    config = TrainConfig(**{"backbone": RESNET, "batch_size": 8, "epochs": 5, "test_fraction": 0.2} | settings)
    split = make_split(load_items(project), config.val_fraction, config.seed, test_fraction=config.test_fraction)
    run = runs.create(project, runs.TrainSpec(config), split)
    worker.main(str(run.folder))
    return run


def cases(home: Path) -> list[tuple[str, str]]:
    """(path below the home, way) of everything that can be damaged, the other project left out."""
    mine, _ = own_and_other(home)
    found = []
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        is_others = name.startswith("projects/") and not name.startswith(f"projects/{mine.id}/")
        if path.is_file() and not is_others and not _LEFT_OUT.search(name):
            found += [(name, way) for way in WAYS]
    return found


def own_and_other(home: Path) -> tuple[Project, Project]:
    projects = {path.name: Workspace(home).open_project(path.name) for path in (home / "projects").glob("[!.]*/")}
    [other] = [project for project in projects.values() if project.id.startswith("others-")]
    [mine] = [project for project in projects.values() if project != other]
    return mine, other


def copy(home: Path, place: Path) -> None:
    """Hard links of what is only ever replaced as a whole, copies of the rest."""

    def either(source: str, target: str) -> None:
        is_whole = "/weights/" in source or "/photos/" in source or source.endswith((".onnx", ".zip"))
        (os.link if is_whole else shutil.copy2)(source, target)

    shutil.copytree(home, place, copy_function=either)


def damage(path: Path, way: str, stand_in: Path | None) -> None:
    """Damages one file; what is linked to it elsewhere stays as it is.

    Args:
        stand_in: The same kind of file of another run or project.
    """
    content = path.read_bytes()
    path.unlink()
    if way == "missing":
        return
    if way == "another's":
        path.write_bytes(stand_in.read_bytes() if stand_in else b'{"other": 1}\n')
        return
    place = len(content) // 3 if way == "bit early" else 9 * len(content) // 10
    flipped = content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :] if content else b"\x04"
    kinds = {"cut": content[: 2 * len(content) // 3], "empty": b"", "zeros": bytes(len(content))}
    path.write_bytes(kinds.get(way, flipped))


def stand_in(home: Path, name: str) -> Path | None:
    """Another file of the same kind: same name, or ending, elsewhere in the home."""
    path = home / name
    for others in (home.rglob(path.name), path.parent.glob(f"*{path.suffix}")):
        files = [other for other in sorted(others) if other.is_file() and other.read_bytes() != path.read_bytes()]
        if files:
            return files[-1]
    return None


# --- what a home says ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def in_this_process(home: Path) -> Iterator[None]:
    """No other process starts: what a page or a command waits for is done here, at once."""
    workspace = Workspace(home)

    def work_off(workspace: Workspace, *_: object) -> None:
        for run in runs.list_runs(workspace, kind=None):
            state = runs.read_state(run)
            if not state.alive and (state.status == "queued" or state.next_step):
                with contextlib.redirect_stderr(io.StringIO()):
                    worker.main(str(run.folder))

    modules = [f"transfer_core.services.{name}" for name in ("runs", "training", "evaluation", "export")]
    environment = {"GRAFT_HOME": str(home), "GRAFT_MACHINE_DIR": str(home / "machine"), "GRAFT_LOG": "error"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment))
        stack.enter_context(runner_lock(workspace))
        for module in modules:
            stack.enter_context(mock.patch(f"{module}.ensure_runner", work_off))
        st.cache_data.clear()
        st.cache_resource.clear()
        yield


def ask(answers: Answers, name: str, question: Callable[[], tuple[object, bool]]) -> None:
    """Keeps the figures, or that they were refused in a sentence, or what was raised."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"no answer after {_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(_LIMIT_S)
    try:
        answers.figures[name], answers.warned[name] = question()
    except TransferError as error:
        answers.figures[name], answers.warned[name] = f"refused: {error}", True
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        answers.tracebacks.append(f"{name}: {type(error).__name__}: {str(error)[:150]} ({where})")
        answers.figures[name], answers.warned[name] = "raised", True
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def give(*arguments: str) -> tuple[object, bool]:
    """A command's answer, and whether it said anything of damage."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command_line.main([*arguments, "--json"])
    if code:
        return f"refused: {err.getvalue()}", True
    answer = json.loads(out.getvalue().splitlines()[-1])
    answer.pop("seconds", None)
    for entry in answer.get("runs", ()):
        entry.pop("seconds", None)
    for entry in answer.get("backbones", ()):
        entry.pop("state")  # says where its file is: a fact, whatever it was before
    listed = any(entry.get("status") in ("unreadable", "failed", "interrupted") for entry in answer.get("runs", ()))
    return answer, listed or bool(_WORDS.search(err.getvalue()))


def look(home: Path, page: str, project: str, run: str | None) -> tuple[object, bool]:
    """What a page shows, a line per element, and whether it says that anything is damaged."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=_LIMIT_S)
    app.switch_page(f"pages/{page}.py")
    if page != "home":
        app.query_params["project"] = project
        if run:
            app.query_params["run"] = run
    app.run()
    if app.exception:
        found = app.exception[0]
        where = (found.stack_trace or [""])[-1].strip().splitlines()[:1]
        raise RuntimeError(f"page: {found.message[:150]} {where}")
    kinds = ("title", "header", "subheader", "markdown", "caption", "error", "warning", "info", "success")
    lines = [str(element.value) for kind in kinds for element in getattr(app, kind)]
    lines += [f"{element.label}: {element.value}" for element in app.metric]
    lines += [str(element.value.to_csv()) for element in app.dataframe]
    lines += [hashlib.sha256(element.proto.spec.encode()).hexdigest() for element in app.get("plotly_chart")]
    lines = [line.replace(str(home), "HOME") for line in lines if not _CHANGES_BY_ITSELF.fullmatch(line)]
    return lines, False


def ask_all(home: Path, photo: Path, labelled: Path, *, pages: bool) -> Answers:
    """Everything that pages and commands say of a home, and what comes of a new run."""
    answers, [mine, other] = Answers(), own_ids(home)
    ours = sorted(path.name for path in (home / "projects" / mine / "runs").glob("[!.]*/"))
    theirs = sorted(path.name for path in (home / "projects" / other / "runs").glob("[!.]*/"))
    with in_this_process(home):
        for project in (mine, other):
            ask(answers, f"label {project}", lambda project=project: give("label", project))
        for run in (*ours, *theirs):
            ask(answers, f"predict {run}", lambda run=run: give("predict", run, str(photo)))
            ask(answers, f"test {run}", lambda run=run: give("evaluate", run, "--test"))
            ask(answers, f"export {run}", lambda run=run: export(home, run))
        ask(answers, f"evaluate {ours[0]}", lambda: give("evaluate", ours[0], str(labelled)))
        ask(answers, "compare", lambda: give("compare", *ours))
        ask(answers, "runs", lambda: give("runs"))
        for name in ("backbones", "strategies"):
            ask(answers, name, lambda name=name: give(name))
        if pages:
            for page in PAGES:
                for run in ours if page in ("train", "understand", "try_it", "export") else ours[:1]:
                    ask(answers, f"page {page} {run}", lambda page=page, run=run: look(home, page, mine, run))
            ask(answers, f"page understand {other}", lambda: look(home, "understand", other, theirs[0]))
        ask(answers, "a new run", lambda: train_anew(home, mine))
    return answers


def own_ids(home: Path) -> tuple[str, str]:
    [other] = [path.name for path in (home / "projects").glob("others-*")]
    [mine] = [path.name for path in (home / "projects").glob("[!.]*/") if path.name != other]
    return mine, other


def export(home: Path, run: str) -> tuple[object, bool]:
    answer, warned = give("export", run, "--out", str(home / "out.zip"))
    return ({**answer, "file": ""} if isinstance(answer, dict) else answer), warned


def train_anew(home: Path, project: str) -> tuple[object, bool]:
    """The result of a new run and of its export; notices about what was made anew count as words."""
    workspace = Workspace(home)
    config = TrainConfig(backbone=RESNET, batch_size=8, epochs=5, test_fraction=0.2)
    opened = workspace.open_project(project)
    with contextlib.redirect_stderr(io.StringIO()):
        run = training.start(workspace, opened, config)
        state = runs.read_state(run)
    if state.failure:
        if _BUG in state.failure.message:
            raise RuntimeError(state.failure.message)
        return f"refused: {state.failure.message}", True
    answer, warned = export(home, run.id)
    if isinstance(answer, str) and _BUG in answer:
        raise RuntimeError(answer)
    result = {name: value for name, value in (state.result or {}).items() if name != "seconds"}
    return (result, answer), warned or bool(state.notices)


# --- held against before ---------------------------------------------------------------------------------------------


def files_of(folder: Path) -> dict[str, str]:
    """Digests of a folder's files by path; locks left out."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not _LEFT_OUT.search(path.name)]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def judge(before: Answers, after: Answers, other: str) -> Outcome:
    """What differs from the undamaged home without a word, and all that raised."""
    outcome = Outcome(tracebacks=after.tracebacks)
    for name, figures in before.figures.items():
        found = after.figures.get(name)
        if found == figures or after.warned.get(name):
            continue
        if isinstance(figures, list) and isinstance(found, list):
            new = [line for line in found if line not in figures]
            if any(_WORDS.search(line) for line in new) or sorted(new) == sorted(set(found) - set(figures)) == []:
                continue
            found, figures = new, [line for line in figures if line not in found]
        line = f"{name}: {str(figures)[:200]} became {str(found)[:200]}"
        (outcome.touched if other in name else outcome.silent).append(line)
    return outcome


def try_case(home: Path, place: Path, case: tuple[str, str], before: Answers, data: Path, *, pages: bool) -> Outcome:
    """Damages one file in a copy of the home, and asks everything."""
    name, way = case
    copy(home, place)
    damage(place / name, way, stand_in(home, name))
    _, other = own_ids(home)
    untouched = files_of(place / "projects" / other)
    after = ask_all(place, next(data.rglob("*.jpg")), data / "blots", pages=pages)
    outcome = judge(before, after, other)
    now = files_of(place / "projects" / other)
    outcome.touched += [path for path in sorted({*untouched, *now}) if untouched.get(path) != now.get(path)]
    shutil.rmtree(place)
    return outcome


@contextlib.contextmanager
def prepared(*, pages: bool, kept: Path | None = None) -> Iterator[tuple[Path, Path, Path, Answers]]:
    """(home, an empty place for copies, photos, what the undamaged home says).

    Args:
        kept: A folder in which the undamaged home stays, and where that of an earlier call is taken from.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True, dir=kept and kept.parent) as folder:
        home, place, data = (kept or Path(folder)) / "home", Path(folder) / "copy", (kept or Path(folder)) / "data"
        if not home.exists():
            build(home, data)
        copy(home, place)
        before = ask_all(place, next(data.rglob("*.jpg")), data / "blots", pages=pages)
        shutil.rmtree(place)
        assert not before.tracebacks, before.tracebacks
        yield home, place, data, before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=600, help="cases, drawn from all there are")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pages", action="store_true", help="commands and runs alone, which is quicker")
    parser.add_argument("--kept", type=Path, help="a folder that keeps the undamaged home for the next time")
    parser.add_argument("--only", default="", help="only files with these words in their path")
    options = parser.parse_args()
    pages, began, totals = not options.no_pages, time.monotonic(), Counter()
    with prepared(pages=pages, kept=options.kept) as (home, place, data, before):
        everything = [case for case in cases(home) if options.only in case[0]]
        random.Random(options.seed).shuffle(everything)
        chosen = everything[: options.count]
        for number, case in enumerate(chosen, 1):
            outcome = try_case(home, place, case, before, data, pages=pages)
            totals.update(cases=1, tracebacks=bool(outcome.tracebacks), silent=bool(outcome.silent))
            totals.update(touched=bool(outcome.touched))
            if outcome:
                print(f"{number}: {case[1]}: {case[0]}")
                for kind, lines in vars(outcome).items():
                    for line in lines:
                        print(f"    {kind}: {line}", flush=True)
    print(
        f"{totals['cases']} of {len(everything)} corruptions in {time.monotonic() - began:.0f} s: "
        f"{totals['tracebacks']} with tracebacks, {totals['silent']} with silently wrong figures, "
        f"{totals['touched']} that touched another project"
    )
    sys.exit(bool(totals["tracebacks"] + totals["silent"] + totals["touched"]))


if __name__ == "__main__":
    main()
