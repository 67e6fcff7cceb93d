"""Thousands of damaged files through the whole intake: what came of them, and the most memory that it took.

    python -m tests.benchmarks.mutations [PHOTOS] [--count 5000] [--seed 0]

Damages drawn files of every format, or the photos in a folder. Each upload of a hundred holds undamaged photos, too,
all of which must come in. Peak memory is read as the operating system tells it, hence not on Windows.
"""

import argparse
import io
import random
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.data.drawn import damage, photo, seeds
from transfer_core.data.ingest.sources import is_junk, upload_entries
from transfer_core.services import ingest
from transfer_core.workspace import Workspace

_AT_ONCE = 100
_GOOD = {f"good/{number}.png": photo(number) for number in range(3)}
_FIGURE = re.compile(r"\d[\d,]*")
_LIMIT_MB = 1000


def peak_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def read_all(folder: Path) -> tuple[bytes, ...]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not is_junk(path.name)]
    if not paths:
        sys.exit(f"'{folder}' holds no files.")
    return tuple(path.read_bytes() for path in paths)


def hand_in(files: dict[str, bytes]) -> Counter[str]:
    """Counts of what came of an upload, reasons without their figures; fails if anything else happens."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        project = workspace.create_project("Damaged")
        entries = upload_entries([(path, io.BytesIO(content)) for path, content in files.items()])
        report = ingest.take_in_entries(workspace, project, entries, lambda done, total: None)
    assert report.photos + len(report.rejected) == len(files)
    assert not {entry.file for entry in report.rejected} & _GOOD.keys()
    return Counter({"kept": report.photos - len(_GOOD)}) + Counter(
        _FIGURE.sub("#", entry.reason) for entry in report.rejected
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    whole = read_all(options.photos) if options.photos else seeds()
    chance, outcomes, began = random.Random(options.seed), Counter(), time.monotonic()
    for start in range(0, options.count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, options.count))
        damaged = {f"damaged/{number}": damage(chance.choice(whole), chance, whole) for number in numbers}
        outcomes += hand_in(_GOOD | damaged)
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")
    print(f"{options.count} files in {time.monotonic() - began:.0f} s, peak {peak_mb():.0f} MB (limit {_LIMIT_MB})")


if __name__ == "__main__":
    main()
