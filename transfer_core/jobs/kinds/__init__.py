"""The kinds of work that the runner does: a row here, a file of the same name beside it. Imports nothing heavy.

A kind of run has its spec in `runs.spec` and a function `run(job) -> Outcome`. A step is done with a run whose result
stands already, by `run(job) -> dict`; what goes wrong in it never touches the run. Files are imported by the worker
alone, so that they may import whatever they need.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Args:
        name: Of the file in this folder, and of its spec.
        steps: What is done next with the result, in this order, without anybody asking.
    """

    name: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """Something done with a run's result.

    Args:
        name: Of the file in this folder, and in events.
        title: What it does, for a person: "The program that ... ended unexpectedly."
    """

    name: str
    title: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("train", steps=("export", "pictures", "baselines")),
        Kind("preview"),
        Kind("lr_finder"),
        Kind("public_dataset"),
        Kind("weights"),
    )
}
STEPS = {
    step.name: step
    for step in (
        Step("export", "writes the model and checks it"),
        Step("pictures", "makes thumbnails"),
        Step("baselines", "measures what simple guesses get right"),
        Step("test_set", "evaluates the test photos"),
    )
}


def load(row: Kind | Step) -> Callable:
    """The row's function, from its file; the first call imports that."""
    return import_module(f"{__name__}.{row.name}").run
