"""Folders on the machine: what may be read from a browser, and nothing else."""

import os

import pytest

from tests.data.ingest.test_sources import make_zip
from tests.helpers import draw_dataset, draw_photo
from transfer_core.data.ingest.import_roots import import_roots, list_folder, open_inside
from transfer_core.errors import DataError


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An allowed folder with two classes and a zip in it, a secret beside it, and links to that."""
    root = tmp_path / "allowed"
    draw_dataset(root / "set", per_class=2, names=("cats", "dogs"))
    (root / "more.zip").write_bytes(make_zip({"cats/1.png": b"x"}).getvalue())
    draw_photo(tmp_path / "secret" / "me.jpg", (9, 9, 9), 1)
    (root / "way-out").symlink_to(tmp_path / "secret")
    (root / "set" / "cats" / "way-out.jpg").symlink_to(tmp_path / "secret" / "me.jpg")
    (root / "set" / "way-out").symlink_to(tmp_path / "secret")
    monkeypatch.setenv("GRAFT_IMPORT_ROOTS", os.pathsep.join([str(root), ""]))
    return root.resolve()


def test_none_are_allowed_by_default(monkeypatch):
    monkeypatch.delenv("GRAFT_IMPORT_ROOTS", raising=False)
    assert import_roots() == []


def test_folders_and_zips_are_listed_and_links_are_not(root):
    assert import_roots() == [root]
    listing = list_folder(root, "")
    assert (listing.folders, listing.zips, listing.photos) == (["set"], ["more.zip"], 0)
    assert list_folder(root, "set").folders == ["cats", "dogs"]
    assert list_folder(root, "set/cats").photos == 2


def test_photos_below_come_without_what_links_lead_to(root):
    entries = {entry.path: entry for entry in open_inside(root, "set")}
    assert entries.keys() == {
        *(f"{name}/{name}{i}.jpg" for name in ("cats", "dogs") for i in range(2)),
        "cats/way-out.jpg",
        "way-out",
    }
    assert {path for path, entry in entries.items() if entry.refusal} == {"cats/way-out.jpg", "way-out"}
    assert all(entry.size == len(entry.read()) for entry in entries.values() if not entry.refusal)
    assert [entry.path for entry in open_inside(root, "more.zip")] == ["cats/1.png"]


def test_a_file_that_becomes_a_link_later_is_not_read(root, tmp_path):
    [entry] = [entry for entry in open_inside(root, "set") if entry.path == "dogs/dogs0.jpg"]
    (root / "set" / "dogs").rename(tmp_path / "away")
    (root / "set" / "dogs").symlink_to(tmp_path / "away")
    with pytest.raises(DataError, match="a link, which is not followed here"):
        entry.read()


@pytest.mark.parametrize(
    "inside", ["..", "../secret", "set/../../secret", "way-out", "set/way-out", "set/cats/way-out.jpg", "a\0b"]
)
def test_what_leads_out_is_refused(root, inside):
    for function in (list_folder, open_inside):
        with pytest.raises(DataError, match="leads out of"):
            function(root, inside)


def test_a_root_that_is_not_allowed_is_refused(root, tmp_path):
    for other in (tmp_path, tmp_path / "secret", root / "set"):
        with pytest.raises(DataError, match="is not a folder that this app may read"):
            open_inside(other, "")


def test_what_is_gone_is_said(root):
    with pytest.raises(DataError, match="does not exist any more"):
        open_inside(root, "gone")
    with pytest.raises(DataError, match="cannot be listed"):
        list_folder(root, "gone")
