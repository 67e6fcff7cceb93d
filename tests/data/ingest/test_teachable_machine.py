"""Projects of Teachable Machine: their photos come in with their classes, and others are refused in a sentence."""

import io
import json

import pytest

from tests.data.drawn import photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.label_source import choices, photos_among, read_as
from transfer_core.data.ingest.sources import open_source, upload_entries
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.errors import DataError
from transfer_core.services import ingest

MANIFEST = {"type": "image", "version": "2.4.5", "appdata": {"publishResults": {}, "trainEpochs": 50}}
CLASSES = ("Class 1", "cat/dog", "train", "大生鮮蝦(一貫)", "a-!-b", "=1+1")


def project_file(manifest=MANIFEST, classes=CLASSES, **more: bytes) -> bytes:
    files = {"manifest.json": json.dumps(manifest).encode()}
    for i, name in enumerate(classes):
        files |= {f"{name}-!-{n}.jpg": photo(100 * i + n, "JPEG") for n in range(3)}
    return make_zip(files | more).getvalue()


EXPECTED = dict.fromkeys(CLASSES, 3)


@pytest.fixture
def take(workspace):
    project = workspace.create_project("Test")

    def take(entries, **options):
        report = take_in(workspace, project, entries, lambda done, total: None, **options)
        assert count_classes(load_items(project)) == report.classes
        return report

    return take


def test_photos_come_in_with_the_class_that_their_name_says(take, tmp_path):
    (tmp_path / "project.tm").write_bytes(project_file())
    report = take(open_source(tmp_path / "project.tm"))
    assert (report.classes, report.rejected) == (EXPECTED, [])


@pytest.mark.parametrize("name", ["project.tm", "renamed.zip"])
def test_it_is_offered_first_where_it_is_uploaded(take, name):
    entries = upload_entries([(name, io.BytesIO(project_file()))])
    first = choices(entries)[0]
    assert (first.way, first.title) == ("project", "the Teachable Machine project")
    assert take(entries, reading=read_as(entries, first)).classes == EXPECTED
    assert len(photos_among(entries)) == 18


def test_it_may_be_unpacked_and_lie_in_a_folder(take, tmp_path):
    for i, (place, name) in enumerate([("mine", "oak"), ("mine", "elm"), ("mine/older", "ash"), ("yours", "oak")]):
        folder = tmp_path / "set" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}-!-0.jpg").write_bytes(photo(i, "JPEG"))
        (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    assert take(open_source(tmp_path / "set")).classes == {"ash": 1, "elm": 1, "oak": 2}


def test_photos_beside_a_project_have_the_class_of_their_folder(take):
    files = [("p.tm", io.BytesIO(project_file(classes=("oak",)))), ("elm/1.jpg", io.BytesIO(photo(900)))]
    assert take(upload_entries(files)).classes == {"oak": 3, "elm": 1}


def test_a_bad_file_in_it_costs_itself_alone(take):
    content = project_file(classes=("oak", "elm"), **{"oak-!-3.jpg": b"", "elm-!-9.jpg": b"\xff\xd8\xff\xe0"})
    report = take(upload_entries([("p.tm", io.BytesIO(content))]))
    assert report.classes == {"oak": 3, "elm": 3} and len(report.rejected) == 2


def test_import_and_fit_know_it(workspace, tmp_path):
    (tmp_path / "project.tm").write_bytes(project_file(classes=("oak", "elm")))
    imported = ingest.import_photos(workspace, tmp_path / "project.tm", "Trees", lambda *_: None)
    assert imported.classes == {"elm": 3, "oak": 3}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (project_file({**MANIFEST, "type": "audio"}), "of the kind 'audio'. Graft takes photos"),
        (make_zip({"data/x.bin": b"x"}).getvalue(), "not laid out as Teachable Machine saves its projects"),
        (project_file([]), "not laid out as"),
        (project_file({"type": "image"}), "not laid out as"),
        (make_zip({"manifest.json": b"{" * 99_999, "a-!-0.jpg": b"x"}).getvalue(), "not laid out as"),
        (b"no zip", "not a zip that can be opened"),
    ],
)
def test_what_cannot_be_made_sure_of_is_refused_in_a_sentence(content, said):
    with pytest.raises(DataError, match=said) as caught:
        upload_entries([("project.tm", io.BytesIO(content))])
    assert "\n" not in str(caught.value)


def test_a_manifest_of_something_else_changes_nothing():
    files = {"manifest.json": b'{"type": "image"}', "oak/a-!-0.jpg": b"x"}
    entries = upload_entries([("x.zip", make_zip(files))])
    assert [entry.class_name for entry in entries] == [None, None]
