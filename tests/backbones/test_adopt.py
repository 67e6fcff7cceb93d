"""Networks beyond the catalogue: by their name in timm, and with weights from a file."""

import pickle
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from tests.helpers import RESNET, VIT
from transfer_core.backbones import adopt, catalog, weights
from transfer_core.backbones.torch_backbone import build_backbone
from transfer_core.errors import BackboneError

OWN = "test_resnet.own1"  # the name that weights of one's own get


@pytest.fixture(scope="module")
def state():
    """Of a tiny network, with its classifier."""
    torch.manual_seed(0)
    return timm.create_model(RESNET, pretrained=False).state_dict()


def saved(folder, state, name="mine.safetensors"):
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def test_a_network_of_timm_is_described_as_timm_does(tmp_path):
    row = adopt.add_by_name("resnet34.a1_in1k", tmp_path)
    assert catalog.find("resnet34.a1_in1k", tmp_path) == row
    assert (row.hub, row.licence, row.preparation.size_px) == ("timm/resnet34.a1_in1k", "apache-2.0", 224)
    assert row.parameters == sum(row.stages) == 21_284_672 and row.download_mb == 85 and row.family == "cnn"
    assert "Not checked by us" in row.summary and weights.state(row, tmp_path) == "download"
    assert adopt.describe("deit_tiny_patch16_224").family == "transformer"


def test_every_field_of_a_catalogue_row_that_timm_knows_is_described_alike():
    known = catalog.BUILT_IN["resnet50.a1_in1k"]
    row = adopt.describe(known.name)
    assert (row.parameters, row.stages, row.feature_blocks, row.preparation, row.family, row.hub) == (
        known.parameters,
        known.stages,
        known.feature_blocks,
        known.preparation,
        known.family,
        known.hub,
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet9000", "has no network called 'resnet9000'. Did you mean resnet"),
        ("hf-hub:somebody/else", "has no network called"),
        ("../../etc", "has no network called"),
    ],
)
def test_what_timm_does_not_know_is_refused(name, said, tmp_path):
    with pytest.raises(BackboneError, match=said):
        adopt.add_by_name(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mine.safetensors", "mine.pth"])
@pytest.mark.parametrize("begin", ["", "module.", "backbone.encoder."])
def test_weights_come_from_a_file_whatever_stands_before_their_names(state, tmp_path, name, begin):
    path = saved(tmp_path, {begin + key: value for key, value in state.items()}, name)
    adopted = adopt.add_file(RESNET, path, tmp_path / "weights")
    assert adopted.matched == adopted.total and adopted.missing == ()
    row = catalog.find(OWN, tmp_path / "weights")
    assert (weights.state(row, tmp_path / "weights"), row.licence) == ("local", "own")
    own = build_backbone(row, tmp_path / "weights").state_dict()
    assert all(torch.equal(value, state[key]) for key, value in own.items())


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_what_training_programs_wrap_around_is_taken_off(state, tmp_path, wrapper):
    path = saved(tmp_path, {"epoch": 3, wrapper: state}, "mine.pth")
    assert adopt.add_file(RESNET, path, tmp_path / "weights").missing == ()


def test_a_file_of_another_network_is_refused_with_its_coverage(state, tmp_path):
    torch.manual_seed(0)
    path = saved(tmp_path, timm.create_model("test_vit", pretrained=False).state_dict())
    with pytest.raises(BackboneError, match=r"holds 0 of \d+ tensors of test_resnet.r160_in1k \(0%\).*at least 95%"):
        adopt.add_file(RESNET, path, tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_tensors_of_other_shapes_do_not_count(state, tmp_path):
    turned = {key: value.repeat(2) if value.ndim == 1 else value for key, value in state.items()}
    with pytest.raises(BackboneError, match="It is probably of another network"):
        adopt.add_file(RESNET, saved(tmp_path, turned), tmp_path / "weights")


def test_what_would_stay_random_is_refused_and_what_has_a_first_value_is_named(state, tmp_path):
    first = next(iter(state))
    lacking = {key: value for key, value in state.items() if key != first}
    with pytest.raises(BackboneError, match=f"but lacks {first}, which would stay random"):
        adopt.add_file(RESNET, saved(tmp_path, lacking), tmp_path / "weights")
    bias = next(key for key in state if key.endswith(".bias") and not key.startswith("fc"))
    without = {key: value for key, value in state.items() if key != bias}
    adopted = adopt.add_file(RESNET, saved(tmp_path, without), tmp_path / "weights")
    assert adopted.missing == (bias,) and adopted.matched == adopted.total - 1


def test_a_file_that_runs_a_program_is_refused_before_it_does(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "called"), "w"))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BackboneError, match=r"was not opened: it holds more than weights"):
        adopt.add_file(RESNET, tmp_path / "evil.pth", tmp_path / "weights")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth", "missing.pth"])
def test_a_file_that_cannot_be_read_is_said(tmp_path, name):
    if name != "missing.pth":
        (tmp_path / name).write_bytes(b"\x00" * 100)
    with pytest.raises(BackboneError, match=r"cannot be read as a file of weights|was not opened"):
        adopt.add_file(RESNET, tmp_path / name, tmp_path / "weights")


def test_weights_of_ones_own_get_a_name_of_their_own_and_replace_nothing(state, tmp_path):
    path, folder = saved(tmp_path, state), tmp_path / "weights"
    assert [adopt.add_file(RESNET, path, folder, f"Mine {n}").name for n in (1, 2)] == [OWN, "test_resnet.own2"]
    assert [catalog.find(name, folder).title for name in (OWN, "test_resnet.own2")] == ["Mine 1", "Mine 2"]


def test_what_is_listed_is_not_added_again(tmp_path):
    with pytest.raises(BackboneError, match=r"'resnet18\.a1_in1k' is in the list already"):
        adopt.add_by_name("resnet18.a1_in1k", tmp_path)
    adopt.add_by_name("resnet34.a1_in1k", tmp_path, "Mine")
    with pytest.raises(BackboneError, match=r"'resnet34\.a1_in1k' is in the list already"):
        adopt.add_by_name("resnet34.a1_in1k", tmp_path)
    assert catalog.find("resnet34.a1_in1k", tmp_path).title == "Mine"


def test_a_name_without_its_tag_may_be_added_beside_the_catalogues(tmp_path):
    """An exact name comes before a short one of the catalogue."""
    adopt.add_by_name("resnet18", tmp_path)
    assert catalog.find("resnet18", tmp_path).name == "resnet18"
    assert catalog.find("resnet50", tmp_path).name == "resnet50.a1_in1k"


def test_weights_can_be_added_for_a_network_that_was_added_here_itself(state, tmp_path):
    path = saved(tmp_path, state)
    adopt.add_file(RESNET, path, tmp_path / "weights", "First")
    assert adopt.add_file(OWN, path, tmp_path / "weights").name == "test_resnet.own2"
    first, second = (catalog.find(name, tmp_path / "weights") for name in (OWN, "test_resnet.own2"))
    assert second == replace(first, name="test_resnet.own2", title="test_resnet.own2")
    build_backbone(second, tmp_path / "weights")


def test_a_network_of_the_catalogue_sees_pictures_of_the_size_that_the_catalogue_says(tmp_path):
    row = replace(adopt.describe(VIT), model_args=(("img_size", 96),), group="few", good_for="Tests.")
    row = replace(row, preparation=replace(row.preparation, size_px=96))
    catalog.save_row(row, tmp_path / "weights")
    path = saved(tmp_path, timm.create_model("test_vit", pretrained=False, img_size=96).state_dict())
    adopted = adopt.add_file(VIT, path, tmp_path / "weights")
    assert adopted.matched == adopted.total
    own = catalog.find(adopted.name, tmp_path / "weights")
    assert (own.model_args, own.preparation.size_px, own.group, own.good_for) == ((("img_size", 96),), 96, "", "")
    build_backbone(own, tmp_path / "weights")


def test_weights_that_timm_does_not_know_are_refused(tmp_path):
    with pytest.raises(BackboneError, match=r"timm does not say what photos 'resnet18\.nobody' was trained on"):
        adopt.add_by_name("resnet18.nobody", tmp_path)
