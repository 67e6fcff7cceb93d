"""Weights that are carried: what comes is what was fetched, or is left out with the reason."""

import json
from dataclasses import replace

import pytest

from tests.helpers import RESNET, tiny_row
from transfer_core.backbones import catalog, pack, weights
from transfer_core.errors import BackboneError

ROW = catalog.BUILT_IN["resnet18.a1_in1k"]


@pytest.fixture
def packed(tmp_path):
    """A folder as `weights --pack` leaves it: one of the catalogue's, and one that was added by hand."""
    other = replace(tiny_row(RESNET), hub="timm/test")
    catalog.save_row(other, tmp_path / "pack")
    for row in (ROW, other):
        path = tmp_path / "pack" / row.name / "model.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(row.name.encode() * 1000)
        path.with_name("source.json").write_text(json.dumps({"address": "hub", "sha256": weights.digest(path)}))
    return tmp_path / "pack"


def test_a_pack_brings_its_backbones(packed, tmp_path):
    here = tmp_path / "weights"
    assert pack.take_in(packed, here).names == (ROW.name, RESNET)
    for row in (ROW, catalog.find(RESNET, here)):
        assert weights.state(row, here) == "local"
        assert weights.verify(row, here).read_bytes() == row.name.encode() * 1000
    assert pack.take_in(packed, here).refused == ()  # once more changes nothing


def test_damaged_weights_are_left_out_and_said(packed, tmp_path):
    (packed / ROW.name / "model.safetensors").write_bytes(b"damaged")
    taken = pack.take_in(packed, tmp_path / "weights")
    assert taken.names == (RESNET,)
    assert taken.refused == ((ROW.name, "The weights of ResNet-18 in the pack are damaged. Fetch them again."),)
    assert weights.state(ROW, tmp_path / "weights") == "download"


def test_weights_of_which_nobody_noted_the_digest_are_left_out(packed, tmp_path):
    (packed / ROW.name / "source.json").unlink()
    [(name, why)] = pack.take_in(packed, tmp_path / "weights").refused
    assert name == ROW.name and "Nothing beside the weights of ResNet-18 says what they should be" in why


def test_a_folder_that_is_no_pack_is_said(tmp_path):
    with pytest.raises(BackboneError, match="is no pack of weights"):
        pack.take_in(tmp_path, tmp_path / "weights")


def test_what_nobody_knows_is_left_out(packed, tmp_path):
    (packed / "strange").mkdir()
    (packed / "strange" / "model.safetensors").write_bytes(b"x")
    [(name, why)] = pack.take_in(packed, tmp_path / "weights").refused
    assert name == "strange" and "There is no backbone called 'strange'" in why


def test_other_weights_of_the_same_name_stay(packed, tmp_path):
    """Two machines may each have a "resnet18.own1" of their own."""
    here = tmp_path / "weights"
    own = replace(tiny_row(RESNET), title="Mine", hub=None)
    catalog.save_row(own, here)
    (here / RESNET / "model.safetensors").write_bytes(b"mine")
    for _ in range(2):
        taken = pack.take_in(packed, here)
        [(name, why)] = taken.refused
        assert taken.names == (ROW.name,) and name == RESNET
        assert why.startswith(f"Other weights are here under the name {RESNET}, and stay.")
        assert (here / RESNET / "model.safetensors").read_bytes() == b"mine"
        assert catalog.find(RESNET, here) == own
        weights.record(own, here)  # as a run on them does


def test_damaged_weights_are_replaced_by_good_ones(packed, tmp_path):
    here = tmp_path / "weights"
    pack.take_in(packed, here)
    (here / ROW.name / "model.safetensors").write_bytes(b"damaged")
    assert pack.take_in(packed, here).refused == ()
    assert weights.verify(ROW, here).read_bytes() == ROW.name.encode() * 1000


def test_what_was_cut_short_is_made_up_for(packed, tmp_path):
    here = tmp_path / "weights"
    pack.take_in(packed, here)
    for name in ("source.json", "backbone.json"):
        (here / RESNET / name).unlink()
    pack.take_in(packed, here)
    weights.verify(catalog.find(RESNET, here), here)
    assert (here / RESNET / "source.json").is_file()
