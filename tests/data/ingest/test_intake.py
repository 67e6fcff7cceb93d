"""From entries to labelled photos: nothing bad comes in, nothing good is lost."""

import errno
import hashlib
import io
import os
import struct
import time
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data.bombs import png
from tests.data.images.test_decode import JPEG, encoded, picture
from tests.data.ingest.test_sources import make_zip
from tests.helpers import draw_dataset
from transfer_core.data.images import decode
from transfer_core.data.images.thumbnails import thumbnails
from transfer_core.data.ingest import arrivals, intake, refusals
from transfer_core.data.ingest.folder_layout import OneClass, ParsedLabel
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.label_table import LabelsTable
from transfer_core.data.ingest.sources import open_source, upload_entries, zip_entries
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.errors import DataError
from transfer_core.support.parallel import CORES


def photo(n: int, format: str = "PNG", **options) -> bytes:
    noise = np.random.default_rng(n).integers(0, 255, (20, 30, 3), np.uint8)
    return encoded(Image.fromarray(noise), format, **options)


@pytest.fixture
def project(workspace):
    return workspace.create_project("Test")


@pytest.fixture
def take(workspace, project):
    def take(entries, **options):
        return take_in(workspace, project, entries, lambda done, total: None, **options)

    return take


def take_zip(take, files: dict[str, bytes]):
    return take(zip_entries(make_zip(files), "x.zip"))


GOOD = {f"{name}/{n}.png": photo(10 * i + n) for i, name in enumerate(("cats", "dogs")) for n in range(2)}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cats/note.txt", b"hello", "not a photo"),
        ("cats/cut.jpg", JPEG[: len(JPEG) // 2], "damaged or cut off"),
        ("cats/huge.png", png(30_000, 30_000), "900 megapixels; at most 200"),
        ("cats/empty.jpg", b"", "not a photo"),
        ("../../evil.jpg", photo(90), "points outside"),
        ("/evil.jpg", photo(91), "points outside"),
        ("C:\\evil.jpg", photo(92), "points outside"),
        ("cats/more.zip", make_zip(GOOD).getvalue(), "archive inside the archive"),
        ("cats/.DS_Store", b"x", "junk"),
        ("__MACOSX/cats/._1.png", photo(93), "junk"),
        ("loose.png", photo(94), "in no class folder"),
    ],
)
def test_a_bad_file_is_listed_with_its_reason_and_costs_nothing_else(
    workspace, project, take, tmp_path, name, content, said
):
    result = take_zip(take, GOOD | {name: content})
    assert (result.photos, result.added, result.classes) == (4, 4, {"cats": 2, "dogs": 2})
    (rejected,) = result.rejected
    assert said in rejected.reason
    assert rejected.file.split("/")[-1].endswith(name.replace("\\", "/").split("/")[-1])
    stored = {f"{hashlib.sha256(content).hexdigest()}.png" for content in GOOD.values()}
    assert set(os.listdir(project.photos_dir)) == stored
    assert not list(tmp_path.parent.rglob("*evil*")) and not os.path.exists("/evil.jpg")


def test_nothing_is_written_outside_the_home(workspace, project, take, tmp_path):
    before = {path for path in tmp_path.rglob("*") if workspace.home not in path.parents}
    take_zip(take, GOOD | {"../../../out.png": photo(5), "a/../../b.png": photo(6), "cats/CON": photo(7)})
    assert {path for path in tmp_path.rglob("*") if workspace.home not in path.parents} == before
    own = set(workspace.home.rglob("*.png"))
    assert all(path.parent == project.photos_dir for path in own) and len(own) == 5


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a/readme.txt": b"text", "b/notes.txt": b"more"}, "None of the 2 files can be used as a photo"),
        ({".DS_Store": b"x", "__MACOSX/a": b"y"}, "There are no photos in it"),
        (
            {f"a/{n}.txt": b"text" for n in range(12)}
            | {f"b/{n}.jpg": JPEG[:900] for n in range(3)}
            | {"c/d.pdf": b"%PDF-"},
            r"None of the 16 files can be used as a photo\. 12 of them, such as 'a/0\.txt': a text file, not a photo\. "
            r"3 of them, such as 'b/0\.jpg': damaged or cut off.*\. One of them, such as 'c/d\.pdf': a PDF",
        ),
        ({"cats.xlsx": make_zip({"xl/workbook.xml": b"x"}).getvalue()}, "The one file in it, 'cats.xlsx', .*Excel"),
        (
            {"a/cats.zip": b"x", "b/dogs.zip": b"y"},
            r"All of them, such as 'a/cats\.zip': an archive inside the archive",
        ),
        ({"1.png": photo(1)}, "in no class folder; put each photo in a folder named after its class"),
    ],
)
def test_a_source_without_any_usable_photo_is_refused(project, take, files, said):
    with pytest.raises(DataError, match=said):
        take_zip(take, files)
    assert load_items(project) == [] and os.listdir(project.photos_dir) == []


def test_a_folder_of_zips_is_said_to_be_one(take, tmp_path):
    (tmp_path / "set").mkdir()
    for name in ("cats", "dogs"):
        (tmp_path / "set" / f"{name}.zip").write_bytes(make_zip({"1.png": photo(1)}).getvalue())
    with pytest.raises(DataError, match=r"All of them, such as 'cats\.zip': a zip, .* when it is added by itself\.$"):
        take(open_source(tmp_path / "set"))


def test_rows_of_a_table_are_not_counted_as_files(take):
    table = LabelsTable("t.csv", {}, missing=["1.jpg", "2.jpg"])
    with pytest.raises(DataError, match=r"The one file in it, 'a\.png'.*2 rows of the table were left out, such as"):
        take(upload_entries([("a.png", io.BytesIO(photo(1)))]), reading=table)
    named = LabelsTable("t.csv", {"a.png": ParsedLabel(None, "cat")}, missing=["1.jpg", "2.jpg"])
    files = [("a.png", photo(1)), ("b.txt", b"x"), ("c.txt", b"y"), ("d.png", b""), ("Thumbs.db", b"x")]
    report = take(upload_entries([(name, io.BytesIO(content)) for name, content in files]), reading=named)
    assert refusals.count_left_out(report.rejected) == "3 files and 2 rows of a table were left out"
    told = refusals.left_out(report.rejected)
    assert told.startswith("3 files were left out. 2 of them, such as 'b.txt': a text file, not a photo. One of them, ")
    assert "an empty file, not a photo. 2 rows of the table were left out, such as the one for '1.jpg'" in told
    assert refusals.left_out([]) == refusals.count_left_out([]) == ""


def test_a_class_name_has_an_end_and_is_never_cut(take, project):
    names = ("c" * 255, "d" * 256, "e" * 500)
    result = take_zip(take, GOOD | {f"{name}/1.png": photo(50 + i) for i, name in enumerate(names)})
    assert result.classes == {"cats": 2, "dogs": 2, "c" * 255: 1}
    assert sorted(len(entry.file) for entry in result.rejected) == [262, 506]
    assert "which has 500 characters; at most 255 are taken" in {len(e.file): e.reason for e in result.rejected}[506]
    with pytest.raises(DataError, match="has 300 characters; at most 255"):
        edits.create_class(project, "f" * 300)


def test_photos_come_in_whole_and_once(workspace, project, take, tmp_path):
    folder = draw_dataset(tmp_path / "data", per_class=3)
    first = take(open_source(folder))
    assert (first.photos, first.added, first.rejected) == (9, 9, [])
    for item in load_items(project):
        content = (project.photos_dir / item.file).read_bytes()
        assert content == (folder / item.path).read_bytes()
        assert item.photo == hashlib.sha256(content).hexdigest()
        assert (item.width, item.height, item.part) == (61, 47, None)
        assert item.class_name == item.path.split("/")[0]
    again = take(open_source(folder))
    assert (again.photos, again.added) == (9, 0)
    assert len(load_items(project)) == len(os.listdir(project.photos_dir)) == 9


def test_only_new_photos_come_in_later(project, take, tmp_path):
    folder = draw_dataset(tmp_path / "data", per_class=2)
    take(open_source(folder))
    draw_dataset(tmp_path / "data", per_class=4)
    later = take(open_source(folder))
    assert (later.photos, later.added) == (12, 6)


def test_the_ending_follows_the_content(project, take):
    take(upload_entries([("photo.jpg", io.BytesIO(photo(1)))]), reading=OneClass("cats"))
    (item,) = load_items(project)
    assert item.file.endswith(".png")


def test_class_and_part_may_be_named_for_all(project, take):
    take(upload_entries([("1.png", io.BytesIO(photo(1)))]), reading=OneClass(" my\ncats "), part="val")
    (item,) = load_items(project)
    assert (item.class_name, item.part) == ("my cats", "val")


def test_size_is_that_of_the_upright_photo(project, take):
    exif = Image.Exif()
    exif[0x0112] = 6
    take_zip(take, {"cats/1.jpg": encoded(picture(), "JPEG", exif=exif)})
    assert [(item.width, item.height) for item in load_items(project)] == [(20, 30)]


def test_what_was_relabelled_or_removed_does_not_come_in_once_more(project, take):
    take_zip(take, GOOD)
    first, second = load_items(project)[:2]
    edits.relabel(project, [first.id], "lynx")
    edits.remove(project, [second.id])
    kept = load_items(project)
    for name in ("the same", "in another folder"):
        files = GOOD if name == "the same" else {f"photos/{path}": content for path, content in GOOD.items()}
        assert take_zip(take, files).added == 0
    assert load_items(project) == kept


def test_a_photo_that_is_here_in_another_class_is_said_and_left_out(project, take):
    take_zip(take, GOOD)
    moved, added = {f"new/lynx/{n}.png": GOOD[f"cats/{n}.png"] for n in range(2)}, {"new/lynx/9.png": photo(99)}
    report = take_zip(take, moved | added)
    assert (report.added, count_classes(load_items(project))) == (1, {"cats": 2, "dogs": 2, "lynx": 1})
    assert {entry.file for entry in report.rejected} == moved.keys()
    with pytest.raises(DataError, match=r"here already as 'cats'.* To change labels, use Fix labels"):
        take_zip(take, moved)
    assert report.rejected[0].reason == "here already as 'cats'; if 'lynx' is right, change that photo's label"
    edits.relabel(project, [item.id for item in load_items(project)[:2]], "lynx")
    again = take_zip(take, moved | added)
    assert (again.photos, again.added, again.rejected) == (3, 0, [])


def test_parts_keep_their_copies(project, take):
    take_zip(take, {"cats/1.png": photo(1), "dogs/2.png": photo(2)})
    take(upload_entries([("1.png", io.BytesIO(photo(2)))]), reading=OneClass("cats"), part="val")
    assert count_classes(load_items(project)) == {"cats": 2, "dogs": 1}


def test_groups_of_photos_that_are_here_come_with_a_later_table(project, take):
    take_zip(take, GOOD)
    table = {path: ParsedLabel(None, path.split("/")[0], "p7") for path in list(GOOD)[:2]}
    wrapped = {f"photos/{path}": place for path, place in table.items()}
    for prefix, places in (("", table), ("photos/", wrapped)):
        entries = zip_entries(make_zip({prefix + path: content for path, content in GOOD.items()}), "x.zip")
        assert take(entries, reading=LabelsTable("t.csv", places)).added == 0
        assert [item.group for item in load_items(project)] == ["p7", "p7", None, None]


def test_classes_are_asked_about_as_they_are_called_by_now(project, take):
    assert take_zip(take, GOOD).alike == ()
    assert take_zip(take, {"Cats/9.png": photo(99)}).alike == (("Cats", "cats"),)
    edits.rename_class(project, "Cats", "cats")
    assert take_zip(take, {"Cats/9.png": photo(99)}).alike == ()


def test_a_broken_intake_keeps_what_came_before(workspace, project, monkeypatch):
    monkeypatch.setattr(arrivals, "FLUSH_EVERY_S", 0)
    files = {f"cats/{n}.png": photo(n) for n in range(6)}

    def break_off(done, total):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(workspace, project, zip_entries(make_zip(files), "x"), break_off)
    assert len(load_items(project)) == 4


def test_an_intake_that_fails_labels_what_has_arrived_and_leaves_nothing_else(workspace, project, monkeypatch):
    files = {f"cats/{n}.png": photo(n) for n in range(40)}
    store = arrivals.Arrivals.store

    def fail(self, file, content):
        if content == files["cats/3.png"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        store(self, file, content)

    monkeypatch.setattr(arrivals.Arrivals, "store", fail)
    with pytest.raises(OSError, match="No space left"):
        take_in(workspace, project, zip_entries(make_zip(files), "x"), lambda done, total: None)
    items = load_items(project)
    assert [item.path for item in items] == ["cats/0.png", "cats/1.png", "cats/2.png"]
    assert {item.file for item in items} <= set(os.listdir(project.photos_dir))
    assert not list(project.photos_dir.glob(".*"))


def test_pictures_that_cannot_be_made_ahead_cost_no_photo(workspace, project):
    def fail(photo, upright):
        raise MemoryError

    report = take_in(workspace, project, zip_entries(make_zip(GOOD), "x"), lambda done, total: None, keep_pixels=fail)
    assert report.photos == len(load_items(project)) == 4


def test_a_bug_in_what_is_made_ahead_is_not_hidden(workspace, project):
    def fail(photo, upright):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        take_in(workspace, project, zip_entries(make_zip(GOOD), "x"), lambda done, total: None, keep_pixels=fail)


def test_a_disk_that_fills_up_at_the_end_is_said_as_such(workspace, project, monkeypatch):
    flush, flushed = arrivals.fsync_and_rename, []

    def full_after_two(part, path):
        if len(flushed) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        flushed.append(path)
        flush(part, path)

    monkeypatch.setattr(arrivals, "fsync_and_rename", full_after_two)
    with pytest.raises(OSError, match="No space left"):
        take_in(workspace, project, zip_entries(make_zip(GOOD), "x"), lambda done, total: None)
    assert load_items(project) == [] and not list(project.photos_dir.glob(".*"))


def test_labels_are_written_only_for_photos_that_the_disk_has(workspace, project, monkeypatch):
    """A power cut right after must not leave a label without its photo."""
    synced, append = set(), arrivals.append_items
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: synced.add(os.fstat(file).st_ino) or fsync(file))

    def watched(project, items):
        assert {os.stat(project.photos_dir / item.file).st_ino for item in items} <= synced
        return append(project, items)

    monkeypatch.setattr(arrivals, "append_items", watched)
    take_in(workspace, project, zip_entries(make_zip(GOOD), "x"), lambda done, total: None)
    assert len(load_items(project)) == 4


def test_what_a_killed_intake_left_is_cleared_away(workspace, project, take):
    old, new = project.photos_dir / ".a.jpg.0123.part", project.photos_dir / ".b.jpg.4567.part"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    take_zip(take, GOOD)
    assert not old.exists() and new.exists()  # somebody may be writing that one


def test_progress_rises_to_the_number_of_files(workspace, project):
    seen = []
    take_in(workspace, project, zip_entries(make_zip(GOOD), "x"), lambda *numbers: seen.append(numbers))
    assert seen == [(done, 4) for done in range(5)]


def test_file_names_that_are_no_unicode_come_in(workspace, project, take, tmp_path):
    folder = tmp_path / "data" / "cats"
    folder.mkdir(parents=True)
    with open(os.fsencode(folder) + b"/caf\xe9.png", "wb") as file:
        file.write(photo(1))
    take(open_source(tmp_path / "data"))
    assert [item.class_name for item in load_items(project)] == ["cats"]


def test_a_photo_is_decoded_once_for_everything(workspace, project, take, monkeypatch):
    decoded, decode_photo, kept = [], decode.decode, {}
    monkeypatch.setattr(decode, "decode", lambda *given: decoded.append(1) or decode_photo(*given))
    take_zip(take, GOOD)  # without pixels
    take(upload_entries([("9.png", io.BytesIO(photo(9)))]), reading=OneClass("cats"), keep_pixels=kept.setdefault)
    assert len(decoded) == 5
    new = load_items(project)[-1]
    assert {name: picture.size for name, picture in kept.items()} == {new.photo: (30, 20)}
    for item in load_items(project):
        assert thumbnails(workspace.prepared_dir).holds(item.photo)


def test_what_does_not_come_in_leaves_nothing_in_the_caches(workspace, take):
    kept = {}
    take(zip_entries(make_zip(GOOD | {"loose.png": photo(90)}), "x.zip"), keep_pixels=kept.setdefault)
    assert len(kept) == 4
    assert len([path for path in workspace.prepared_dir.rglob("*") if path.is_file()]) == 4


def test_no_more_pictures_than_cores_are_in_memory_at_once(take, monkeypatch):
    in_memory, most, decode_photo = [], [], decode.decode

    def watched(*given):
        in_memory.append(1)
        most.append(len(in_memory))
        time.sleep(0.01)
        return decode_photo(*given)

    monkeypatch.setattr(decode, "decode", watched)
    files = {f"cats/{n}.png": photo(n) for n in range(12)}
    take(zip_entries(make_zip(files), "x.zip"), keep_pixels=lambda photo, upright: in_memory.pop())
    assert max(most) <= CORES


def test_a_zip_with_a_password_is_said_to_be_one(take, tmp_path):
    content = bytearray(make_zip({"cats/1.png": photo(1)}).getvalue())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match="make the zip without a password"):
        take(open_source(tmp_path / "x.zip"))


def test_zip_and_folder_give_the_same_photos(workspace, take, tmp_path):
    folder = draw_dataset(tmp_path / "data", per_class=2)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for path in sorted(folder.rglob("*.jpg")):
            archive.write(path, path.relative_to(tmp_path))  # with one wrapping folder
    take(open_source(folder))
    zipped = take(open_source(tmp_path / "data.zip"))
    assert zipped.classes == {"blue": 2, "green": 2, "red": 2}


def test_a_photo_that_is_here_is_not_decoded_again(workspace, tmp_path, monkeypatch):
    folder = draw_dataset(tmp_path / "blots", 2)
    project = workspace.create_project("Blots")
    intake.take_in(workspace, project, open_source(folder), lambda done, total: None)
    monkeypatch.setattr(decode, "decode", lambda image: pytest.fail("decoded twice"))
    again = intake.take_in(workspace, project, open_source(folder), lambda done, total: None)
    assert (again.photos, again.added) == (6, 0)


def test_a_photo_whose_file_is_gone_is_stored_again(workspace, tmp_path):
    folder = draw_dataset(tmp_path / "blots", 2)
    project = workspace.create_project("Blots")
    intake.take_in(workspace, project, open_source(folder), lambda done, total: None)
    gone = next(project.photos_dir.iterdir())
    gone.unlink()
    intake.take_in(workspace, project, open_source(folder), lambda done, total: None)
    assert gone.is_file()


def test_a_set_handed_in_twice_in_another_wrapping_is_here_already(workspace, tmp_path):
    folder = draw_dataset(tmp_path / "set" / "blots", 2)
    project = workspace.create_project("Blots")
    take_in(workspace, project, open_source(folder), lambda done, total: None)
    first = {item.id for item in load_items(project)}
    again = take_in(workspace, project, open_source(folder.parent), lambda done, total: None)
    assert (again.photos, again.added) == (6, 0) and again.items == first


def test_a_photo_whose_reader_raises_anything_costs_only_itself(workspace, tmp_path, monkeypatch):
    def transpose(image, in_place):
        raise struct.error("odd EXIF")

    project = workspace.create_project("Blots")
    entries = open_source(draw_dataset(tmp_path / "blots", 2))
    monkeypatch.setattr(ImageOps, "exif_transpose", transpose)
    with pytest.raises(DataError, match="damaged or cut off"):
        take_in(workspace, project, entries, lambda done, total: None)
