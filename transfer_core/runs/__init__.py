"""A run: its folder, its event log, the state that the log comes to. Imports nothing heavy."""

from transfer_core.runs.requests import request_resume, request_step, request_stop, request_test_set
from transfer_core.runs.run import (
    ENDED,
    Run,
    UnreadableRun,
    create,
    delete,
    find_under_way,
    free_reserve,
    is_alive,
    keep_reserve,
    learned_photos,
    list_runs,
    list_unreadable,
    load_split,
    open_run,
    read_state,
    stop_requested,
)
from transfer_core.runs.spec import LrFinderSpec, PreviewSpec, PublicDatasetSpec, Spec, TrainSpec
from transfer_core.runs.turns import count_ahead, list_ahead, turn_of

__all__ = [
    "ENDED",
    "LrFinderSpec",
    "PreviewSpec",
    "PublicDatasetSpec",
    "Run",
    "Spec",
    "TrainSpec",
    "UnreadableRun",
    "count_ahead",
    "create",
    "delete",
    "find_under_way",
    "free_reserve",
    "is_alive",
    "keep_reserve",
    "learned_photos",
    "list_ahead",
    "list_runs",
    "list_unreadable",
    "load_split",
    "open_run",
    "read_state",
    "request_resume",
    "request_step",
    "request_stop",
    "request_test_set",
    "stop_requested",
    "turn_of",
]
