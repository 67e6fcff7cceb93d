"""The order of classes: numbers as they are counted, then the others by the alphabet."""

import random

import pytest

from transfer_core.support.class_order import in_class_order


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1", "2", "9", "10", "11", "100"],
        ["-2", "-1", "0", "1.5", "2", "10"],
        ["007", "7", "8"],
        ["1", "10", "ant", "bee"],
        ["Ant", "ant", "class 10", "class 2"],
        ["", " ", "\u00e4", "\u6a4b"],
        [],
    ],
)
def test_order(names):
    shuffled = random.Random(3).sample(names, len(names))
    assert in_class_order(shuffled) == names
