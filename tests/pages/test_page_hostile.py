"""Names from outside reach every page as plain words: nothing raises, nothing turns into Markdown or HTML."""

import json
import re

import numpy as np
import pytest

from tests.data.hostile import KINDS, as_zip
from tests.helpers import draw_photo, fill_project, rewrite_labels
from tests.pages.conftest import after_epochs, charts, errors, hand_in, said, write
from transfer_core import runs
from transfer_core.config import TrainConfig
from transfer_core.data.labels import edits
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.splits.split import make_split
from transfer_core.evaluation.result import ValAnswers, evaluate, load_answers, save_evaluation
from transfer_core.runs import events
from transfer_core.runs.notes import RunNotes, save_notes
from transfer_core.support.text import plain

NAMES = (
    "<img src=x onerror=alert(1)>",
    ":red[alarm] $x^2$ :smile: &lt;",
    "# [link](http:evil.example) **bold** `code`",
    "=HYPERLINK(1)|a|b|",
    "\N{LEAF FLUTTERING IN WIND} Blätter \N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "l" + "ong" * 80,
)
# What Streamlit's Markdown would act on if it came through unescaped.
ACTIVE = re.compile(r"(?<!\\)(<img|:red\[|\$x|:smile:|\[link\]|\*\*bold|`code|\|a|&lt)")


# Tags in the HTML that pages write themselves.
TAG = re.compile(r"<\s*/?\s*(\w+)")
OURS = {"div", "span", "i", "b"}


@pytest.fixture
def hostile(workspace, tmp_path):
    """A project of hostile names: its own, its classes' and its files'."""
    for class_id in range(len(NAMES)):
        for i in range(4):
            draw_photo(
                tmp_path / "set" / f"class{class_id}" / f"{i}.jpg", (40 * class_id, 90, 50 * i), class_id * 9 + i
            )
    project = fill_project(workspace, tmp_path / "set", NAMES[1])

    def rename(line):
        name = NAMES[int(line["class_name"][5:])]
        return line | {"class_name": name, "path": f"{name}/{name}.jpg"}

    rewrite_labels(project, lambda lines: list(map(rename, lines)))
    return project


@pytest.fixture
def answered(hostile):
    """A run of it that has ended with two mistakes, its export failed."""
    split = make_split(load_items(hostile), 0.25, 0)
    run = runs.create(hostile, runs.TrainSpec(TrainConfig(backbone="<b>by hand</b>")), split)
    place = {name: class_id for class_id, name in enumerate(split.class_names)}
    true_ids = [place[item.class_name] for item in split.val]
    confidences = [
        [0.9 if class_id == (true + (row < 2)) % 6 else 0.02 for class_id in range(6)]
        for row, true in enumerate(true_ids)
    ]
    answers = ValAnswers(np.array(confidences), np.array(true_ids))
    result = evaluate(split, answers, 3, {"total": 1.0, "features": 0.5, "train": 0.5})
    save_evaluation(run.evaluation_dir, result, answers)
    epochs = [_of_six(event) for event in after_epochs(3)]
    finished = events.RunFinished(result=json.loads(json.dumps(result.to_json())))
    return write(run, events.RunStarted(), *epochs, events.Notice(message=NAMES[0]), finished)


def _of_six(event):
    if isinstance(event, events.EpochFinished):
        return events.EpochFinished(**{**vars(event), "confusion_matrix": [[1] * 6] * 6})
    return event


def check(app) -> str:
    """What the page says, once it is sure that none of it is active."""
    text = said(app)
    for menu in app.get("menu_button"):  # its options are Markdown, too
        text += "".join(f"\n{option}" for option in menu.options)
    written = "".join(entry.proto.body for entry in app.get("html") if not entry.proto.body.startswith("<style>"))
    assert not (tags := set(TAG.findall(written)) - OURS), tags
    assert errors(app) == [] or not ACTIVE.search("\n".join(errors(app)))
    assert not (found := ACTIVE.search(text)), text[max(0, found.start() - 60) : found.end() + 60]
    return text


def test_home_and_its_dialogs(visit, hostile):
    assert r"\:red\[alarm\]" in check(visit())
    check(visit().get("menu_button")[0].click("Delete").run())


def test_photos(visit, hostile, board):
    text = check(visit("photos", project=hostile.id))
    assert r"\<img src\=x" in text or r"\<img src=x" in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    # Names go into the board as text; what would turn the text around them is gone, in all that it is sent.
    assert NAMES[0] in board.counts and len(board.counts) == len(NAMES)
    assert "\\u202e" not in json.dumps(board.sent[-1])


def test_names_that_come_back_from_the_board(visit, hostile, board):
    """The board knows a class by its harmless name; what it sends back is of this class, and never trusted."""
    visit("photos", project=hostile.id)
    board.act = {"id": "1", "kind": "rename", "class_name": plain(NAMES[4]), "new_name": f"\u202e{NAMES[2]}"}
    check(visit("photos", project=hostile.id))
    names = {item.class_name for item in load_items(hostile)}
    assert NAMES[4] not in names and len(names) == len(NAMES) - 1  # merged with the class of that name
    board.act = {"id": "2", "kind": "all", "class_name": NAMES[0]}
    app = visit("photos", project=hostile.id)
    assert "Fix labels" in check(app)  # filtered to that class, whose name is shown in a box


def test_sorting(visit, hostile):
    action = edits.rename_class(hostile, NAMES[1], NAMES[2])
    edits.relabel(hostile, [item.id for item in load_items(hostile)[:2]], NAMES[0])
    app = visit("sort", project=hostile.id)
    assert "Undone" in check(app) or r"\# \[link\]" in check(app)
    check(app.button(key=f"switch-{action}").click().run())


def test_train_before_and_after(visit, hostile, request):
    check(visit("train", project=hostile.id))
    request.getfixturevalue("answered")
    app = visit("train", project=hostile.id)
    assert "validation photos right" in check(app)
    labels = json.dumps(charts(app)["matrix"])
    assert "<img" not in labels and "&lt;img" in labels


def test_failed_run(visit, answered):
    write(answered, events.RunFailed(message=f"Class '{NAMES[2]}' is gone.", hint=NAMES[0]))
    check(visit("train", project=answered.project_id))


def test_understand(visit, answered):
    app = visit("understand", project=answered.project_id)
    assert "2 mistakes" in check(app)
    for name, figure in charts(app).items():
        assert "<img" not in json.dumps(figure), name
    assert NAMES[0] in list(app.dataframe[0].value["Class"])  # a table shows text as it is
    bars = "".join(entry.proto.body for entry in app.get("html"))
    assert bars.count("graft-bar") > 2 and "onerror" not in bars.replace("&lt;img src", "")
    shown = "".join(app.selectbox(key=f"cell-{answered.id}").options)
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown and " classified as " in shown


def test_compare(visit, hostile, answered):
    """Two runs, with notes, of which the second is right where the first is not."""
    second = runs.create(hostile, runs.TrainSpec(TrainConfig(epochs=7)), runs.load_split(answered))
    first = load_answers(answered.evaluation_dir)
    answers = ValAnswers(np.eye(6)[first.true_ids], first.true_ids)
    result = evaluate(runs.load_split(second), answers, 3, {"total": 1.0})
    save_evaluation(second.evaluation_dir, result, answers)
    write(second, events.RunStarted(), events.RunFinished(result=json.loads(json.dumps(result.to_json()))))
    for run, note in ((answered, NAMES[1]), (second, NAMES[2])):
        save_notes(run, RunNotes(True, note, NAMES[0]))
    app = visit("compare", project=hostile.id)
    text = check(app)
    assert r"\:red\[alarm\]" in text and r"\<b\>by hand" in text and "A right, B wrong (2)" in text
    assert r"\<img src" in text  # what the runs are called
    assert "B: " in text and "<img" not in json.dumps(charts(app))
    [menu] = [menu for menu in app.get("menu_button") if menu.proto.id.endswith(f"more-{second.id}")]
    check(menu.click("Note").run())
    check(visit("train", project=hostile.id))


@pytest.mark.parametrize("page", ["try_it", "export"])
def test_export_that_failed_because_of_a_name(visit, answered, page):
    write(answered, events.StepFailed(name="export", message=NAMES[2]))
    assert len(errors(visit(page, project=answered.project_id))) == 1
    check(visit(page, project=answered.project_id))


@pytest.mark.parametrize("page", ["try_it", "export"])
def test_finished_run_whose_project_has_a_hostile_name(visit, workspace, finished, page):
    project = workspace.rename_project(workspace.open_project(finished.project_id), NAMES[2])
    check(visit(page, project=project.id))


def test_try_a_file_of_a_hostile_name(visit, finished, tmp_path):
    app = visit("try_it", project=finished.project_id)
    photo = draw_photo(tmp_path / "p.jpg", (200, 40, 40), 9).read_bytes()
    app.file_uploader(key="try-files-0").set_value([(f"{name}.jpg", photo, "image/jpeg") for name in NAMES]).run()
    check(app)
    app.file_uploader(key="try-files-0").set_value([(f"{NAMES[2]}.jpg", b"no photo", "image/jpeg")]).run()
    assert len(errors(app)) == 1
    check(app)


def test_upload_into_a_class_of_a_hostile_name(visit, workspace, tmp_path):
    project = workspace.create_project("Blots")
    photo = draw_photo(tmp_path / "p.jpg", (200, 40, 40), 9).read_bytes()
    app = visit("photos", project=project.id)
    app.text_input(key="upload-class").set_value(NAMES[1]).run()
    files = [(f"{NAMES[0]}.jpg", photo, "image/jpeg"), (f"{NAMES[2]}.txt", b"no photo", "text/plain")]
    app.file_uploader(key="files-0").set_value(files).run()
    assert "1 new photo added." in check(app) and "1 file was left out" in said(app)
    app.file_uploader(key="files-1").set_value(files[1:]).run()
    assert len(errors(app)) == 1
    check(app)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_everything_hostile_in_one_zip(visit, workspace):
    project = workspace.create_project("Blots")
    app = hand_in(visit("photos", project=project.id), as_zip(KINDS))
    text = check(app)
    assert "'Cats' and 'cats' differ only in capitals" in text and "files were left out" in text
    assert all(app.dataframe[0].value["Why"])
    assert re.search(r"\d\d new photos added", text)
