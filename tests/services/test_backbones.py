"""The catalogue searched, filtered and sorted."""

import pytest

from transfer_core.backbones import catalog
from transfer_core.backbones.licences import permission
from transfer_core.services.backbones import SORTS, Entry, Wanted, list_entries


def entry(name: str, speed: float | None = None) -> Entry:
    row = catalog.BUILT_IN[name]
    state = "bundled" if "lite" in name else "download"
    return Entry(row, state, permission(row.licence), speed)


ENTRIES = [
    entry("tf_efficientnet_lite0", 200.0),
    entry("vgg16.tv_in1k"),
    entry("convnextv2_atto.fcmae_ft_in1k", 90.0),
    entry("vit_small_patch14_dinov2.lvd142m", 300.0),
    entry("vit_small_patch16_dinov3.lvd1689m"),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), "EfficientNet-Lite0, VGG16, ConvNeXt V2 Atto, DINOv2 Small, DINOv3 Small"),
        (Wanted("dino"), "DINOv2 Small, DINOv3 Small"),
        (Wanted("few PHOTOS dinov2"), "DINOv2 Small, DINOv3 Small"),
        (Wanted("lvd142m"), "DINOv2 Small"),  # a name or what it was pretrained on
        (Wanted("*.["), ""),
        (Wanted(group="course"), "VGG16"),
        (Wanted(family="transformer"), "DINOv2 Small, DINOv3 Small"),
        (Wanted(most_mb=25), "EfficientNet-Lite0, ConvNeXt V2 Atto"),
        (Wanted(is_free=True), "EfficientNet-Lite0, VGG16, DINOv2 Small"),  # "own terms" are not free
        (Wanted(is_here=True), "EfficientNet-Lite0"),
        (Wanted(sort="Smallest first"), "EfficientNet-Lite0, ConvNeXt V2 Atto, DINOv3 Small, DINOv2 Small, VGG16"),
        (Wanted(sort="Fastest here first"), "DINOv2 Small, EfficientNet-Lite0, ConvNeXt V2 Atto, VGG16, DINOv3 Small"),
        (
            Wanted(sort="Smallest download first"),
            "EfficientNet-Lite0, ConvNeXt V2 Atto, DINOv3 Small, DINOv2 Small, VGG16",
        ),
        (Wanted(sort="Name"), "ConvNeXt V2 Atto, DINOv2 Small, DINOv3 Small, EfficientNet-Lite0, VGG16"),
    ],
)
def test_what_is_wanted_is_found(wanted, found):
    assert ", ".join(entry.row.title for entry in wanted.find(ENTRIES)) == found


def test_every_order_keeps_everything():
    for sort in SORTS:
        assert len(Wanted(sort=sort).find(ENTRIES)) == len(ENTRIES)


def test_all_are_listed_with_what_is_known_of_them_here(tiny_workspace):
    entries = list_entries(tiny_workspace)
    assert [entry.row.name for entry in entries[: len(catalog.BUILT_IN)]] == list(catalog.BUILT_IN)
    assert [entry.is_checked for entry in entries].count(False) == 2
    assert [entry.row.title for entry in entries if entry.is_here][:3] == [f"EfficientNet-Lite{n}" for n in range(3)]
