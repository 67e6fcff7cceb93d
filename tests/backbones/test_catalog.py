"""The catalogue, held against timm's own words."""

import json
from dataclasses import asdict, replace

import pytest

from tests.helpers import RESNET, tiny_row
from transfer_core.backbones import catalog, torch_backbone
from transfer_core.errors import BackboneError

ROWS = list(catalog.BUILT_IN.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_say_what_timm_says(row):
    import timm

    ours, theirs = row.preparation, timm.get_pretrained_cfg(row.name)
    assert row.name.partition(".")[2] in ("", theirs.tag)
    assert row.hub == (None if row.name == catalog.BUNDLED else theirs.hf_hub_id)
    assert not theirs.hf_hub_filename  # the repository's own `model.safetensors`
    # DINOv2 was trained on, and by default takes, 518 px; 224 costs a fifth and hardly any accuracy.
    if row.name.endswith("_dinov2.lvd142m"):
        assert (theirs.input_size[-1], ours.size_px, dict(row.model_args)) == (518, 224, {"img_size": 224})
    else:
        # Where weights do better at another size at test time, timm names both; either is right.
        assert ours.size_px in (theirs.input_size[-1], (theirs.test_input_size or (0,))[-1])
        assert ours.crop_share in (theirs.crop_pct, theirs.test_crop_pct)
    assert ours.interpolation == theirs.interpolation
    assert (ours.mean, ours.std) == (tuple(theirs.mean), tuple(theirs.std))
    assert row.licence.lower() == theirs.license.lower()


ALWAYS = {catalog.BUNDLED, "resnet18.a1_in1k", "vit_small_patch14_dinov2.lvd142m"}  # the others are in the full tier


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if row.name in ALWAYS else pytest.mark.full) for row in ROWS],
    ids=lambda row: row.name,
)
def test_rows_count_parameters_without_the_classifier(row):
    import timm
    import torch

    with torch.device("meta"):  # shapes alone: VGG16 would take half a gigabyte and a second
        network = timm.create_model(row.name, pretrained=False, num_classes=0, **dict(row.model_args))
        whole = timm.create_model(row.name, pretrained=False)
    if row.hub:  # the file on the hub holds the classifier, too, and DINOv2's larger grid of positions
        megabytes = sum(value.nbytes for value in whole.state_dict().values()) / 1e6
        assert abs(row.download_mb - megabytes) < 1
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    assert sum(sizes.values()) == row.parameters == sum(row.stages)
    assert tuple(sum(sizes[name] for name in stage) for stage in torch_backbone.stages(network)) == row.stages
    assert row.stage_names[:2] == ("stem", "stage 1") and len(row.stage_names) == len(row.stages)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_know_what_their_last_stages_give(row):
    import torch

    with torch.device("meta"):
        found = torch_backbone.feature_blocks(torch_backbone.build_random(row), row.preparation.size_px)
    assert found == row.feature_blocks


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_are_complete(row):
    texts = (row.summary, row.good_for, row.bad_for)
    assert row.title and row.licence and row.series and row.group and all(text.endswith(".") for text in texts)
    assert (row.hub is None) == (row.download_mb == 0)
    assert row.preparation.shortest_px >= row.preparation.size_px


PRETRAINING = {  # what timm's tags stand for, in the words of the rows; the first that fits
    "in21k_ft_in1k": "ImageNet-21k (14 million photos), then ImageNet-1k",
    "in22k_ft_in1k": "ImageNet-22k (14 million photos), then ImageNet-1k",
    "ft_in22k_in1k": "ImageNet-22k (14 million photos), then ImageNet-1k",
    "in1k": "ImageNet-1k: ",
    "in21k": "ImageNet-21k: ",
    "lvd142m": "LVD-142M: ",
    "lvd1689m": "LVD-1689M: ",
    "openai": "400 million photos ",
    "webli": "WebLI: ",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_say_what_they_were_pretrained_on(row):
    import timm

    tag = timm.get_pretrained_cfg(row.name).tag
    assert row.pretraining.startswith(next(words for ending, words in PRETRAINING.items() if tag.endswith(ending)))


def test_the_catalogue_has_about_thirty_rows_each_of_its_own():
    assert 30 <= len(ROWS) <= 40 and ROWS[0].name == catalog.BUNDLED
    assert {row.group for row in ROWS} == set(catalog.GROUPS)
    for own in ("name", "title", "summary"):
        assert len({getattr(row, own) for row in ROWS}) == len(ROWS)
    # A name may be given without its tag.
    assert len({row.name.partition(".")[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("size", "crop", "shortest"), [(224, 0.875, 256), (224, 0.95, 235), (224, 1.0, 224), (299, 0.875, 341)]
)
def test_the_shortest_side_is_rounded_down_as_timm_does(size, crop, shortest):
    assert replace(ROWS[0].preparation, size_px=size, crop_share=crop).shortest_px == shortest


def test_names_are_found_with_and_without_their_tag(tmp_path):
    assert catalog.find("resnet18", tmp_path) is catalog.find("resnet18.a1_in1k", tmp_path)
    assert catalog.find("tf_efficientnet_lite0", tmp_path).name == catalog.BUNDLED


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet-18", "resnet18.a1_in1k"),  # a slip
        ("resnet", "resnet"),  # the beginning of several
        ("", "tf_efficientnet_lite0"),
        ("../../etc/passwd", "tf_efficientnet_lite0"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(tmp_path, name, near):
    with pytest.raises(BackboneError, match=f"no backbone called '{name}'") as caught:
        catalog.find(name, tmp_path)
    assert near in str(caught.value)


def test_rows_added_by_hand_come_back_the_same(tmp_path):
    row = tiny_row(RESNET)
    catalog.save_row(row, tmp_path)
    assert catalog.find(RESNET, tmp_path) == row
    assert list(catalog.rows(tmp_path)) == [*ROWS, row]


def test_a_row_added_by_hand_cannot_replace_a_built_in_one(tmp_path):
    catalog.save_row(replace(ROWS[1], title="Another"), tmp_path)
    assert catalog.find(ROWS[1].name, tmp_path) == ROWS[1]


@pytest.mark.parametrize("content", ["", "{}", '{"preparation": {}}', "[1]"])
def test_a_row_that_cannot_be_read_says_which(tmp_path, content):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "backbone.json").write_text(content)
    with pytest.raises(BackboneError, match=r"mine/backbone.json does not describe a backbone"):
        catalog.find("mine", tmp_path)


def test_rows_survive_json():
    assert all(json.loads(json.dumps(asdict(row))) for row in ROWS)


def test_a_broken_description_hides_no_other_backbone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "backbone.json").write_text("{")
    assert [row.name for row in catalog.rows(tmp_path)] == list(catalog.BUILT_IN)
    assert catalog.find(catalog.BUNDLED, tmp_path).name == catalog.BUNDLED


def test_a_row_hands_nothing_to_timm_but_what_is_known(tmp_path):
    """Some of timm's arguments name a file, and older versions unpickled it."""
    row = replace(tiny_row(RESNET), model_args=(("img_size", 160),))
    catalog.save_row(row, tmp_path)
    assert catalog.find(RESNET, tmp_path) == row
    for args in (
        [["pretrained_cfg_overlay", {"file": "evil.bin"}]],
        [["pretrained_cfg_overlay", 1]],
        [["checkpoint_path", "evil.bin"]],
        [["img_size", "160"]],
        [["img_size", True]],
        [["img_size", 10**9]],
        [["img_size", [160]]],
        [[["img_size"], 160]],
        [["img_size"]],
        {"img_size": 160},
        "img_size",
    ):
        described(tmp_path, RESNET, model_args=args)
        with pytest.raises(BackboneError, match=r"does not describe a backbone \(.*Correct it, or delete the folder"):
            catalog.find(RESNET, tmp_path)
        assert [row.name for row in catalog.rows(tmp_path)] == list(catalog.BUILT_IN)


def described(folder, name, **changes):
    """A row added by hand, with some of its fields changed."""
    content = json.loads(json.dumps(asdict(replace(tiny_row(RESNET), name=name))))
    content["preparation"] |= changes.pop("preparation", {})
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "backbone.json").write_text(json.dumps(content | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"title": 7},
        {"title": "x" * 10_000},
        {"summary": None},
        {"licence": []},
        {"parameters": -1},
        {"parameters": 1.5},
        {"download_mb": "10"},
        {"hub": "https://example.org/x"},
        {"hub": "a/b/c"},
        {"hub": "../../a"},
        {"hub": 3},
        {"family": "other"},
        {"family": ["cnn"]},
        {"stages": [1, -1]},
        {"stages": 3},
        {"package": "os"},
        {"package": 7},
        {"group": "other"},
        {"good_for": 7},
        {"pretraining": "x" * 10_000},
        {"preparation": {"size_px": 0}},
        {"preparation": {"size_px": 10**7}},
        {"preparation": {"size_px": 224.0}},
        {"preparation": {"crop_share": 0}},
        {"preparation": {"crop_share": float("nan")}},
        {"preparation": {"interpolation": "nearest"}},
        {"preparation": {"mean": [0.5, 0.5]}},
        {"preparation": {"mean": [0.5, 0.5, float("inf")]}},
        {"preparation": {"std": [0.5, 0.5, 0]}},
        {"preparation": {"more": 1}},
        {"preparation": {"mean": "abc"}},
    ],
    ids=str,
)
def test_a_row_of_other_types_or_ranges_is_refused(tmp_path, changes):
    described(tmp_path, "mine")
    assert catalog.find("mine", tmp_path).name == "mine"
    described(tmp_path, "mine", **changes)
    with pytest.raises(BackboneError, match="does not describe a backbone"):
        catalog.find("mine", tmp_path)


@pytest.mark.parametrize("name", ["hf-hub:mine", "local-dir:mine", "a b", "-x", "caf\u00e9"])
def test_a_name_that_timm_might_take_for_an_address_is_refused(tmp_path, name):
    described(tmp_path, name)
    with pytest.raises(BackboneError, match=r"not as they should be: name"):
        catalog.find(name, tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00" * 200, b"[" * 100_000, b"null", b'{"name": "mine"}'])
def test_a_description_damaged_in_any_way_is_said(tmp_path, content):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "backbone.json").write_bytes(content)
    with pytest.raises(BackboneError, match=r"mine/backbone.json does not describe a backbone"):
        catalog.find("mine", tmp_path)
    assert [row.name for row in catalog.rows(tmp_path)] == list(catalog.BUILT_IN)
