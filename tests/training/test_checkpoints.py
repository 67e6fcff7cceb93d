"""Checkpoints: whole or not at all, and the very numbers."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save

from transfer_core.training.checkpoints import (
    Checkpoint,
    CheckpointUnreadable,
    load_checkpoint,
    save_checkpoint,
    saved_step,
)


def checkpoint(value: float = 1.0) -> Checkpoint:
    transposed = np.arange(6, dtype=np.float32).reshape(2, 3).T  # no contiguous block
    arrays = {"a.b": np.full((2, 3), value, np.float32), "t": transposed, "n": np.array([7], np.int64)}
    return Checkpoint(1, 4, 9, arrays)


def test_numbers_come_back_as_they_were(tmp_path):
    save_checkpoint(tmp_path / "c" / "last.safetensors", checkpoint())
    found = load_checkpoint(tmp_path / "c" / "last.safetensors")
    assert (
        (found.phase, found.epoch, found.step) == (1, 4, saved_step(tmp_path / "c" / "last.safetensors")) == (1, 4, 9)
    )
    for name, value in checkpoint().arrays.items():
        np.testing.assert_array_equal(found.arrays[name], value)
        assert found.arrays[name].dtype == value.dtype


def test_where_none_was_written_there_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "x") is None and saved_step(tmp_path / "x") == 0


@pytest.mark.parametrize("content", [b"", b"hello", b"\x10\0\0\0\0\0\0\0{}              ", b"\xff" * 50])
def test_one_that_cannot_be_read_is_told_from_none(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CheckpointUnreadable):
        load_checkpoint(tmp_path / "x")
    assert saved_step(tmp_path / "x") == 0


def test_a_cut_file_cannot_be_read(tmp_path):
    save_checkpoint(tmp_path / "x", checkpoint())
    content = (tmp_path / "x").read_bytes()
    for size in range(0, len(content), 37):
        (tmp_path / "x").write_bytes(content[:size])
        with pytest.raises(CheckpointUnreadable):
            load_checkpoint(tmp_path / "x")


def test_a_full_disk_keeps_the_earlier_one(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "x", checkpoint(1))

    def no_room(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError):
        save_checkpoint(tmp_path / "x", checkpoint(2))
    assert load_checkpoint(tmp_path / "x").arrays["a.b"][0, 0] == 1
    assert os.listdir(tmp_path) == ["x"]


def test_a_changed_number_cannot_be_read(tmp_path):
    """A run that went on from it would end elsewhere without a word."""
    save_checkpoint(tmp_path / "x", checkpoint())
    content = (tmp_path / "x").read_bytes()
    for place in range(8, len(content), 5):
        (tmp_path / "x").write_bytes(content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :])
        try:
            found = load_checkpoint(tmp_path / "x")
        except CheckpointUnreadable:
            continue
        # Left are those bits that say nothing: the name under which the checksum itself stands.
        assert (found.phase, found.epoch, found.step, found.batch) == (1, 4, 9, 0)
        assert found.arrays.keys() == checkpoint().arrays.keys()
        for name, value in checkpoint().arrays.items():
            np.testing.assert_array_equal(found.arrays[name], value)


def test_a_checkpoint_of_an_earlier_version_is_read(tmp_path):
    arrays = {"n": np.array([7], np.int64)}
    header = {"phase": 1, "epoch": 2, "step": 3, "batch": 4}
    (tmp_path / "x").write_bytes(save(arrays, {"graft": json.dumps(header)}))
    assert load_checkpoint(tmp_path / "x") == Checkpoint(1, 2, 3, arrays, 4)
