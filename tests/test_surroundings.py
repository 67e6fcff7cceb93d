"""Hard surroundings: a home that nobody may write to, that is moved away, memory and disks that lack, odd clocks."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import ROOT, draw_dataset, draw_photo, run_python, start_python, wait_for
from transfer_core import runs
from transfer_core.data.labels.dataset import load_labels
from transfer_core.errors import RunError
from transfer_core.jobs import launch, worker
from transfer_core.jobs.job import spent_now
from transfer_core.jobs.queue import _Queue
from transfer_core.runs import events, trash
from transfer_core.runs.state import RunState
from transfer_core.services.runs import wait
from transfer_core.support import files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts, limits and clocks as Linux has them")


# --- a home that may only be read ------------------------------------------------------------------------------------


def read_only(home: Path, *command: str) -> subprocess.CompletedProcess:
    """Runs a command where nobody, root included, may write to the home."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" || exit 77; exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, str(home), *command],
        cwd=ROOT,
        env=os.environ | {"GRAFT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode in (1, 77) and ("unshare" in done.stderr or "mount:" in done.stderr):
        pytest.skip("may not mount here")
    return done


@pytest.mark.training
def test_a_home_that_may_only_be_read_can_be_asked(workspace, finished, tmp_path):
    photo = draw_photo(tmp_path / "red.jpg", (200, 40, 40), 1)
    graft = [sys.executable, "-m", "transfer_core"]
    data = draw_dataset(tmp_path / "more", 2)
    for command, key in (
        (["runs"], "runs"),
        (["label", "Blots"], "photos"),
        (["backbones"], "backbones"),
        (["predict", finished.id, str(photo)], "predictions"),
        (["evaluate", finished.id, str(data)], "accuracy"),
        (["export", finished.id, "--out", str(tmp_path / "model.zip")], "file"),
    ):
        done = read_only(workspace.home, *graft, *command, "--json")
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert key in json.loads(done.stdout.splitlines()[-1])


@pytest.mark.training
@pytest.mark.parametrize("command", ["fit", "label", "resume"])
def test_what_must_write_says_so_in_a_sentence(workspace, finished, tmp_path, command):
    rest = {
        "fit": [str(draw_dataset(tmp_path / "more", 2))],
        "label": ["Blots", "--all", "--to", "blue"],
        "resume": [finished.id],
    }[command]
    done = read_only(workspace.home, sys.executable, "-m", "transfer_core", command, *rest)
    assert (done.returncode == 2 and done.stderr.count("\n") <= 2 and "Traceback" not in done.stderr) or (
        command == "resume" and done.returncode == 0
    ), done.stderr


_PAGES = """
import sys
from streamlit.testing.v1 import AppTest
for page in sys.argv[2:]:
    app = AppTest.from_file("app.py", default_timeout=120)
    app.query_params["project"] = sys.argv[1]
    app.run()
    if page != "home":
        app.switch_page(f"pages/{page}.py").run()
    print(page, [error.value for error in app.error], [error.value for error in app.exception])
"""


@pytest.mark.training
def test_pages_of_a_home_that_may_only_be_read(workspace, finished):
    pages = ["home", "photos", "sort", "train", "understand", "try_it", "export", "compare"]
    done = read_only(workspace.home, sys.executable, "-c", _PAGES, finished.project_id, *pages)
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    said = "['Graft may not write to its folder. You can look at everything, but not train, change or delete.'] []"
    assert told.pop("train") == said, done.stderr[-2000:]
    assert set(told) == {*pages} - {"train"} and set(told.values()) <= {"[] []", said}, told


# --- a home that is moved away ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["feature_extraction", "full"])
@pytest.mark.training
def test_a_home_that_is_moved_away_is_not_made_again_and_its_runner_ends(tiny_workspace, queue_run, strategy):
    run = queue_run(strategy=strategy, epochs=1000)
    home, away = tiny_workspace.home, tiny_workspace.home.with_name("away")
    launch.ensure_runner(tiny_workspace)
    wait_for(lambda: runs.read_state(run).epochs)
    runner, worker = (
        json.loads((folder / name).read_text())["pid"]
        for folder, name in ((home, "runner.json"), (run.folder, "worker.json"))
    )
    home.rename(away)
    try:
        wait_for(lambda: not is_running(runner) and not is_running(worker), seconds=60)
        assert not home.exists()
        with pytest.raises(RunError, match=r"is not there any more\. It may have been moved or deleted"):
            launch.ensure_runner(tiny_workspace)
        with pytest.raises(RunError, match="It was moved or deleted"):
            wait(run, lambda state: False)
        assert not home.exists()
    finally:
        shutil.rmtree(home, ignore_errors=True)
        away.rename(home)
    assert runs.read_state(run).status in ("interrupted", "finished")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_folders_of_a_home_that_is_gone_are_not_made(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_home", tmp_path / "home")
    with pytest.raises(FileNotFoundError):
        files.write_whole(tmp_path / "home" / "a" / "b.txt", "x")
    files.write_whole(tmp_path / "elsewhere" / "a" / "b.txt", "x")
    (tmp_path / "home").mkdir()
    files.write_whole(tmp_path / "home" / "a" / "b" / "c.txt", "x")
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "home"]


# --- memory and disks that lack --------------------------------------------------------------------------------------

_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.errors import TransferError
from transfer_core.jobs.take_in import take_in_entries
from transfer_core.data.ingest.sources import open_source
from transfer_core.workspace import Workspace

workspace = Workspace(Path(sys.argv[1]))
project = workspace.create_project("Blots")
take_in_entries(workspace, project, open_source(Path(sys.argv[2])), lambda *_: None)  # all that is loaded once
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[4]) * 10**6,) * 2)
try:
    report = take_in_entries(workspace, project, open_source(Path(sys.argv[3])), lambda *_: None)
    print(report.added, sorted({rejected.reason for rejected in report.rejected}))
except TransferError as error:
    print(error)
"""


@pytest.mark.training
@pytest.mark.parametrize(("room_mb", "expected"), [(4000, "4 []"), (300, None), (60, None), (5, None)])
def test_memory_that_lacks_at_the_intake_ends_in_a_sentence(workspace, tmp_path, room_mb, expected):
    small = draw_dataset(tmp_path / "small", 1)
    for number in range(4):  # 30 megapixels each, which take 420 MB on their way
        noise = np.random.default_rng(number).integers(0, 255, (60, 80, 3), np.uint8)
        (tmp_path / "large" / "blue").mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).resize((6400, 4800)).save(tmp_path / "large" / "blue" / f"{number}.jpg")
    places = (str(workspace.home), str(small), str(tmp_path / "large"))
    done = run_python("-c", _LITTLE_MEMORY, *places, str(room_mb), seconds=240)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-3000:]
    assert expected in (None, done.stdout.strip())
    sentences = ("4 []", "['too large", "too large for the memory", "There is not enough memory")
    assert any(sentence in done.stdout for sentence in sentences), done.stdout
    assert not list(workspace.home.rglob("*.part"))


_FULL_DISK = """
import sys
from pathlib import Path
from transfer_core.data.ingest.sources import open_source
from transfer_core.jobs.take_in import take_in_entries
from transfer_core.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
project = workspace.create_project("Blots")
try:
    take_in_entries(workspace, project, open_source(Path(sys.argv[2])), lambda *_: None)
except OSError as error:
    print(error.errno)
"""


@pytest.mark.training
@pytest.mark.parametrize("size_kb", [64, 256, 512])
def test_a_full_disk_leaves_no_parts(workspace, tmp_path, size_kb):
    for number in range(30):
        draw_photo(tmp_path / "set" / "blue" / f"{number}.jpg", (40, 60, 200), number, (300, 200))
    mount = (
        f'mount -t tmpfs -o size={size_kb}k none "$0" || exit 77; "$@"; find "$0" -name "*.part"; ls -R "$0" | wc -l'
    )
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            mount,
            str(workspace.home),
            sys.executable,
            "-c",
            _FULL_DISK,
            str(workspace.home),
            str(tmp_path / "set"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("may not mount here")
    lines = done.stdout.split()
    assert lines[0] == str(errno.ENOSPC), done.stdout + done.stderr[-2000:]
    assert not [line for line in lines if line.endswith(".part")] and int(lines[-1]) > 5


@pytest.mark.training
def test_what_a_killed_worker_had_begun_to_write_goes_with_the_next(finished):
    parts = [finished.folder / name for name in ("views-1/0.part", "checkpoints/.last.safetensors.1.part")]
    for part in parts:
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(b"half")
    assert worker.main(str(finished.folder)) == 0
    assert not any(part.exists() for part in parts)


# --- clocks that are set back, versions that are newer ---------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Sets the clock so many seconds from now."""
    real = time.time
    return lambda offset: monkeypatch.setattr(time, "time", lambda: real() + offset)


def test_after_a_clock_set_back_the_newest_run_is_the_newest(tiny_workspace, project, queue_run, clock):
    earlier = queue_run()
    clock(-86400)
    second, third = queue_run(), queue_run()
    assert runs.list_runs(tiny_workspace) == [third, second, earlier]
    assert second.created < earlier.created and earlier.order < second.order < third.order
    view = _Queue(tiny_workspace).look()
    assert view.waiting == [earlier, second, third]
    assert [runs.count_ahead(tiny_workspace, run) for run in (earlier, second, third)] == [0, 1, 2]
    runs.request_stop(earlier)
    runs.request_resume(earlier)  # goes to the end of the queue
    assert _Queue(tiny_workspace).look().waiting == [second, third, earlier]
    assert tiny_workspace.create_project("New") == tiny_workspace.projects()[0]


def test_runs_of_earlier_versions_are_ordered_by_their_time(tiny_workspace, queue_run):
    first, second = queue_run(), queue_run()
    for run, created in ((first, 2000.0), (second, 1000.0)):
        content = json.loads((run.folder / "config.json").read_text())
        del content["order"]
        (run.folder / "config.json").write_text(json.dumps(content | {"created": created}))
        run.events_path.write_text(json.dumps({"kind": "RunQueued", "time": created}) + "\n")
    assert [run.id for run in runs.list_runs(tiny_workspace)] == [first.id, second.id]
    assert [run.id for run in _Queue(tiny_workspace).look().waiting] == [second.id, first.id]


@pytest.mark.parametrize("spoilt", ["", "x", "nan", "inf", "1e400"])
def test_a_moment_that_cannot_be_read_is_begun_anew(workspace, spoilt):
    (workspace.home / "last-moment").write_text(spoilt)
    first = workspace.next_moment()
    assert abs(first - time.time()) < 60 and workspace.next_moment() > first


def test_trash_after_a_clock_set_back_keeps_its_day_and_its_order(project, stopped, queue_run, clock):
    other = queue_run()
    events.EventLog(other.events_path).append(events.RunStopped(result=None))
    clock(10 * 86400)
    trash.delete(project, stopped)
    clock(0)
    trash.delete(project, other)
    assert trash.deleted(project) == [other.id, stopped.id]
    clock(86400 + 60)
    trash.empty(project)
    assert trash.deleted(project) == []


def test_time_spent_is_never_negative(clock):
    state = RunState()
    state.last_time = time.time()
    clock(-3600)
    assert spent_now(state) == 0


def test_what_a_newer_version_wrote_is_said_and_harms_nothing(tiny_workspace, queue_run):
    run, newer = queue_run(), queue_run()
    with run.events_path.open("a") as log:
        log.write(json.dumps({"kind": "ModelDistilled", "time": 1, "teacher": "x"}) + "\n")
        log.write(json.dumps({"kind": "StepQueued", "time": 1, "name": "export", "why": "x"}) + "\n")
    assert runs.read_state(run).status == "queued"
    content = json.loads((newer.folder / "config.json").read_text())
    (newer.folder / "config.json").write_text(json.dumps(content | {"kind": "distil"}))
    assert [found.id for found in runs.list_runs(tiny_workspace)] == [run.id]
    [unreadable] = runs.list_unreadable(tiny_workspace)
    assert "of the kind 'distil', which this version of Graft does not know" in unreadable.reason


@pytest.mark.training
def test_two_servers_that_make_runs_at_once_lose_none(tiny_workspace, project):
    script = """
import sys
from pathlib import Path
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
[project] = workspace.projects()
for number in range(20):
    items = load_items(project)
    edits.move(project, [items[number].id], "train")
    print(runs.create(project, runs.TrainSpec(TrainConfig()), make_split(items, 0.25, 0)).order)
"""
    servers = [start_python("-c", script, str(tiny_workspace.home)) for _ in range(2)]
    told = [server.communicate(timeout=120) for server in servers]
    assert [server.returncode for server in servers] == [0, 0], told
    orders = [float(line) for out, _ in told for line in out.split()]
    assert sorted(run.order for run in runs.list_runs(tiny_workspace)) == sorted(orders) and len(set(orders)) == 40
    assert len(load_labels(project).actions) == 40
