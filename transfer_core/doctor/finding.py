"""What the doctor says: one finding, in words and for programs. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The kinds, in the order of how much each usually costs: wrong facts first, then figures that are too good, then photos
# that teach little.
KINDS = (
    "broken",
    "duplicate_across_classes",
    "wrong_label",
    "duplicate_across_parts",
    "near_duplicate_across_parts",
    "shortcut",
    "small_class",
    "imbalance",
    "near_duplicate",
    "duplicate",
    "outlier",
    "tiny",
    "blurry",
    "dark",
    "washed_out",
)
SEVERITIES = ("high", "medium", "low")


@dataclass(frozen=True)
class Finding:
    """Something that is worth a look.

    Args:
        kind: One of `KINDS`.
        files: Paths as the photos came, the most important first; untrusted text.
        severity: One of `SEVERITIES`.
        says: What was found and what it means, a sentence or two.
        remedy: What to do.
        suggested: Class that a photo probably belongs to, by path; untrusted text.
    """

    kind: str
    files: tuple[str, ...]
    severity: str
    says: str
    remedy: str
    suggested: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict:
        answer = {"kind": self.kind, "files": list(self.files), "severity": self.severity}
        answer |= {"says": self.says, "remedy": self.remedy}
        return answer | ({"suggested": dict(self.suggested)} if self.suggested else {})


def in_order(findings: list[Finding]) -> list[Finding]:
    """The most important first."""
    return sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), KINDS.index(one.kind)))
