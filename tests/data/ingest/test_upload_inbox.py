"""What was handed in waits in the project until it is read: through reloads, breaks and full disks."""

import errno
import io
import os
import shutil

import pytest
from filelock import Timeout

from tests.data.ingest.test_intake import photo
from tests.data.ingest.test_sources import make_zip
from transfer_core.data.ingest import upload_inbox
from transfer_core.data.ingest.label_source import Choice
from transfer_core.errors import DataError


def quiet(done, total):
    pass


@pytest.fixture
def project(workspace):
    return workspace.create_project("Test")


def handed(*names: str) -> list[tuple[str, io.BytesIO]]:
    return [(name, io.BytesIO(photo(len(name)))) for name in names]


def test_files_wait_until_they_are_read(project):
    batch = upload_inbox.receive(project, [*handed("a/1.png"), ("b.zip", make_zip({"b/2.png": photo(2)}))], quiet)
    assert upload_inbox.batches(project) == [batch] and batch.missing == []
    assert [(entry.path, entry.read()) for entry in batch.entries()] == [
        ("a/1.png", photo(len("a/1.png"))),
        ("b/2.png", photo(2)),
    ]
    batch.choose(Choice("one_class", "oak", unlabelled=True))
    [again] = upload_inbox.batches(project)
    assert again.choice == Choice("one_class", "oak", unlabelled=True)
    again.discard()
    assert upload_inbox.batches(project) == [] and not batch.folder.exists()


def test_a_break_keeps_what_arrived_and_the_same_files_fill_it_up(project, monkeypatch):
    names, copied = ["a/1.png", "a/2.png", "a/3.png"], []

    def full(source, target, length):
        if len(copied) == 2:
            target.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        copied.append(target.write(source.read()))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(OSError):
            upload_inbox.receive(project, handed(*names), quiet)
    [broken] = upload_inbox.batches(project)
    assert broken.missing == ["a/3.png"]
    assert [entry.path for entry in broken.entries()] == ["a/1.png", "a/2.png"]
    assert list(broken.folder.glob(".*.part")) == []

    seen = []
    batch = upload_inbox.receive(project, handed(*names, "a/4444.png"), lambda *numbers: seen.append(numbers))
    assert batch.id == broken.id and batch.missing == [] and seen[-1] == (4, 4)
    assert [(entry.path, entry.read()) for entry in batch.entries()][3] == ("a/4444.png", photo(len("a/4444.png")))
    assert upload_inbox.batches(project) == [batch]


def test_a_batch_that_somebody_may_be_reading_is_not_filled_up(project):
    broken = upload_inbox.receive(project, handed("a/1.png", "a/2.png"), quiet)
    (broken.folder / "1").unlink()
    broken.choose(Choice("folder"))
    assert upload_inbox.receive(project, handed("a/1.png", "a/2.png"), quiet).id != broken.id


def test_a_batch_is_busy_while_its_files_arrive(project):
    """Another window neither fills it up nor takes it for one that broke off."""
    seen, others = [], []

    def look(done, total):
        [batch] = upload_inbox.batches(project)
        seen.append(batch.is_busy())
        if done == 1:
            others.append(upload_inbox.receive(project, handed("a/1.png", "a/2.png"), quiet))
            others[0].discard()

    batch = upload_inbox.receive(project, handed("a/1.png", "a/2.png"), look)
    assert seen == [True, True] and others[0].id != batch.id and batch.missing == []
    assert not batch.is_busy()


def test_hostile_and_equal_names_are_only_words(project, tmp_path):
    names = ["../../evil.png", "/evil.png", "C:\\evil.png", "a.png", "a.png", "CON", "x" * 300, "\udcff.png"]
    before = set(tmp_path.rglob("*"))
    batch = upload_inbox.receive(project, handed(*names), quiet)
    made = {path.name for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert made == {"batch.json", "batch.json.bak", "batch.lock", *map(str, range(len(names)))}
    assert [name for name, _ in batch.files][3:5] == ["a.png", "a (2).png"]
    assert upload_inbox.batches(project) == [batch]


def test_what_stayed_of_a_discarded_batch_goes_later(project):
    waits = upload_inbox.receive(project, handed("a/1.png"), quiet).folder
    left, torn, fresh = (project.folder / "inbox" / name for name in ("left", "torn", "fresh"))
    for folder in (left, torn, fresh):
        folder.mkdir(parents=True)
    (torn / "batch.json").write_text("{")
    for folder in (left, torn, waits):
        os.utime(folder, (0, 0))
    upload_inbox.receive(project, handed("a/2.png"), quiet)
    assert fresh.exists() and waits.exists() and not left.exists()
    assert torn.exists()  # nobody has thrown away what was handed in, though nobody can read what it is


def test_one_reads_at_a_time(project):
    batch = upload_inbox.receive(project, handed("a/1.png"), quiet)
    with batch.lock(), pytest.raises(Timeout), batch.lock():
        pass


def test_a_folder_of_the_machine_is_read_where_it_lies(project, tmp_path, monkeypatch):
    root = (tmp_path / "root").resolve()
    (root / "set" / "oak").mkdir(parents=True)
    (root / "set" / "oak" / "1.png").write_bytes(photo(1))
    with pytest.raises(DataError, match="not a folder that this app may read"):
        upload_inbox.receive_folder(project, root, "set")
    assert upload_inbox.batches(project) == []
    monkeypatch.setenv("GRAFT_IMPORT_ROOTS", str(root))
    batch = upload_inbox.receive_folder(project, root, "set")
    assert upload_inbox.batches(project) == [batch] and [entry.path for entry in batch.entries()] == ["oak/1.png"]
    batch.discard()
    assert (root / "set" / "oak" / "1.png").exists()


def test_what_cannot_be_understood_in_the_inbox_is_passed_over(project):
    for number, text in enumerate(["", "{}", "[]", '{"created": 1, "files": [1], "source": null, "choice": null}']):
        folder = project.folder / "inbox" / str(number)
        folder.mkdir(parents=True)
        (folder / "batch.json").write_text(text)
    assert upload_inbox.batches(project) == []
