"""Projects of Teachable Machine, as it saves them: a zip of photos whose names say the class.

Such a file, `NAME.tm`, holds `manifest.json`, which says `"type": "image"` (or "pose", or "audio"), and beside it every
photo of every class as `CLASS-!-NUMBER.jpg`. Nothing else in it names the classes.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from transfer_core.data.ingest.sources import Entries, Entry
from transfer_core.errors import DataError

ENDING = ".tm"
_MANIFEST, _BETWEEN = "manifest.json", "-!-"
_MANIFEST_LIMIT = 1 << 20  # bytes; it has 150
_OF_PHOTOS = ("image", "pose")


def name_classes(entries: Entries, name: str) -> Entries:
    """The entries, with the class of each photo where they are such a project, packed or unpacked.

    Args:
        name: Of what was handed in; untrusted text.

    Raises:
        DataError: It is a project of sounds, or it is called one and is not laid out as one.
    """
    kinds = {}
    if any(_BETWEEN in entry.path for entry in entries):
        manifests = [entry for entry in entries if entry.path.rsplit("/", 1)[-1] == _MANIFEST]
        kinds = {entry.path: kind for entry in manifests if (kind := _kind(entry))}
    if not kinds:
        if name.lower().endswith(ENDING):
            raise DataError(
                f"'{name}' is not laid out as Teachable Machine saves its projects, so its classes are not known. "
                "Save it there once more (Download project as file), or add the photos in a folder for each class."
            )
        return entries
    if other := next((kind for kind in kinds.values() if kind not in _OF_PHOTOS), None):
        raise DataError(
            f"'{name}' is a Teachable Machine project of the kind '{other[:20]}'. Graft takes photos; choose an image "
            "project."
        )
    places = sorted((path.removesuffix(_MANIFEST) for path in kinds), key=len, reverse=True)
    named = (_with_class(entry, places) for entry in entries if entry.path not in kinds)
    return Entries(named, entries.said, entries.names)


def _with_class(entry: Entry, places: Sequence[str]) -> Entry:
    """The entry with the class that its name says, which may have a slash of its own.

    Args:
        places: Folders of projects, with "/" at their ends; inner ones before those around them.
    """
    place = next((place for place in places if entry.path.startswith(place)), None)
    if place is None:
        return entry
    class_name, between, _ = entry.path.removeprefix(place).rpartition(_BETWEEN)
    return replace(entry, class_name=class_name) if between and class_name.strip() else entry


def _kind(manifest: Entry) -> str | None:
    if manifest.refusal or manifest.size > _MANIFEST_LIMIT:
        return None
    try:
        said = json.loads(manifest.read())
        return str(said["type"]) if "appdata" in said or "version" in said else None
    except (DataError, ValueError, KeyError, TypeError, RecursionError):
        return None
