"""A sample of the corruption benchmark: damaged files of every kind make no traceback and no silently wrong figure."""

import random

import pytest

from tests.benchmarks import corruptions

pytestmark = pytest.mark.full
_COUNT, _SEED = 10, 7
# What is not damaged here has tests of its own: models, features and trunks.
_LEFT_OUT = (".onnx", "features/", ".zip")


def test_a_damaged_file_costs_only_itself():
    with corruptions.prepared(pages=True) as (home, place, data, before):
        everything = [case for case in corruptions.cases(home) if not any(word in case[0] for word in _LEFT_OUT)]
        assert len(everything) >= 500
        for case in random.Random(_SEED).sample(everything, _COUNT):
            outcome = corruptions.try_case(home, place, case, before, data, pages=True)
            assert not outcome, (case, outcome)
