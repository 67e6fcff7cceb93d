"""What learns when, by name: settings -> rules -> phases. Data only; imports no torch.

A strategy is a list of phases. The engine knows how to run a phase and nothing about strategies, so a new strategy
is a new row in `table`.
"""

from transfer_core.strategies.phases import BACKBONE, HEAD, Phase
from transfer_core.strategies.presets import (
    SCRATCH,
    STRATEGIES,
    Strategy,
    check,
    find,
    idle,
    layers_that_learn,
    network_of,
    plan,
    share_that_learns,
    without_idle,
)
from transfer_core.strategies.rules import Facts, Resolved, resolve

__all__ = [
    "BACKBONE",
    "HEAD",
    "SCRATCH",
    "STRATEGIES",
    "Facts",
    "Phase",
    "Resolved",
    "Strategy",
    "check",
    "find",
    "idle",
    "layers_that_learn",
    "network_of",
    "plan",
    "resolve",
    "share_that_learns",
    "without_idle",
]
