"""Hostile and unlucky files: each costs nothing but itself, is listed with its reason, and writes nothing elsewhere."""

import hashlib
import io
import os
import random
import re
import zipfile
from pathlib import Path

import pytest

from tests.data.drawn import damage, seeds
from tests.data.hostile import EITHER, GOOD, KEPT, KINDS, UPLOADS, Kind, as_zip
from transfer_core.data.images import decode
from transfer_core.data.ingest import sources
from transfer_core.data.ingest.arrivals import IntakeReport
from transfer_core.data.ingest.intake import take_in
from transfer_core.data.ingest.sources import open_source, upload_entries, zip_entries
from transfer_core.data.labels.dataset import load_items
from transfer_core.errors import DataError
from transfer_core.support.text import plain

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),  # the app does so, too
    pytest.mark.filterwarnings("ignore:Duplicate name"),  # which is meant
]
IN_FOLDER = [kind for kind in KINDS if not kind.zip_only]


@pytest.fixture
def project(workspace):
    return workspace.create_project("Test")


@pytest.fixture
def take(workspace, project):
    """Takes entries in, and sees to it that nothing was written but photos, labels and what is made of photos."""

    def take(entries) -> IntakeReport:
        outside = everything_but(workspace.home)
        report = take_in(workspace, project, entries, lambda done, total: None)
        assert everything_but(workspace.home) == outside
        items = load_items(project)
        assert {path.name for path in project.photos_dir.iterdir()} == {item.file for item in items}
        assert all(re.fullmatch(r"[0-9a-f]{64}(\.[a-z0-9-]+)*\.[a-z0-9]{3,4}", item.file) for item in items)
        assert report.photos + len(report.rejected) == len(entries)
        return report

    return take


def everything_but(home: Path) -> set[Path]:
    """All that lies beside a home, and where the hostile paths point to."""
    beside = {path for path in home.parent.rglob("*") if home not in (path, *path.parents)}
    return beside | {Path(path) for path in ("/evil.png", "evil.png", "../evil.png") if os.path.exists(path)}


def reasons(report: IntakeReport) -> dict[str, str]:
    return {entry.file: entry.reason for entry in report.rejected}


def as_listed(path: str) -> str:
    """The path as it is listed: cut at a zero, as zips are, with slashes of one kind only."""
    return sources.tidy_path(path.split("\0")[0])


def check(kind: Kind, report: IntakeReport, said: dict[str, str]) -> None:
    refused = said.get(as_listed(kind.path))
    if kind.expected == KEPT:
        assert refused is None, f"{kind.name}: {refused}"
    elif kind.expected == EITHER:
        assert refused is None or re.search("damaged or cut off|not a photo", refused), f"{kind.name}: {refused}"
    else:
        assert refused and re.search(kind.expected, refused), f"{kind.name}: {refused}"


def good_are_here(project) -> None:
    photos = {item.photo for item in load_items(project)}
    assert {hashlib.sha256(content).hexdigest() for content in GOOD.values()} <= photos


def test_the_corpus_is_large():
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 60


def test_all_in_one_zip(take, project):
    report = take(zip_entries(io.BytesIO(as_zip(KINDS)), "x.zip"))
    said = reasons(report)
    for kind in KINDS:
        check(kind, report, said)
    good_are_here(project)
    certain = [kind for kind in KINDS if kind.expected == KEPT]
    assert len(GOOD) + len(certain) <= report.photos <= len(GOOD) + len(certain) + 8
    classes = report.classes.keys()
    assert "\u00e4rger" in classes and "a\u0308rger" not in classes and "ёжик" in classes and "c" * 250 in classes
    assert all(plain(name) == name for name in classes)
    assert report.alike == (("Cats", "cats"),)


def test_all_in_one_folder(take, project, tmp_path):
    for path, content in GOOD.items() | {kind.path: kind.content for kind in IN_FOLDER}.items():
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).write_bytes(content)
    report = take(open_source(tmp_path / "set"))
    said = reasons(report)
    for kind in IN_FOLDER:
        check(kind, report, said)
    good_are_here(project)


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_alone_among_good_photos(take, project, kind):
    report = take(zip_entries(io.BytesIO(as_zip([kind])), "x.zip"))
    check(kind, report, reasons(report))
    good_are_here(project)


@pytest.mark.full
@pytest.mark.parametrize("kind", IN_FOLDER, ids=lambda kind: kind.name)
def test_each_among_uploaded_files(take, project, kind):
    """As a browser hands over a folder."""
    files = [(path, io.BytesIO(content)) for path, content in {**GOOD, kind.path: kind.content}.items()]
    report = take(upload_entries(files))
    check(kind, report, reasons(report))
    good_are_here(project)


@pytest.mark.parametrize("name", UPLOADS)
def test_an_upload_of_which_nothing_comes_says_so_in_a_sentence(workspace, project, name):
    content, said = UPLOADS[name]
    with pytest.raises(DataError, match=said) as caught:
        take_in(workspace, project, zip_entries(io.BytesIO(content), "x.zip"), lambda done, total: None)
    assert "\n" not in str(caught.value)
    assert load_items(project) == [] and not list(project.photos_dir.iterdir())


def test_a_zip_of_too_many_files_is_refused_before_they_are_looked_at(monkeypatch):
    monkeypatch.setattr(sources, "ENTRY_LIMIT", 100)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(101):
            archive.writestr(f"cats/{number}.png", b"")
    with pytest.raises(DataError, match=r"holds 101 files; at most 100 are read\. Split it up\."):
        zip_entries(buffer, "x.zip")


@pytest.mark.full
def test_five_thousand_damaged_files_are_pictures_or_refused():
    chance, outcomes = random.Random(0), {"read": 0, "refused": 0}
    for _ in range(5000):
        content = damage(chance.choice(seeds()), chance, seeds())
        try:
            decode.load_rgb(io.BytesIO(content))
            outcomes["read"] += 1
        except DataError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 1000, outcomes


def test_damaged_files_come_in_as_one_upload(take, project):
    chance = random.Random(1)
    damaged = {f"cats/{number}": damage(chance.choice(seeds()), chance, seeds()) for number in range(400)}
    report = take(upload_entries([(path, io.BytesIO(content)) for path, content in {**GOOD, **damaged}.items()]))
    assert report.photos > 100 and len(report.rejected) > 100
    assert all(reason and "\n" not in reason for reason in reasons(report).values())
    good_are_here(project)
