"""What licences allow, in plain words."""

import pytest

from transfer_core.backbones import catalog
from transfer_core.backbones.licences import permission


@pytest.mark.parametrize(
    ("licence", "kind"),
    [
        ("Apache-2.0", "free"),
        ("MIT", "free"),
        ("CC-BY-NC-4.0", "non-commercial"),
        ("cc-by-nc-sa-4.0", "non-commercial"),
        ("fair-noncommercial-research-license", "non-commercial"),
        ("DINOv3-license", "own terms"),
        ("something new", "unknown"),  # never taken for a free one
        ("", "unknown"),
    ],
)
def test_what_a_licence_allows(licence, kind):
    assert permission(licence).kind == kind and permission(licence).words.endswith(".")


def test_the_licence_of_every_row_is_known():
    kinds = {row.name: permission(row.licence).kind for row in catalog.BUILT_IN.values()}
    assert "unknown" not in kinds.values()
    assert {name for name, kind in kinds.items() if kind == "non-commercial"} == {
        "convnextv2_atto.fcmae_ft_in1k",
        "convnextv2_nano.fcmae_ft_in22k_in1k",
    }


def test_what_may_not_be_sold_says_so_in_its_summary():
    for row in catalog.BUILT_IN.values():
        assert (permission(row.licence).kind == "non-commercial") == ("commercial" in row.summary)
