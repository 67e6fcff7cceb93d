"""Many photos through the command line's `import`: photos per second and peak memory; and a zip of gigabytes.

    python -m tests.benchmarks.imports [--few 1000] [--many 50000] [--gigabytes 2]

Small photos come as a folder, the large ones in a zip. A few hundred pictures are drawn and each is handed in many
times with other bytes at its end, so every file is a photo of its own, decoded and kept. The program's start is
measured with ten photos and left out of the comparison. Peak memory is the whole process's, as the operating system
tells it when it has ended, hence not on Windows.
"""

import argparse
import io
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers import start_python

_CLASSES, _DRAWN = 10, 300
_START = 10  # photos: what they take is almost all the program's start
_SMALL, _LARGE = (160, 120), (2000, 1500)  # pixels


def draw(size: tuple[int, int], count: int, detail: int) -> list[bytes]:
    """JPEGs of soft blots; the more detail, the more bytes."""
    rng, found = np.random.default_rng(0), []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (detail * 3, detail * 4, 3), np.uint8))
        buffer = io.BytesIO()
        coarse.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=92)
        found.append(buffer.getvalue())
    return found


def photos(drawn: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Paths and contents without end, no two alike."""
    number = 0
    while True:
        yield f"class {number % _CLASSES}/{number}.jpg", drawn[number % len(drawn)] + number.to_bytes(8)
        number += 1


def write_folder(folder: Path, count: int) -> Path:
    for name in range(_CLASSES):
        (folder / f"class {name}").mkdir(parents=True)
    for (path, content), _ in zip(photos(draw(_SMALL, _DRAWN, 2)), range(count), strict=False):
        (folder / path).write_bytes(content)
    return folder


def write_zip(path: Path, size: int) -> int:
    """A zip of at least so many bytes; returns how many photos it holds."""
    written = count = 0
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in photos(draw(_LARGE, 20, 100)):
            archive.writestr(name, content)
            written, count = written + len(content), count + 1
            if written >= size:
                return count


def measure(data: Path, home: Path, count: int, name: str) -> float:
    """Imports, prints what it took, and returns the seconds."""
    began = time.perf_counter()
    process = start_python("-m", "transfer_core", "import", str(data), "--name", "Many", "--home", str(home))
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.stderr.read()
    peak_mb = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    print(f"{name}: {count / seconds:.0f} photos per second ({seconds:.1f} s), peak {peak_mb:.0f} MB", flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--gigabytes", type=float, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place, took = Path(folder), []
        for count in (_START, options.few, options.many):
            data = write_folder(place / f"{count}", count)
            took.append(measure(data, place / f"home-{count}", count, f"{count:,} small photos"))
        start, few, many = took
        ratio = (many - start) / (options.many - _START) * (options.few - _START) / (few - start)
        print(f"A photo among many costs {ratio:.2f} times one among few")
        count = write_zip(place / "large.zip", int(options.gigabytes * 1e9))
        megabytes = (place / "large.zip").stat().st_size / 1e6
        measure(place / "large.zip", place / "home-zip", count, f"A zip of {megabytes:,.0f} MB, {count:,} photos")


if __name__ == "__main__":
    main()
