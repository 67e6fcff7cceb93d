"""Where trunks come from: made once, and left behind when their weights change."""

import pytest

from tests.helpers import RESNET, tiny_row
from transfer_core.backbones import torch_trunk
from transfer_core.backbones.trunk import digest, ensure_trunk, trunk_path


def test_a_trunk_is_made_once(tiny_weights, monkeypatch):
    monkeypatch.setattr(torch_trunk, "export_network", lambda *_: pytest.fail("made again"))
    assert ensure_trunk(tiny_row(RESNET), tiny_weights) == trunk_path(tiny_row(RESNET), tiny_weights)


def test_other_weights_are_another_digest(tiny_weights, tmp_path):
    row, copy = tiny_row(RESNET), tmp_path / RESNET
    copy.mkdir()
    content = bytearray((tiny_weights / RESNET / "model.safetensors").read_bytes())
    (copy / "model.safetensors").write_bytes(content)
    assert digest(row, tmp_path) == digest(row, tiny_weights)
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    assert digest(row, tmp_path) != digest(row, tiny_weights)
