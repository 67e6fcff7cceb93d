"""What the short runs leave in their `evaluation` folder, for others to read. Imports no torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core.workspace import read_json, write_json


@dataclass(frozen=True)
class Picture:
    """One variation.

    Args:
        file: A PNG in the same folder.
        shares: Class name -> its share in the answer that is asked for, in (0, 1]; more than one where photos blend.
    """

    file: str
    shares: dict[str, float]


@dataclass(frozen=True)
class Row:
    """A photo as it is and then its variations; or variations of several photos, blended.

    Args:
        name: The photo's original path; "" of blended photos.
    """

    name: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Rates:
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

    def __post_init__(self):
        if not len(self.rates) == len(self.losses) == len(self.smoothed):
            raise ValueError(f"{len(self.rates)} rates, {len(self.losses)} losses, {len(self.smoothed)} smoothed ones")


def save_preview(folder: Path, rows: Sequence[Row]) -> None:
    """Names the pictures, which must lie there already."""
    write_json(folder / "preview.json", {"rows": [asdict(row) for row in rows]})


def load_preview(folder: Path) -> tuple[Row, ...] | None:
    """What `save_preview` wrote; None where there is nothing that can be read, or a picture is gone."""
    try:
        content = read_json(folder / "preview.json")["rows"]
        rows = tuple(Row(row["name"], tuple(map(_picture, row["pictures"]))) for row in content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    files = [folder / picture.file for row in rows for picture in row.pictures]
    return rows if all(file.is_file() for file in files) else None


def _picture(content: dict) -> Picture:
    return Picture(Path(content["file"]).name, content["shares"])  # of a path the name alone: nothing else is shown


def save_rates(folder: Path, rates: Rates) -> None:
    folder.mkdir(exist_ok=True)
    write_json(folder / "rates.json", asdict(rates))


def load_rates(folder: Path) -> Rates | None:
    """What `save_rates` wrote; None where there is nothing that can be read."""
    try:
        content = read_json(folder / "rates.json")
        curves = (tuple(content[name]) for name in ("rates", "losses", "smoothed"))
        return Rates(*curves, content["suggestion"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
