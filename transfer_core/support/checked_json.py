"""JSON files that carry a checksum of their own, and small ones that nobody can make anew, kept twice.

The checksum is the last key of the file. It covers the owner as well, such as a run's id, so that a file of another
run is not taken for this one's. A file without one, from an earlier version or from a person's hand, is read as it is.
Imports nothing heavy.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from transfer_core.support.files import json_text, write_whole

_SEAL = re.compile(rb',\n "checksum": "([0-9a-f]{16})"\n\}\n\Z')


@dataclass(frozen=True)
class Kept:
    """What a file that is kept twice says.

    Args:
        problem: Why it had to be taken from the copy, a few words; None where the file itself is whole.
    """

    content: dict
    problem: str | None = None


def write_checked(path: Path, content: dict, owner: str = "") -> None:
    """Writes the content, which has at least one key, with its checksum, atomically."""
    write_whole(path, _seal(content, owner))


def read_checked(path: Path, owner: str = "") -> dict:
    """The content without its checksum.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no JSON object, was changed since it was written, or is another owner's.
    """
    raw = path.read_bytes()
    if not raw.strip(b"\0 \n"):
        raise ValueError("it is empty")
    found = _SEAL.search(raw[-64:])
    if found:
        body = raw[: len(raw) - (found.end() - found.start())]
        if found[1].decode() != _digest(body, owner):
            raise ValueError("its checksum does not match: it was changed, or belongs elsewhere")
        raw = body + b"\n}"
    try:
        content = json.loads(raw)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def copy_path(path: Path) -> Path:
    """Where the copy of a file lies that is kept twice."""
    return path.with_name(f"{path.name}.bak")


def write_with_copy(path: Path, content: dict, owner: str = "") -> None:
    """Writes the file, then its copy: at any moment one of the two is whole."""
    write_checked(path, content, owner)
    write_checked(copy_path(path), content, owner)


def read_with_copy(path: Path, owner: str = "") -> Kept:
    """The content, from the copy where the file itself is damaged or gone.

    Raises:
        OSError, ValueError: As `read_checked` of the file, where the copy cannot be read either.
    """
    try:
        return Kept(read_checked(path, owner))
    except (OSError, ValueError) as error:
        try:
            return Kept(read_checked(copy_path(path), owner), in_words(error))
        except (OSError, ValueError):
            raise error from None


def in_words(error: Exception) -> str:
    """Why a file could not be read, a few words that fit into brackets; never a path, which the sentence names."""
    if isinstance(error, FileNotFoundError):
        return "it is missing"
    if isinstance(error, OSError):
        return error.strerror or "it cannot be opened"
    if isinstance(error, UnicodeDecodeError | json.JSONDecodeError):
        return "it is no JSON"
    return str(error).rstrip(".")


def _seal(content: dict, owner: str) -> bytes:
    body = json_text(content).removesuffix(b"\n}\n")
    return body + b',\n "checksum": "' + _digest(body, owner).encode() + b'"\n}\n'


def _digest(body: bytes, owner: str) -> str:
    return hashlib.sha256(owner.encode() + b"\n" + body).hexdigest()[:16]
