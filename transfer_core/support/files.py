"""Atomic file writes, JSON files, folder sizes and lock probes. Imports nothing heavy."""

import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

_home: Path | None = None
_RENAME_TRIES = 20  # Windows refuses to replace a file that somebody reads; readers are done within milliseconds.


def write_whole(path: Path, content: bytes | str) -> None:
    """Writes the file atomically: a reader, or a power cut, sees the old content or the new, never a mixture."""
    make_folder(path.parent)
    part = temp_path(path)
    try:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        fsync_and_rename(part, path)
    finally:
        part.unlink(missing_ok=True)


def stay_in(home: Path) -> None:
    """From now on this process makes no folder again of a home that somebody has moved away or deleted."""
    global _home
    _home = home


def make_folder(folder: Path) -> None:
    """Makes the folder, and those above it, where they are missing.

    Raises:
        OSError: It cannot be made, or it lies in a home that is gone; see `stay_in`.
    """
    if _home is None or not folder.is_relative_to(_home):
        folder.mkdir(parents=True, exist_ok=True)
        return
    place = _home
    for name in folder.relative_to(_home).parts:  # one by one: the first fails where the home is gone
        place = place / name
        place.mkdir(exist_ok=True)


def temp_path(path: Path) -> Path:
    """A unique temporary path in the same folder as `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def fsync_and_rename(part: Path, path: Path) -> None:
    """Flushes the temporary file to disk, then atomically renames it to `path`."""
    with part.open("r+b") as file:  # Windows waits only for files that may be written to
        os.fsync(file.fileno())
    move_into_place(part, path)


def move_into_place(part: Path, path: Path) -> None:
    """Renames the file over `path`; retries for up to 0.4 s while a reader holds the old one open (Windows)."""
    for attempt in range(_RENAME_TRIES):
        try:
            os.replace(part, path)
            return
        except PermissionError:
            if attempt == _RENAME_TRIES - 1:
                raise
            time.sleep(0.02)


def write_json(path: Path, content: object) -> None:
    """Writes the content as indented JSON, atomically."""
    write_whole(path, json_text(content))


def json_text(content: object) -> bytes:
    """The content as indented JSON in UTF-8."""
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    # A file name that is no UTF-8 reaches us as lone surrogates; written as \\udcff, JSON gives them back.
    return text.encode("utf-8", "backslashreplace")


def read_json(path: Path) -> dict:
    """The content of a JSON file, without the checksum that `checked_json` may have put at its end, unchecked.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not JSON in UTF-8.
    """
    content = json.loads(path.read_text("utf-8"))
    if isinstance(content, dict):
        content.pop("checksum", None)
    return content


def delete_folder(folder: Path) -> None:
    """Deletes a folder with all that is in it; one that is not there is fine.

    It gets another name first (`.deleted-...`, beside it), so that a folder that is half deleted when the power fails
    looks like nothing any more. `finish_delete_folder` does the rest then.

    Raises:
        OSError: A file in it cannot be deleted (Windows keeps those that are open); it has its new name all the same.
    """
    doomed = folder.with_name(f".deleted-{folder.name}-{secrets.token_hex(3)}")
    with suppress(FileNotFoundError):  # another window was faster
        os.replace(folder, doomed)
        finish_delete_folder(doomed)


def finish_delete_folder(folder: Path) -> None:
    """Deletes a folder; somebody else may be at the same. Raises as `delete_folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    while folder.exists():
        with suppress(FileNotFoundError):  # somebody else was faster with a file of it
            shutil.rmtree(folder)  # which says what is in the way


def folder_size(folder: Path) -> int:
    """Bytes of all files below the folder; a file that vanishes meanwhile counts 0, a symbolic link its own size."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(root, name), follow_symlinks=False).st_size
            except OSError:
                continue
    return total
