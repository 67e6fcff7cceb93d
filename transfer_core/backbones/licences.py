"""What the licence of a backbone's weights allows, in plain words. Imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """What a licence lets people do.

    Args:
        kind: "free", "non-commercial", "own terms" or "unknown".
        words: A sentence for somebody who has to choose.
    """

    kind: str
    words: str


_FREE = Permission("free", "Free to use, also for commercial purposes, if you name the authors.")
_NON_COMMERCIAL = Permission("non-commercial", "Not for commercial use: private, school and research projects only.")
_UNKNOWN = Permission("unknown", "Graft does not know this licence. Read it before you use the model.")
_PERMISSIONS = {
    "apache-2.0": _FREE,
    "mit": _FREE,
    "bsd-3-clause": _FREE,
    "fastvit-license": Permission("own terms", "Apple's own terms. Read them before you pass the model on."),
    "dinov3-license": Permission("own terms", "Meta's own terms, some uses excluded. Read them before you use it."),
    "fair-noncommercial-research-license": _NON_COMMERCIAL,
    "own": Permission("unknown", "Added from a file here: whoever added it knows its terms."),
}


def permission(licence: str) -> Permission:
    """What a licence allows, by the name that timm or its authors give it."""
    name = licence.lower()
    return _NON_COMMERCIAL if name.startswith("cc-by-nc") else _PERMISSIONS.get(name, _UNKNOWN)
