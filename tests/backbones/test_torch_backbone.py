"""Backbones with their weights: the right ones, or a refusal."""

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import RESNET, VIT, tiny_row
from transfer_core.backbones import catalog, torch_backbone, weights
from transfer_core.backbones.torch_backbone import build_backbone, build_random, feature_width, load_tuned
from transfer_core.errors import BackboneError

BUNDLED = catalog.BUILT_IN[catalog.BUNDLED]


def test_the_embedded_backbone_passes_its_fingerprint(tmp_path):
    network = build_backbone(BUNDLED, tmp_path)
    assert not network.training
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 224, 224)).shape == (1, 1280)


@pytest.fixture
def embedded_state():
    return torch.load(weights.locate(BUNDLED, None), weights_only=True)


def _swap_equal_shapes(state):
    """As if a new timm listed two layers the other way round: every shape still fits."""
    names = list(state)
    first = names[0]
    for name in names[1:]:
        shape = state[name].shape
        twin = next((other for other in names if other > name and state[other].shape == shape), None)
        if twin and len(shape) == 4:
            state[name], state[twin] = state[twin], state[name]
            return state
    raise AssertionError(f"no two layers of equal shape after {first}")


def _shuffle_channels(state):
    first = next(iter(state))
    state[first] = state[first].flip(0)
    return state


@pytest.mark.parametrize("spoil", [_swap_equal_shapes, _shuffle_channels])
def test_shuffled_weights_are_refused(embedded_state, tmp_path, monkeypatch, spoil):
    torch.save(spoil(embedded_state), tmp_path / "model.pth")
    monkeypatch.setattr(weights, "_packaged_path", lambda row: tmp_path / "model.pth")
    with pytest.raises(BackboneError, match="do not fit the installed timm"):
        build_backbone(BUNDLED, tmp_path)


def test_weights_of_other_shapes_are_refused(embedded_state, tmp_path, monkeypatch):
    first = next(iter(embedded_state))
    embedded_state[first] = embedded_state[first][:5]
    torch.save(embedded_state, tmp_path / "model.pth")
    monkeypatch.setattr(weights, "_packaged_path", lambda row: tmp_path / "model.pth")
    with pytest.raises(BackboneError, match="do not fit"):
        build_backbone(BUNDLED, tmp_path)


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_weights_from_the_hub_are_the_ones_in_the_file(tiny_weights, name):
    network = build_backbone(tiny_row(name), tiny_weights)
    saved = load_file(tiny_weights / name / "model.safetensors")
    own = network.state_dict()
    assert own and all(torch.equal(own[key], saved[key]) for key in own)
    assert not network.training
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2, feature_width(network))


def test_weights_of_another_network_are_refused_never_replaced_by_random_ones(tmp_path):
    row = tiny_row(RESNET)
    (tmp_path / RESNET).mkdir()
    save_file(timm.create_model(VIT, pretrained=False).state_dict(), tmp_path / RESNET / "model.safetensors")
    with pytest.raises(BackboneError, match="do not fit Tiny"):
        build_backbone(row, tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 100], ids=["empty", "text", "noise"])
def test_a_broken_weights_file_is_refused(tmp_path, content):
    (tmp_path / RESNET).mkdir()
    (tmp_path / RESNET / "model.safetensors").write_bytes(content)
    with pytest.raises(BackboneError, match="do not fit Tiny"):
        build_backbone(tiny_row(RESNET), tmp_path)


def test_weights_that_are_not_here_are_refused(tmp_path):
    with pytest.raises(BackboneError, match="are not on this machine"):
        build_backbone(tiny_row(RESNET), tmp_path)


def test_a_tuned_network_comes_back_the_same(tmp_path):
    row = tiny_row(RESNET)
    network = torch_backbone.build_random(row)
    save_file(network.state_dict(), tmp_path / "network.safetensors")
    again = load_tuned(row, tmp_path / "network.safetensors")
    pixels = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network.eval()(pixels), again(pixels))


@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.full) for name in catalog.BUILT_IN), RESNET, VIT]
)
def test_every_backbone_says_how_many_features_it_gives(name):
    row = catalog.BUILT_IN.get(name) or tiny_row(name)
    with torch.device("meta"):  # shapes without numbers
        network = build_random(row).eval()
        side = row.preparation.size_px
        assert network(torch.zeros(1, 3, side, side)).shape == (1, feature_width(network))
