"""The learning curves and the confusion matrix of a run, as several pages show them."""

import contextlib
from collections.abc import Iterable

import streamlit as st

from pages._shared.theme import is_dark
from transfer_core import charts
from transfer_core.runs.events import EpochFinished
from transfer_core.runs.state import RunState, kept_step, split_off_head
from transfer_core.support.wording import percent

SCROLLING_CLASSES = 12  # more do not fit a phone
ABOUT_CURVES = (
    "**Training photos**: the model learns from them. **Validation photos**: kept back to check the model. **Epoch**: "
    "one pass through all training photos. **Loss**: how wrong the answers are, most of all those that the model was "
    "sure of; lower is better. **Accuracy**: the share of right answers."
)
_BESIDE = 8  # classes; the matrix of more does not fit beside two curves
# Many sessions may look at one run, and to build a figure takes longer than all else in a look: what one session has
# drawn, the others show. Figures are not changed once they are built.
_learning_curves = st.cache_resource(charts.learning_curves, max_entries=64, show_spinner=False)
_confusion_matrix = st.cache_resource(charts.confusion_matrix, max_entries=64, show_spinner=False)


def show_learning(history: RunState, shown: int, key: str) -> None:
    """The curves of what learned last, head or backbone; of the backbone from where the head had come to.

    Args:
        shown: How many of the run's epochs are to be seen.
    """
    epochs, before = split_off_head(history.epochs[:shown])
    first = epochs[0].step - 1
    total = max(epoch.step - epoch.epoch + epoch.epochs for epoch in epochs) - first
    # If log lines are lost, the saved epoch may be missing from those that are left.
    ended = history.status == "finished" and shown == len(history.epochs) and not history.lost
    level = {}
    if before:
        level = {"loss": before.val_loss, "accuracy": before.val_accuracy}
    elif history.keeps_solved and history.result and shown == len(history.epochs):
        ended, level = False, {"accuracy": history.result["val_accuracy"]}
    name = "before fine-tuning" if before else "kept: solved"
    _show_curves(epochs, total, kept_step(epochs) - first if ended else None, key, level, name)


def show_at_work(history: RunState, shown: int, class_names: list[str] | None) -> None:
    """Loss, accuracy and confusion matrix on one screen: beside each other, a large matrix below the curves.

    Args:
        class_names: None where they cannot be read, for a matrix without names says nothing.
    """
    place: contextlib.AbstractContextManager = contextlib.nullcontext()
    if class_names and len(class_names) <= _BESIDE:
        curves, place = st.columns([2, 1])
    else:
        curves = st.container()
    with curves:
        show_learning(history, shown, "curve")
    if class_names:
        with place:
            width = "stretch" if len(class_names) <= _BESIDE else "content"
            rows = history.confusion_after(shown, len(class_names))
            show_matrix(rows, class_names, "live-matrix", width=width)


def what_is_kept(history: RunState, shown: int) -> str:
    """A sentence or two for under the curves of the first `shown` epochs."""
    epoch = history.epochs[shown - 1]
    which = (
        "Graft tried two kinds of new layer and keeps the one that is solved in a single step, without epochs. The "
        "curves show the other one, which learns step by step"
        if history.keeps_solved
        else "Graft keeps the model from the last epoch"
        if epoch.spared_loss is None
        else "Graft keeps the model from the best epoch, chosen by training photos set apart for this"
    )
    return f"{which}. Validation photos are only used to measure it."


def _show_curves(
    epochs: list[EpochFinished], total: int, kept: int | None, key: str, level: dict[str, float | None], name: str
) -> None:
    """Loss and accuracy per epoch, side by side.

    Args:
        level: By measure, what these epochs did not bring about, to compare with.
        name: Of that.
    """
    by_step = {epoch.step: epoch for epoch in epochs}
    in_order = [by_step.get(step) for step in range(min(by_step), max(by_step) + 1)]  # None: its line is lost
    for column, metric in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        figure = _learning_curves(
            tuple(getattr(epoch, f"train_{metric}", None) for epoch in in_order),
            tuple(getattr(epoch, f"val_{metric}", None) for epoch in in_order),
            metric=metric,
            total_epochs=total,
            kept_epoch=kept,
            level=level.get(metric),
            level_name=name,
            dark=is_dark(),
        )
        column.plotly_chart(
            figure,
            theme=None,
            config=charts.CONFIG,
            key=f"{key}-{metric}",
            alt=f"{metric} per epoch on the training photos and on the validation photos",
        )


def show_compared(named: Iterable[tuple[str, RunState]], key: str) -> None:
    """Right answers per epoch of several runs, by name; one that learned only a head may be a level line.

    Beside others it is: a head's epochs pass over kept features in no time, a hundred of them against ten, and fit no
    common axis. And where a head is kept that was solved, the epochs are not its own.
    """
    named = list(named)
    parts = {name: [epoch for epoch in history.epochs if epoch.phase != "head"] for name, history in named}
    longest = max(map(len, parts.values()))
    longest = longest or (max(len(history.epochs) for _, history in named))
    level = [
        name
        for name, history in named
        if history.epochs and not parts[name] and (any(parts.values()) or history.keeps_solved)
    ]
    curves = []
    for name, history in named:
        shares = [epoch.val_accuracy for epoch in parts[name] or history.epochs]
        if history.keeps_solved and history.result:
            shares = [history.result["val_accuracy"]]
        curves.append((name, shares[-1:] * longest if name in level else shares))
    ends = [f"{name} {'at ' + percent(shares[-1]) if shares else 'without an epoch'}" for name, shares in curves]
    figure = charts.compared_curves(curves, dark=is_dark())
    alt = f"Validation accuracy per epoch: in the end, {', '.join(ends)}"
    st.plotly_chart(figure, theme=None, config=charts.CONFIG, key=key, alt=alt)
    if level:
        st.caption(
            "A flat line shows the result of a run in which only the new layer learned, which takes moments: "
            f"{', '.join(level)}."
        )


def show_matrix(
    counts: list[list[int]],
    class_names: list[str],
    key: str,
    chosen: tuple[int, int] | None = None,
    *,
    width="content",
    **selection,
):
    """The confusion matrix; with many classes it keeps its size and scrolls sideways on a phone."""
    rows = tuple(map(tuple, counts))
    figure = _confusion_matrix(rows, tuple(class_names), selectable=bool(selection), chosen=chosen, dark=is_dark())
    with st.container(key=f"{'wide' if len(class_names) > SCROLLING_CLASSES else 'whole'}-{key}"):
        return st.plotly_chart(
            figure,
            theme=None,
            width=width,
            config=charts.CONFIG,
            key=key,
            alt="Confusion matrix of the validation photos",
            **selection,
        )
