"""Two baselines that need no network, on a run's own photos, to compare its result with. Imports no torch."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.data.labels.dataset import Item
from transfer_core.errors import RunError
from transfer_core.runs import Run
from transfer_core.support.checked_json import in_words, read_checked, write_checked
from transfer_core.support.parallel import map_ahead

_LEVELS = 8  # per channel: 512 colours, coarse enough that noise seldom makes another colour
_BLOCK = 512  # photos compared at once: 20 MB of products with 10,000 others


@dataclass(frozen=True)
class Baselines:
    """Answers to each validation photo, class ids (n,), in the order of the split's val part.

    Args:
        majority: Always the class with the most training photos, the first of equals.
        colours: The class of the training photo whose colours are most alike.
    """

    majority: tuple[int, ...]
    colours: tuple[int, ...]


def measure_baselines(run: Run) -> Baselines:
    """Both baselines on the run's own split, from pixels as its backbone sees them.

    Raises:
        DataError: A photo can no longer be read.
        BackboneError: The backbone is not known any more.
    """
    split = runs.load_split(run)
    place = {name: class_id for class_id, name in enumerate(split.class_names)}
    train_ids = np.array([place[item.class_name] for item in split.train], np.int64)
    train, val = (_histograms(run, items) for items in (split.train, split.val))
    most = int(np.bincount(train_ids).argmax())
    return Baselines((most,) * len(split.val), tuple(train_ids[nearest_rows(train, val)].tolist()))


def baselines_path(folder: Path) -> Path:
    """Where a run's evaluation folder has them."""
    return folder / "baselines.json"


def save_baselines(folder: Path, baselines: Baselines) -> None:
    """Writes `baselines.json` into a run's evaluation folder."""
    write_checked(baselines_path(folder), asdict(baselines), folder.parent.name)


def load_baselines(folder: Path) -> Baselines | None:
    """As `save_baselines` wrote them; None where they are not there.

    Raises:
        RunError: The file is damaged, or another run's.
    """
    path = baselines_path(folder)
    try:
        content = read_checked(path, folder.parent.name)
        return Baselines(*(tuple(map(int, content[name])) for name in ("majority", "colours")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"What simple guesses get right cannot be read from {path} ({in_words(error)}), so this model is not "
            "compared with it. Train again if you need that."
        ) from error


def colour_histogram(pixels: np.ndarray) -> np.ndarray:
    """Square roots of the shares, float32 (512,), that 512 colours have in pixels uint8 (3, height, width).

    Source: M. J. Swain and D. H. Ballard, "Color Indexing", 1991.
    """
    red, green, blue = pixels.astype(np.uint16) // (256 // _LEVELS)
    counts = np.bincount(((red * _LEVELS + green) * _LEVELS + blue).ravel(), minlength=_LEVELS**3)
    return np.sqrt(counts / counts.sum()).astype(np.float32)


def nearest_rows(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Row numbers int64 (n,) of the histograms (m, 512) that are nearest to each of `asked` (n, 512).

    Nearest by Hellinger's distance; of square roots of shares that is the largest product, the first of equals.
    Source: A. Bhattacharyya, 1943, whose coefficient this product is.
    """
    starts = range(0, len(asked), _BLOCK)
    blocks = [(asked[start : start + _BLOCK] @ known.T).argmax(1) for start in starts]
    return np.concatenate([np.zeros(0, np.int64), *blocks])


def _histograms(run: Run, items: Sequence[Item]) -> np.ndarray:
    """float32 (n, 512); a photo per core, each decoded only where its pixels are no longer in the cache."""
    preparation = catalog.find(run.config.backbone, run.workspace.weights_dir).preparation
    rendering = run.rendering
    prepared = PreparedPhotos(preparation, run.workspace.prepared_dir, rendering)

    def look(item: Item) -> np.ndarray:
        return colour_histogram(prepared(rendering.key(item.photo, item.file), run.photos_dir / item.file))

    with closing(map_ahead(look, items)) as found:
        return np.stack(list(found))
