"""Lines of the append-only logs: one JSON object each, with a checksum at its end. Imports nothing heavy.

The checksum covers the owner as well, such as a run's id, so that another run's log is not taken for this one's. A line
without one, as earlier versions wrote it, is read as it is.
"""

import json
import zlib

_KEY = b', "crc": "'
_END = len(_KEY) + 8 + len(b'"}\n')
# Put behind what a killed writer left of a line, so that this is not taken for damage.
UNFINISHED = b" unfinished\n"


def encode(content: dict, owner: str, *, ensure_ascii: bool = True) -> bytes:
    """The line of an object that has at least one key, its end included."""
    text = json.dumps(content, ensure_ascii=ensure_ascii, allow_nan=False)
    body = text[:-1].encode("utf-8", "replace")
    return body + _KEY + _checksum(body, owner) + b'"}\n'


def decode(line: bytes, owner: str) -> dict | None:
    """The object of a whole line; None where it is damaged, is another owner's, or was never finished."""
    if line[-_END:].startswith(_KEY) and line.endswith(b'"}\n'):
        body = line[:-_END]
        if line[-11:-3] != _checksum(body, owner):
            return None
        line = body + b"}"
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def is_unfinished(line: bytes) -> bool:
    """Whether a line that cannot be read was only never finished, so that nothing is lost that was acknowledged.

    Earlier versions put a bare end behind what a killed writer had left; then it is plain text cut short.
    """
    if line.endswith(UNFINISHED) or not line.strip():
        return True
    return line.startswith(b"{") and b'"crc": "' not in line and not line.rstrip().endswith(b"}") and _is_text(line)


def _is_text(line: bytes) -> bool:
    return all(byte >= 0x20 for byte in line.rstrip(b"\r\n"))


def _checksum(body: bytes, owner: str) -> bytes:
    return b"%08x" % zlib.crc32(body, zlib.crc32(owner.encode()))
