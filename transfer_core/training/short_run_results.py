"""What the short runs leave in their `evaluation` folder, for others to read. Imports no torch."""

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core.support.checked_json import read_checked, write_checked


@dataclass(frozen=True)
class PreviewPicture:
    """One augmented view.

    Args:
        file: A PNG in the same folder.
        shares: Class name -> its share in the answer that is asked for, in (0, 1]; more than one where photos blend.
    """

    file: str
    shares: dict[str, float]


@dataclass(frozen=True)
class PreviewRow:
    """A photo and then its augmented views; or views of several photos, blended.

    Args:
        name: The photo's original path; "" of blended photos.
    """

    name: str
    pictures: tuple[PreviewPicture, ...]


@dataclass(frozen=True)
class LrSweep:
    """How the loss went while the learning rate rose.

    Args:
        rates: (steps,), rising.
        losses: (steps,), of the batch before the step at that rate.
        smoothed: (steps,).
        suggestion: See `rate_finder.suggest`.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float

    def __post_init__(self) -> None:
        if not len(self.rates) == len(self.losses) == len(self.smoothed):
            raise ValueError(f"{len(self.rates)} rates, {len(self.losses)} losses, {len(self.smoothed)} smoothed ones")


def save_preview(folder: Path, rows: Sequence[PreviewRow]) -> None:
    """Names the pictures, which must lie there already."""
    checksums = {picture.file: _checksum(folder / picture.file) for row in rows for picture in row.pictures}
    content = {"rows": [asdict(row) for row in rows], "checksums": checksums}
    write_checked(folder / "preview.json", content, folder.parent.name)


def load_preview(folder: Path) -> tuple[PreviewRow, ...] | None:
    """What `save_preview` wrote; None where that, or a picture, is gone or damaged."""
    try:
        content = read_checked(folder / "preview.json", folder.parent.name)
        rows = tuple(PreviewRow(row["name"], tuple(map(_picture, row["pictures"]))) for row in content["rows"])
        files = [picture.file for row in rows for picture in row.pictures]
        is_whole = all(_checksum(folder / file) == content["checksums"][file] for file in files)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if is_whole else None


def _checksum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def _picture(content: dict) -> PreviewPicture:
    return PreviewPicture(
        Path(content["file"]).name, content["shares"]
    )  # of a path the name alone: nothing else is shown


def save_sweep(folder: Path, rates: LrSweep) -> None:
    folder.mkdir(exist_ok=True)
    write_checked(folder / "rates.json", asdict(rates), folder.parent.name)


def load_sweep(folder: Path) -> LrSweep | None:
    """What `save_sweep` wrote; None where there is nothing that can be read."""
    try:
        content = read_checked(folder / "rates.json", folder.parent.name)
        rates, losses, smoothed = (tuple(content[name]) for name in ("rates", "losses", "smoothed"))
        return LrSweep(rates, losses, smoothed, content["suggestion"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
