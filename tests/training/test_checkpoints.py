"""Checkpoints: whole or not at all, and the very numbers."""

import os

import numpy as np
import pytest

from transfer_core.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint


def checkpoint(value: float = 1.0) -> Checkpoint:
    transposed = np.arange(6, dtype=np.float32).reshape(2, 3).T  # no contiguous block
    arrays = {"a.b": np.full((2, 3), value, np.float32), "t": transposed, "n": np.array([7], np.int64)}
    return Checkpoint(1, 4, 9, arrays)


def test_numbers_come_back_as_they_were(tmp_path):
    save_checkpoint(tmp_path / "c" / "last.safetensors", checkpoint())
    found = load_checkpoint(tmp_path / "c" / "last.safetensors")
    assert (found.phase, found.epoch, found.step) == (1, 4, 9)
    for name, value in checkpoint().arrays.items():
        np.testing.assert_array_equal(found.arrays[name], value)
        assert found.arrays[name].dtype == value.dtype


@pytest.mark.parametrize("content", [None, b"", b"hello", b"\x10\0\0\0\0\0\0\0{}              ", b"\xff" * 50])
def test_what_cannot_be_read_is_no_checkpoint(tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    assert load_checkpoint(tmp_path / "x") is None


def test_a_cut_file_is_no_checkpoint(tmp_path):
    save_checkpoint(tmp_path / "x", checkpoint())
    content = (tmp_path / "x").read_bytes()
    for size in range(0, len(content), 37):
        (tmp_path / "x").write_bytes(content[:size])
        assert load_checkpoint(tmp_path / "x") is None, size


def test_a_full_disk_keeps_the_earlier_one(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "x", checkpoint(1))

    def no_room(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError):
        save_checkpoint(tmp_path / "x", checkpoint(2))
    assert load_checkpoint(tmp_path / "x").arrays["a.b"][0, 0] == 1
    assert os.listdir(tmp_path) == ["x"]
