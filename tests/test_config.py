"""Settings: their limits, their words, and their way to disk and back."""

from dataclasses import fields

import pytest

from transfer_core.config import TrainConfig, setting
from transfer_core.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("epochs", 0, "Epochs must be a whole number from 1 to 1000, got 0."),  # below the limit
        ("epochs", 1001, "from 1 to 1000, got 1001."),  # above it
        ("epochs", 2.5, "a whole number"),  # a share of an epoch
        ("epochs", True, "a whole number"),  # bool is an int to Python, not to us
        ("batch_size", 1, "Batch size must be a whole number from 2 to 512, got 1."),  # batch norm needs two
        ("batch_size", 2.5, "a whole number"),
        ("seed", None, "Seed"),  # only some settings may be left to a rule
        ("mirror", 1, "must be true or false, got 1"),
        ("learning_rate", 0, "Learning rate must be a number from 1e-06 to 1.0, got 0."),  # learns nothing
        ("learning_rate", float("nan"), "got nan"),  # compares false with everything
        ("learning_rate", "0.1", "must be a number"),  # text from a form
        (
            "val_fraction",
            2,
            "Share of validation photos must be a number from 0.05 to 0.5, got 2.",
        ),  # per cent, perhaps
        ("seed", -1, "Seed must be"),  # numpy refuses it later and less kindly
        ("augmentation", "wild", "Choose one of: none, light, strong."),  # not in the list
        ("backbone", "", "Backbone must not be empty"),  # nothing chosen
        ("strategy", None, "Strategy must not be empty"),
        ("test_fraction", 0.6, "Share of test photos must be a number from 0.0 to 0.5, got 0.6."),
        ("group_pattern", "", "Groups must not be empty"),  # None means: no pattern
        ("group_pattern", "p07", "has 0 brackets; exactly one must stand around what names the group"),
    ],
)
def test_a_value_out_of_its_limits_is_refused_with_the_limits(name, value, said):
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**{name: value})
    assert said in str(caught.value)


def test_all_problems_are_said_at_once():
    with pytest.raises(ConfigError) as caught:
        TrainConfig(epochs=0, batch_size=1, val_fraction=9)
    assert len(caught.value.problems) == 3
    assert all(problem in str(caught.value) for problem in caught.value.problems)


def test_what_is_kept_aside_and_held_back_leaves_enough_to_learn_from():
    TrainConfig(val_fraction=0.5, test_fraction=0.3)
    with pytest.raises(ConfigError, match=r"Together they may be at most 0\.8\. Lower one of them"):
        TrainConfig(val_fraction=0.5, test_fraction=0.35)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(**{entry.name: entry.metadata["min"] for entry in fields(TrainConfig) if "min" in entry.metadata}),
        TrainConfig(
            **{entry.name: entry.metadata["max"] for entry in fields(TrainConfig) if "max" in entry.metadata}
            | {"test_fraction": 0.3}
        ),
        TrainConfig("resnet18.a1_in1k", "full", augmentation="none", mirror=False, class_weights=True),
    ],
)
def test_json_and_back_is_the_same(config):
    assert TrainConfig.from_json(config.to_json()) == config


def test_what_a_newer_version_added_is_left_out():
    assert TrainConfig.from_json(TrainConfig(seed=3).to_json() | {"news": 0.4}) == TrainConfig(seed=3)


def test_every_setting_carries_its_words():
    for entry in fields(TrainConfig):
        found = setting(entry.name)
        assert found["label"] and found["help"].endswith("."), entry.name
