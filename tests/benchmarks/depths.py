"""Real photos written as instruments write them, of 10 to 16 bits: as accurate as their copies of 8 bits?

    python -m tests.benchmarks.depths FOLDER [--per-class 40] [--side 256]

FOLDER holds a folder of photos for each class. Of each, the same photos are validation photos.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.deep import write_png, write_tiff

_ENDINGS = (".jpg", ".jpeg", ".png")


def _whole(bits: int) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda shares, number: np.rint(shares * (2**bits - 1)).astype(np.uint16)


def _dim(shares: np.ndarray, number: int) -> np.ndarray:
    """Numbers far below what their bits hold, and in every second photo a defective pixel."""
    values = np.rint(shares * 2500 + 200).astype(np.uint16)
    values[7, 9] = 65535 if number % 2 else 300
    return values


def _with_nodata(shares: np.ndarray, number: int) -> np.ndarray:
    values = (shares * 0.4).astype(np.float32)
    values.reshape(-1, values.shape[2])[::97] = -9999 if number % 2 else np.nan
    return values


SETS = {
    "colour, 8 bits": ("RGB", "png8", _whole(8)),
    "colour, 10 bits in PNG": ("RGB", "png", _whole(10)),
    "colour, 12 bits in TIFF": ("RGB", "tif", _whole(12)),
    "colour, 14 bits in PNG": ("RGB", "png", _whole(14)),
    "colour, dim, hot pixels": ("RGB", "tif", _dim),
    "grey, 8 bits": ("L", "png8", _whole(8)),
    "grey, 10 bits in TIFF": ("L", "tif", _whole(10)),
    "grey, 12 bits in PNG": ("L", "png", _whole(12)),
    "grey, 14 bits in TIFF": ("L", "tif", _whole(14)),
    "grey, dim, hot pixels": ("L", "tif", _dim),
    "grey, floating, nodata": ("L", "tif", _with_nodata),
}


def write_set(source: Path, target: Path, name: str, per_class: int, side: int) -> Path:
    """The set of that name, in class folders below train and val."""
    mode, form, change = SETS[name]
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)[:per_class]
        for part in ("train", "val"):
            (target / part / folder.name).mkdir(parents=True)
        for number, path in enumerate(photos):
            photo = Image.open(path).convert(mode)
            photo.thumbnail((side, side))
            shares = np.atleast_3d(np.asarray(photo, np.float64) / 255)
            part = "val" if number % 10 < 3 else "train"
            place = target / part / folder.name / f"{number:03}.{form[:3]}"
            if form == "png8":
                photo.save(place)
            else:
                (write_png if form == "png" else write_tiff)(place, change(shares, number))
    return target


def fit(data: Path, home: Path) -> dict:
    command = [sys.executable, "-m", "transfer_core", "fit", str(data), "--home", str(home), "--json"]
    command += ["--strategy", "feature_extraction"]
    return json.loads(subprocess.run(command, env=os.environ, check=True, capture_output=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-class", type=int, default=40)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    options = parser.parse_args()
    expected: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for number, name in enumerate(options.sets):
            data = write_set(options.folder, Path(folder) / str(number), name, options.per_class, options.side)
            found = fit(data, Path(folder) / "home")
            low, high = expected.setdefault(SETS[name][0], tuple(found["val_interval"]))
            verdict = "inside" if low <= found["val_accuracy"] <= high else "OUTSIDE"
            print(
                f"{name:26} {found['val_accuracy']:.3f} of {found['val_count']}, {verdict} {low:.3f} to {high:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
