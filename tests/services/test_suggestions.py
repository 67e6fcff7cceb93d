"""What is suggested after a run, from what lies in its folder."""

from dataclasses import replace

import pytest

from tests.advice.test_coach import BY_HEART
from tests.evaluation.test_headline import result_of
from transfer_core import runs
from transfer_core.runs.events import HeadChosen
from transfer_core.services import coach


@pytest.mark.parametrize("kept", ["solved", "trained"])
def test_epochs_say_nothing_of_a_layer_that_was_solved(workspace, finished, kept):
    """They are of the other one, which was tried and not kept."""
    project, split = workspace.projects()[0], runs.load_split(finished)
    split = replace(split, train=split.train * 4)  # no class is small
    state = runs.read_state(finished)
    state.result, state.epochs = result_of([[15, 5], [5, 15]]), [BY_HEART]
    state.head = HeadChosen(kept=kept, solved_loss=0.2, trained_loss=0.3)
    found = coach.suggestion_for(project, finished, state, split)
    assert (found and found.reason) == (None if kept == "solved" else "overfitting")
