"""What onnxruntime had kept for its maker before Graft kept it from doing so: found, and deleted. Imports no torch."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from transfer_core.errors import TransferError
from transfer_core.support.files import folder_size

_FOLDER = Path("Microsoft", "DeveloperTools", ".onnxruntime")  # its own; other programs of Microsoft use the one around
_SESSION = ".ses"  # in the temporary folder, by the package inside onnxruntime that does the sending
_SESSION_CONTENT = re.compile(rb"\d+\r?\n[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*", re.IGNORECASE)


def kept() -> dict[Path, int]:
    """Where a device id, events that were not sent yet, or a session id lie, with their bytes."""
    cache, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path(os.path.expanduser("~"))
    roots = [cache if cache.is_absolute() else home / ".cache", home / "Library/Application Support"]  # Linux, macOS
    # Not `Path.is_dir`, which raises where another user's folder may not be looked into.
    found = {folder: folder_size(folder) for root in roots if os.path.isdir(folder := root / _FOLDER)}
    session = Path(tempfile.gettempdir(), _SESSION)
    if _is_session(session):
        found[session] = session.stat().st_size
    return found


def _is_session(path: Path) -> bool:
    """The temporary folder may be everybody's: a file of this content that is ours to delete."""
    if not (os.path.isfile(path) and os.access(path, os.W_OK)):
        return False
    with path.open("rb") as file:
        return bool(_SESSION_CONTENT.fullmatch(file.read(100)))


def delete_kept() -> None:
    """Deletes it. Another program on this computer that uses onnxruntime may make it again.

    Raises:
        TransferError: Something could not be deleted.
    """
    for path in kept():
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise TransferError(
                f"'{path}' cannot be deleted: {error.strerror}. Close programs that use onnxruntime, then try again."
            ) from error
