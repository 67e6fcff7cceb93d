"""Projects of Teachable Machine, as it saves them: a zip of photos whose names say the class.

Such a file, `NAME.tm`, holds `manifest.json`, which says `"type": "image"` (or "pose", or "audio"), and beside it every
photo of every class as `CLASS-!-NUMBER.jpg`. Nothing else in it names the classes.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from transfer_core.data.ingest.sources import Entry
from transfer_core.errors import DataError

ENDING = ".tm"
_MANIFEST, _BETWEEN = "manifest.json", "-!-"
_MANIFEST_LIMIT = 1 << 20  # bytes; it has 150
_OF_PHOTOS = ("image", "pose")


def name_classes(entries: Sequence[Entry], name: str) -> Sequence[Entry]:
    """The entries, with the class of each photo where they are such a project, packed or unpacked.

    Args:
        name: Of what was handed in; untrusted text.

    Raises:
        DataError: It is a project of sounds, or it is called one and is not laid out as one.
    """
    manifest = next((entry for entry in entries if entry.path.rsplit("/", 1)[-1] == _MANIFEST), None)
    kind = _kind(manifest) if manifest and any(_BETWEEN in entry.path for entry in entries) else None
    if manifest is None or kind is None:
        if name.lower().endswith(ENDING):
            raise DataError(
                f"'{name}' is not laid out as Teachable Machine saves its projects, so its classes are not known. "
                "Save it there once more (Download project as file), or add the photos in a folder for each class."
            )
        return entries
    if kind not in _OF_PHOTOS:
        raise DataError(
            f"'{name}' is a Teachable Machine project of the kind '{kind[:20]}'. Graft takes photos; choose an image "
            "project."
        )
    around = manifest.path[: -len(_MANIFEST)]
    return [_with_class(entry, around) for entry in entries if entry is not manifest]


def _with_class(entry: Entry, around: str) -> Entry:
    """The entry with the class that its name says; that may have a slash of its own."""
    class_name, between, _ = entry.path.removeprefix(around).rpartition(_BETWEEN)
    return replace(entry, class_name=class_name) if between and class_name.strip() else entry


def _kind(manifest: Entry) -> str | None:
    if manifest.refusal or manifest.size > _MANIFEST_LIMIT:
        return None
    try:
        said = json.loads(manifest.read())
        return str(said["type"]) if "appdata" in said or "version" in said else None
    except (DataError, ValueError, KeyError, TypeError, RecursionError):
        return None
