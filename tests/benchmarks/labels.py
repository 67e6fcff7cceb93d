"""How long it takes to read and change the labels of many photos, and whether two windows at once lose anything.

    python -m tests.benchmarks.labels [--photos 50000] [--few 1000] [--edits 1000] [--seconds 60]

The photos are rows of a label log, without pixels: all that is measured reads nothing else. "Cold" is a process that
has read nothing yet; "warm" one that has, such as the server between two clicks.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from transfer_core.data.labels import dataset as item_log
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import Item, Labels, append_items, load_items, load_labels, new_item, version
from transfer_core.workspace import Project, Workspace

_BATCH = 500  # photos that an intake labels at once


def draw_items(count: int, names: Sequence[str] = ("ash", "elm", "fir", "oak")) -> list[Item]:
    """Rows of that many photos that do not exist."""
    found = []
    for number in range(count):
        name = names[number % len(names)]
        path = f"{name}/{number // len(names)}.jpg"
        found.append(new_item(f"{number:064x}", f"{number:064x}.jpg", path, name, None, (640, 480)))
    return found


# --- two windows at once ---------------------------------------------------------------------------------------------


def two_windows(project: Project, seconds: float) -> tuple[int, bool]:
    """(how much two processes changed at once and took back, whether the log has all of it and both see the same)."""
    command = [sys.executable, "-m", "tests.benchmarks.labels", "--window", str(project.folder), "--seconds"]
    windows = [
        subprocess.Popen(
            [*command, str(seconds), "--seed", str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for seed in range(2)
    ]
    for window in windows:
        assert window.stdout.readline() == "ready\n"
    for window in windows:
        window.stdin.write("go\n")
        window.stdin.flush()
    done = [json.loads(window.stdout.readline()) for window in windows]
    seen = [window.communicate("look\n")[0].strip() for window in windows]
    written = [json.loads(line) for line in project.labels_path.read_text().splitlines()]
    held = [_name(line) for line in written if line["op"] != "add"]
    fresh = load_labels(project, version(project))
    is_whole = sorted(held) == sorted(done[0] + done[1])
    return len(held), is_whole and seen == [_digest(fresh)] * 2 and load_labels(project) == fresh


def _window(project: Project, seconds: float, seed: int) -> None:
    """What one of the two does: changes photos at random, takes some of it back; then says what it did and sees."""
    rng, done, own = random.Random(seed), [], []
    ids = [item.id for item in load_items(project)]
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if own and rng.random() < 0.25:
            done.append(f"undo {edits.undo(project, own.pop())}")
        else:
            some = rng.sample(ids, rng.randint(1, min(20, len(ids))))
            own.append(edits.relabel(project, some, rng.choice(["ash", "elm", "oak"])))
            done.append(own[-1])
    print(json.dumps(done), flush=True)
    sys.stdin.readline()
    print(_digest(load_labels(project)), flush=True)


def _name(line: dict) -> str:
    return f"undo {line['of']}" if line["op"] == "undo" else line["id"]


def _digest(found: Labels) -> str:
    return json.dumps([[item.id, item.class_name] for item in found.items] + sorted(found.undone))


# --- many photos -----------------------------------------------------------------------------------------------------


def measure(home: Path, count: int, changes: int) -> dict[str, float]:
    """Seconds by name."""
    found, began = {}, time.perf_counter()

    def note(name: str) -> None:
        nonlocal began
        now = time.perf_counter()
        found[name] = now - began
        began = time.perf_counter()

    project = Workspace(home).create_project("Many")
    rows = draw_items(count)
    began = time.perf_counter()
    for start in range(0, count, _BATCH):
        append_items(project, rows[start : start + _BATCH])
    note("add")
    ids, rng = [item.id for item in rows], random.Random(0)
    before = version(project)
    began = time.perf_counter()
    for number in range(changes):
        edits.relabel(project, rng.sample(ids, 10), f"class {number % 30}")
    note("edits of 10")
    load_items(project)
    note("read warm")
    edits.relabel(project, ids[: min(count, 1000)], "oak")
    load_items(project)
    note("relabel 1,000 and read")
    action = edits.rename_class(project, "oak", "holly")
    load_items(project)
    note("rename and read")
    edits.undo(project, action)
    load_items(project)
    note("undo and read")
    edits.changes_since(project, before)
    note("changes since a version")
    item_log._LOGS.clear()
    began = time.perf_counter()
    load_items(project)
    note("read cold")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--window", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.window:
        project = Workspace(options.window.parents[1]).open_project(options.window.name)
        _window(project, options.seconds, options.seed)
        return
    for count in (options.few, options.photos):
        with tempfile.TemporaryDirectory() as home:
            for name, seconds in measure(Path(home), count, options.edits).items():
                print(
                    f"{count:6} photos  {name:24} {seconds:7.3f} s  {1e6 * seconds / count:8.2f} us a photo", flush=True
                )
    print(f"most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB", flush=True)
    with tempfile.TemporaryDirectory() as home:
        project = Workspace(Path(home)).create_project("Windows")
        append_items(project, draw_items(2000))
        done, same = two_windows(project, options.seconds)
    print(f"two windows for {options.seconds:g} s: {done} changes; all in the log and both agree: {same}")


if __name__ == "__main__":
    main()
