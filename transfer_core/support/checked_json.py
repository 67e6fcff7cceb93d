"""JSON files that programs write for programs, with a checksum: a changed digit looks like any other."""

import json
import zlib
from pathlib import Path

from transfer_core.support.files import read_json, write_json

_CHECKSUM = "crc32"


def write_checked(path: Path, content: dict, owner: str) -> None:
    """Replaces the file whole.

    Args:
        owner: What the content is about, such as a run's id: the file of another one is no file of this one.
    """
    write_json(path, {**content, _CHECKSUM: _checksum(content, owner)})


def read_checked(path: Path, owner: str) -> dict:
    """The content; a file of an earlier version has no checksum and passes.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not what was written.
    """
    try:
        content = read_json(path)
    except RecursionError as error:
        raise ValueError(f"{path} is no JSON that was written here") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no JSON that was written here")
    checksum = content.pop(_CHECKSUM, None)
    if checksum is not None and checksum != _checksum(content, owner):
        raise ValueError(f"{path} is not what was written")
    return content


def _checksum(content: dict, owner: str) -> int:
    return zlib.crc32(json.dumps([owner, content], sort_keys=True).encode())
