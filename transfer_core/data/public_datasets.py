"""Public datasets of photos, downloaded by torchvision, which is imported only when one is."""

import logging
import random
import shutil
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError

from filelock import FileLock

from transfer_core.data.ingest.folder_layout import read_layout
from transfer_core.errors import DISK_FULL, DataError
from transfer_core.support.checked_json import read_checked, write_checked
from transfer_core.support.files import make_folder
from transfer_core.support.reachability import probe_url

Photo = tuple[Path, str]  # where it lies, its class
_TIMEOUT_S = 4  # two tries and a slow look-up of the name still end within ten seconds
# Marks a complete download, and lists its photos: {"photos": {path: [class, checksum]}}.
_COMPLETE = "complete"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublicSet:
    """One set.

    Args:
        name: As the command line knows it.
        about: What is on the photos.
        download_mb: Of the archives, which are kept beside the photos.
        address: Of the largest archive; its host must answer.
        home: Page with its terms.
        load: Downloads into a folder what is not there, and returns all photos.
    """

    name: str
    title: str
    about: str
    download_mb: int
    address: str
    home: str
    load: Callable[[Path], list[Photo]]


def _flowers102(folder: Path) -> list[Photo]:
    from torchvision.datasets import Flowers102

    return _of_parts([Flowers102(folder, split, download=True, loader=Path) for split in ("train", "val", "test")])


def _dtd(folder: Path) -> list[Photo]:
    from torchvision.datasets import DTD

    return _of_parts([DTD(folder, split, download=True, loader=Path) for split in ("train", "val", "test")])


def _eurosat(folder: Path) -> list[Photo]:
    from torchvision.datasets import EuroSAT

    return _of_parts([EuroSAT(folder, download=True, loader=Path)])


def _oxford_pets(folder: Path) -> list[Photo]:
    from torchvision.datasets import OxfordIIITPet

    OxfordIIITPet(folder, download=True)
    files = sorted((folder / "oxford-iiit-pet" / "images").glob("*.jpg"))
    names = [path.name for path in files]  # such as "great_pyrenees_107.jpg"; torchvision gives pixels, not files
    layout = read_layout(names, "file_name")
    return [(path, place.class_name) for path in files if (place := layout.place(path.name))]


def _of_parts(parts: Sequence) -> list[Photo]:
    """Photos of all parts of a set of torchvision that was given `Path` to load them with."""
    return [(path, part.classes[label]) for part in parts for path, label in (part[i] for i in range(len(part)))]


_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"
_EUROSAT = "https://huggingface.co/datasets/torchgeo/eurosat"
SETS = {
    row.name: row
    for row in (
        PublicSet(
            "flowers102",
            "Oxford 102 Flowers",
            "102 kinds of flowers of British gardens, 40 photos or more of each",
            345,
            f"{_OXFORD}/flowers/102/102flowers.tgz",
            f"{_OXFORD}/flowers/102/",
            _flowers102,
        ),
        PublicSet(
            "oxford-pets",
            "Oxford-IIIT Pets",
            "37 breeds of cats and dogs, about 200 photos of each",
            811,
            f"{_OXFORD}/pets/data/images.tar.gz",
            f"{_OXFORD}/pets/",
            _oxford_pets,
        ),
        PublicSet(
            "eurosat",
            "EuroSAT",
            "10 uses of land seen from a satellite, 2,000 small pictures or more of each",
            94,
            _EUROSAT,
            "https://github.com/phelber/EuroSAT",
            _eurosat,
        ),
        PublicSet(
            "dtd",
            "Describable Textures",
            "47 textures such as dotted, woven and cracked, 120 photos of each",
            625,
            f"{_OXFORD}/dtd/download/dtd-r1.0.1.tar.gz",
            f"{_OXFORD}/dtd/",
            _dtd,
        ),
    )
}


def find(name: str) -> PublicSet:
    """Raises DataError: there is no such set; names those that there are."""
    if name not in SETS:
        raise DataError(f"There is no public dataset '{name[:60]}'. There are: {', '.join(SETS)}.")
    return SETS[name]


def check_count(per_class: int) -> None:
    """Raises DataError: fewer than one photo of each class was asked for."""
    if per_class < 1:
        raise DataError(f"Choose at least 1 photo per class, got {per_class}.")


def check_reachable(row: PublicSet, folder: Path) -> None:
    """Says within ten seconds that a set can be had: it is in the folder, or its host answers.

    Raises:
        DataError: Not so, and what to do.
    """
    if not (folder / _COMPLETE).exists() and (error := probe_url(row.address, _TIMEOUT_S)):
        raise _unreachable(row, error) from error


def load(row: PublicSet, folder: Path, per_class: int, seed: int = 0) -> list[Photo]:
    """So many photos of each class, drawn by the seed; all of a class that has fewer.

    Who asks for more later gets the same ones and others. One process at a time: others wait for its download. Where
    one of them is not what was downloaded, all photos are unpacked again, or downloaded where the archives are damaged.

    Raises:
        DataError: The download failed.
        OSError: The disk is full.
    """
    with _lock(folder):
        if not (folder / _COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)  # half an archive unpacked would pass for a whole one
            make_folder(folder)
        checksums = _load_list(row, folder) or _fetch(row, folder)
        chosen = _choose(checksums, per_class, seed)
        if any(_checksum(path) != checksums[path, class_name] for path, class_name in chosen):
            _log.warning("Photos in %s are not what was downloaded; all are unpacked again.", folder)
            _delete_photos(folder, [path for path, _ in checksums])
            chosen = _choose(_fetch(row, folder), per_class, seed)
    return chosen


def _fetch(row: PublicSet, folder: Path) -> dict[Photo, int]:
    """Has torchvision download and unpack what is not there, and lists all photos with their checksums."""
    try:
        checksums = {photo: _checksum(photo[0]) for photo in row.load(folder)}
    except (OSError, RuntimeError) as error:  # torchvision says RuntimeError where an archive arrived damaged
        if getattr(error, "errno", None) in DISK_FULL:
            raise
        raise _unreachable(row, error) from error
    listed = {path.relative_to(folder).as_posix(): [name, found] for (path, name), found in checksums.items()}
    write_checked(folder / _COMPLETE, {"photos": listed}, row.name)
    return checksums


def _load_list(row: PublicSet, folder: Path) -> dict[Photo, int]:
    """The photos that were listed; none where there is no list that can be read."""
    try:
        listed = read_checked(folder / _COMPLETE, row.name)["photos"]
        return {(folder / path, class_name): checksum for path, (class_name, checksum) in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _choose(photos: Iterable[Photo], per_class: int, seed: int) -> list[Photo]:
    by_class: dict[str, list[Path]] = defaultdict(list)
    for path, class_name in sorted(photos):
        by_class[class_name].append(path)
    for class_name, paths in by_class.items():
        random.Random(f"{seed}:{class_name}").shuffle(paths)
    return [(path, class_name) for class_name, paths in sorted(by_class.items()) for path in paths[:per_class]]


def _delete_photos(folder: Path, paths: Sequence[Path]) -> None:
    """Deletes the folders of the photos, by whose absence torchvision knows that it must unpack its archives again."""
    (folder / _COMPLETE).unlink(missing_ok=True)  # first: what is left when this breaks off is no whole set
    for parent in {path.parent for path in paths} - {folder}:
        shutil.rmtree(parent, ignore_errors=True)
        while (parent := parent.parent) != folder:
            with suppress(OSError):  # there is something else in it
                parent.rmdir()


def _checksum(path: Path) -> int:
    """Of the file's content; 0 of one that cannot be read, which is then left out for itself alone."""
    try:
        return zlib.crc32(path.read_bytes())
    except OSError:
        return 0


def delete_all(public_dir: Path) -> None:
    """Deletes every set that was downloaded."""
    for folder in public_dir.glob("*/"):
        with _lock(folder):
            (folder / _COMPLETE).unlink(missing_ok=True)  # first: what is left when this breaks off is no whole set
            shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> FileLock:
    make_folder(folder.parent)
    return FileLock(folder.with_name(f"{folder.name}.lock"))


def _unreachable(row: PublicSet, error: Exception) -> DataError:
    return DataError(
        f"{row.title} needs a download of {row.download_mb} MB, which failed: {_reason(error)}. Check the "
        "internet connection and try again, or use your own photos."
    )


def _reason(error: Exception) -> str:
    """Why a download failed, in words."""
    if isinstance(error, HTTPError):
        return f"the server refused it ({error.code})"
    if isinstance(error, RuntimeError):
        return "the file arrived damaged"
    cause = error.reason if isinstance(error, URLError) else error
    return "the server did not answer in time" if isinstance(cause, TimeoutError) else "the server cannot be reached"
