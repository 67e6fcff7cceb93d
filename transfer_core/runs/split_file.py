"""A run's `split.json`: which photo is in which part. Written once, and never changed. Imports nothing heavy."""

from dataclasses import asdict
from pathlib import Path

from transfer_core.data.labels.dataset import Item, labelled
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.support.checked_json import in_words, read_checked, write_checked

_PARTS = ("train", "val", "test")


def write_split(folder: Path, run_id: str, split: Split) -> None:
    """Writes the file into a run's folder."""
    content = {
        "class_names": list(split.class_names),
        "given": split.given,
        "crossing": list(split.crossing),
        "crossing_groups": list(split.crossing_groups),
        **{part: [asdict(item) for item in getattr(split, part)] for part in _PARTS},
    }
    write_checked(folder / "split.json", content, run_id)


def read_split(folder: Path, run_id: str) -> Split:
    """The parts as they were written.

    Raises:
        RunError: There is no such file, it is damaged, or it is another run's.
    """
    path = folder / "split.json"
    try:
        content = read_checked(path, run_id)
        # A run that was made before there were test parts and groups has neither.
        parts = {part: tuple(labelled(Item(**item) for item in content.get(part, ()))) for part in _PARTS}
        crossing = tuple((first, second) for first, second in content["crossing"])
        groups = tuple(content.get("crossing_groups", ()))
        return Split(
            tuple(content["class_names"]), given=content["given"], crossing=crossing, crossing_groups=groups, **parts
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"The photos of run '{run_id}' cannot be read from {path} ({in_words(error)}), so nothing can be shown of "
            "its answers. Delete the run and train again."
        ) from error
