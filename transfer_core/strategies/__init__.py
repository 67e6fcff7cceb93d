"""What learns when, by name: settings -> rules -> phases. Data only; imports no torch.

A strategy is a list of phases. The engine knows how to run a phase and nothing about strategies, so a new strategy
is a new row in `table`.
"""

from transfer_core.strategies.phases import BACKBONE, HEAD, Phase
from transfer_core.strategies.presets import (
    STRATEGIES,
    Strategy,
    check,
    find,
    idle,
    layers_that_learn,
    plan,
    share_that_learns,
    without_idle,
)
from transfer_core.strategies.rules import Facts, Resolved, resolve

__all__ = [
    "BACKBONE",
    "HEAD",
    "STRATEGIES",
    "Facts",
    "Phase",
    "Resolved",
    "Strategy",
    "check",
    "find",
    "idle",
    "layers_that_learn",
    "plan",
    "resolve",
    "share_that_learns",
    "without_idle",
]
