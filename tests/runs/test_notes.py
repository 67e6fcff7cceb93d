"""A star and a line: they come back, and whatever stands in the file does no harm."""

import pytest

from transfer_core.errors import RunError
from transfer_core.runs.notes import NOTE_LIMIT, RunNotes, load_notes, save_notes
from transfer_core.runs.trash import delete


def test_marks_come_back(queue_run):
    run = queue_run()
    assert load_notes(run) == RunNotes()
    save_notes(run, RunNotes(True, "  for\nthe <b>fair</b> \N{RIGHT-TO-LEFT OVERRIDE}🍎 "))
    assert load_notes(run) == RunNotes(True, "for the <b>fair</b> 🍎")


@pytest.mark.parametrize(
    ("content", "marks"),
    [
        (b"", RunNotes()),
        (b"{", RunNotes()),
        (b"\xff\xfe", RunNotes()),
        (b"[1]", RunNotes()),
        (b"[" * 100_000, RunNotes()),
        (b'{"starred": "yes", "note": ["x"]}', RunNotes()),
        (b'{"starred": true, "note": "a\\nb", "more": 1}', RunNotes(True, "a b")),
        (b'{"note": "' + b"x" * 5000 + b'"}', RunNotes(False, "x" * NOTE_LIMIT)),
        (b'{"note": "\\ud800"}', RunNotes()),
    ],
)
def test_a_spoilt_file_is_no_error(queue_run, content, marks):
    run = queue_run()
    (run.folder / "about.json").write_bytes(content)
    assert load_notes(run) == marks


def test_a_note_has_an_end(queue_run):
    with pytest.raises(RunError, match="at most 200 fit"):
        save_notes(queue_run(), RunNotes(note="x" * 201))


def test_a_deleted_run_does_not_come_back_by_a_note(stopped, project):
    delete(project, stopped)
    with pytest.raises(RunError, match="not here any more"):
        save_notes(stopped, RunNotes(True))
    assert not stopped.folder.exists()
