"""The event log: what is written is what is read, whatever happens in between."""

import json
import math
import subprocess
import sys
from dataclasses import fields

import pytest

from tests.helpers import ROOT
from transfer_core.runs import events
from transfer_core.runs.events import EventLog, Notice, RunFailed, RunQueued, RunStarted, finite, read_events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def _epoch(**changed) -> events.EpochFinished:
    values = {"phase": "head", "epoch": 1, "epochs": 2, "step": 1, "train_loss": 0.5, "train_accuracy": 1.0}
    return events.EpochFinished(**values | {"val_loss": 0.5, "val_accuracy": 1.0, "confusion_matrix": [[1]]} | changed)


LOST = events.LineLost(time=0.0)

ONE_OF_EACH = [
    RunQueued(),
    RunStarted(),
    events.RunResumed(from_step=3),
    events.PhaseStarted(name="head", title="Learning", epochs=4),
    events.Progress(done=1, total=2, unit="MB"),
    _epoch(),
    events.HeadChosen(kept="solved", solved_loss=0.25, trained_loss=0.5),
    events.CheckpointSaved(step=1),
    Notice(message='a "quoted"\nnote, déjà vu 🦋 \u2028'),
    events.RunFinished(result={"val_accuracy": 0.5}, steps=("export", "baselines")),
    events.RunStopped(result=None),
    RunFailed(message="m", hint="h"),
    events.StepQueued(name="export"),
    events.StepStarted(name="export"),
    events.StepFinished(name="export", result={"changed_labels": 0, "max_difference": 1e-6}),
    events.StepFailed(name="export", message="m", hint="h"),
]


def test_every_kind_survives_the_way_to_disk(path):
    log = EventLog(path)
    for event in ONE_OF_EACH:
        log.append(event)
    assert {type(event) for event in ONE_OF_EACH} == set(events.Event.__subclasses__()) - {events.LineLost}
    assert read_events(path)[0] == ONE_OF_EACH


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"kind": "ExportQueued"}, events.StepQueued(name="export", time=1)),
        ({"kind": "ExportStarted"}, events.StepStarted(name="export", time=1)),
        (
            {"kind": "ExportFinished", "changed_labels": 0, "checked": 3},
            events.StepFinished(name="export", result={"changed_labels": 0, "checked": 3}, time=1),
        ),
        ({"kind": "ExportFailed", "message": "m"}, events.StepFailed(name="export", message="m", time=1)),
        ({"kind": "OpeningFinished"}, events.StepFinished(name="test_set", time=1)),
        (
            {"kind": "RunFinished", "result": {"val_count": 3}},
            events.RunFinished(result={"val_count": 3}, steps=("export",), time=1),
        ),
        ({"kind": "RunFinished", "result": {"rows": 3}}, events.RunFinished(result={"rows": 3}, time=1)),
    ],
)
def test_what_earlier_versions_wrote_is_understood(path, written, meant):
    path.write_text(json.dumps(written | {"time": 1}) + "\n")
    assert read_events(path)[0] == [meant]


@pytest.mark.parametrize(
    "logged", [{"confusion_matrix": [[2, 1], [0, 3]]}, {"confusion_cells": [0, 0, 2, 0, 1, 1, 1, 1, 3]}]
)
def test_a_confusion_matrix_is_read_in_either_form(path, logged):
    EventLog(path).append(_epoch(**{"confusion_matrix": None} | logged))
    [epoch] = read_events(path)[0]
    assert (epoch.matrix(2), epoch.hits) == ([[2, 1], [0, 3]], 5)


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "StepQueued", "name": ["export"], "time": 1}',
        '{"kind": "StepFinished", "name": "export", "result": 7, "time": 1}',
        '{"kind": "RunFinished", "result": {}, "steps": "export", "time": 1}',
        '{"kind": "RunFailed", "message": 1, "hint": "", "time": 1}',
        '{"kind": "RunStarted", "time": "soon"}',
        "[" * 200_000,
    ],
)
def test_a_damaged_line_harms_nothing_but_itself(path, line):
    path.write_text(f'{{"kind": "RunQueued", "time": 1}}\n{line}\n{{"kind": "RunStarted", "time": 2}}\n')
    assert read_events(path)[0] == [RunQueued(time=1), LOST, RunStarted(time=2)]


def test_a_flipped_bit_costs_its_line_and_is_told(path):
    log = EventLog(path)
    for time in (1, 2, 3):
        log.append(RunQueued(time=time))
    content = bytearray(path.read_bytes())
    content[content.index(b"2, ")] ^= 1  # still a number
    path.write_bytes(content)
    assert read_events(path)[0] == [RunQueued(time=1), LOST, RunQueued(time=3)]


def test_reading_goes_on_from_the_offset(path):
    log = EventLog(path)
    log.append(RunQueued(time=1))
    first, offset = read_events(path)
    log.append(RunStarted(time=2))
    second, end = read_events(path, offset)
    assert (first, second) == ([RunQueued(time=1)], [RunStarted(time=2)])
    assert read_events(path, end) == ([], end)


def test_no_file_is_no_events(path):
    assert read_events(path) == ([], 0)


def test_a_torn_last_line_waits_until_it_is_whole(path):
    EventLog(path).append(RunQueued(time=1))
    line = b'{"kind": "RunStarted", "time": 2.0, "device": "cpu"}\n'
    with path.open("ab") as file:
        file.write(line[:20])
    first, offset = read_events(path)
    assert first == [RunQueued(time=1)]
    with path.open("ab") as file:
        file.write(line[20:])
    assert read_events(path, offset)[0] == [RunStarted(time=2.0)]


def test_a_new_writer_cuts_a_torn_last_line(path):
    EventLog(path).append(RunQueued(time=1))
    with path.open("ab") as file:
        file.write(b'{"kind": "RunSta')
    EventLog(path).append(RunStarted(time=2))
    assert read_events(path)[0] == [RunQueued(time=1), RunStarted(time=2)]
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "FromTheFuture", "time": 1}',  # a kind of a newer version
        '{"kind": "CheckpointSaved", "time": 1}',  # a field is missing
        '{"time": 1}',  # no kind
        '{"kind": ["RunQueued"]}',  # a kind that is no text
        "[1, 2]",  # JSON, but no object
        "7",
        "not JSON",
        "",
    ],
)
def test_lines_that_make_no_sense_are_passed_over(path, line):
    path.write_text(line + "\n" + '{"kind": "RunQueued", "time": 5, "colour": "new field"}\n')
    is_meant = line == "" or "FromTheFuture" in line
    assert read_events(path)[0] == [*([] if is_meant else [LOST]), RunQueued(time=5)]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_without_a_word_in_json_become_null(path, number):
    EventLog(path).append(_epoch(train_loss=number, val_loss=number))
    content = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert content["train_loss"] is None and content["val_loss"] is None
    assert read_events(path)[0][0].val_loss is None


def test_finite_looks_into_everything():
    assert finite({"a": [1.0, math.nan, (math.inf, 2)], "b": "x"}) == {"a": [1.0, None, [None, 2]], "b": "x"}


def test_text_that_is_no_unicode_does_not_stop_the_log(path):
    EventLog(path).append(Notice(message="a file named \udcff"))
    assert len(read_events(path)[0]) == 1


_FULL_DISK = """
import resource, sys
from pathlib import Path
from transfer_core.runs.events import EventLog, Notice
path = Path(sys.argv[1])
log = EventLog(path)
log.append(Notice(message="before"))
room = path.stat().st_size + 60
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
try:
    log.append(Notice(message="x" * 150))
except OSError:
    print("no room")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(Notice(message="after"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of a file by a POSIX call")
@pytest.mark.training
def test_a_line_without_room_leaves_no_half_line(path):
    answer = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (answer.stdout, answer.returncode) == ("no room\n", 0), answer.stderr
    assert [event.message for event in read_events(path)[0]] == ["before", "after"]
    assert path.read_bytes().count(b"\n") == 2


def test_every_event_names_its_time():
    assert all("time" in {entry.name for entry in fields(kind)} for kind in events.Event.__subclasses__())
    assert RunQueued().time > 1.7e9
