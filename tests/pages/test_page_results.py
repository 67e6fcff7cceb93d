"""Understand, Try and Export: what a finished run offers."""

import os

import pytest

from tests.data.ingest.test_sources import make_zip
from tests.helpers import COLOURS, draw_photo
from tests.pages.conftest import button, charts, errors, forget_export, press, run_chooser, said, write
from transfer_core import runs, storage
from transfer_core.data.images.cache import PhotoCache
from transfer_core.evaluation.result import ValAnswers, evaluate, save_evaluation
from transfer_core.jobs import worker
from transfer_core.runs import events
from transfer_core.support.arrays import read_arrays
from transfer_core.support.files import read_json, write_json


@pytest.fixture
def mistaken(finished):
    """The finished run, its last two answers turned wrong."""
    split = runs.load_split(finished)
    arrays, _ = read_arrays(finished.evaluation_dir / "val.safetensors")
    arrays["confidences"][-2:] = arrays["confidences"][-2:][:, [1, 2, 0]]
    answers = ValAnswers(**arrays)
    assert len(answers.mistakes()) == 2
    result = evaluate(split, answers, 30, {"total": 1.0, "features": 0.5, "train": 0.5})
    save_evaluation(finished.evaluation_dir, result, answers)
    return write(finished, events.RunFinished(result=result.to_json()))


# --- Understand ----------------------------------------------------------------------------------------------------


def test_understand_without_a_mistake(visit, finished):
    app = visit("understand", project=finished.project_id)
    text = said(app)
    assert "**6 of 6 validation photos right" in text.replace("\\", "")
    assert text.count("No mistakes on these photos.") == 2  # below the matrix, and in place of the cards
    assert {finished.id.rsplit("-", 1)[-1], "scores", "loss", "accuracy"} <= set(charts(app))  # the matrix: by run


def test_understand_explains_no_range_where_none_is_named(visit, finished):
    result = runs.read_state(finished).result
    write(finished, events.RunFinished(result=result | {"val_learned": 2}))
    app = visit("understand", project=finished.project_id)
    text = said(app)
    assert "expect less on new photos" in text and "probably between" not in text and "Weakest" not in text
    assert set(app.dataframe[0].value["Probably"]) == {""}


@pytest.mark.parametrize("kept", ["solved", "trained"])
def test_it_is_said_whose_curves_are_shown(visit, finished, kept):
    write(finished, events.HeadChosen(kept=kept, solved_loss=0.25, trained_loss=0.5))
    for page in ("train", "understand"):
        text = said(visit(page, project=finished.project_id))
        assert ("keeps the one that is solved in a single step" in text) is (kept == "solved")
        assert ("Graft keeps the model from the last epoch" in text) is (kept == "trained")


def test_understand_shows_the_mistakes(visit, mistaken):
    app = visit("understand", project=mistaken.project_id)
    assert "4 of 6 validation photos right" in said(app) and r"Weakest class\: " in said(app)
    mistakes = next(tab for tab in app.tabs if tab.label == "Every mistake")
    assert mistakes.markdown[0].value == "2 mistakes, the most confident first."
    assert len([entry for entry in mistakes.markdown if entry.value.startswith("You said: **")]) == 2


def test_understand_begins_with_the_most_frequent_confusion_and_a_box_chooses_any_other(visit, mistaken):
    """The same choice as a click on the matrix, for a keyboard; the matrix outlines what is chosen."""

    def shown(app) -> list[str]:
        return [entry.value for entry in app.tabs[0].markdown if entry.value.startswith("You said: **")]

    app = visit("understand", project=mistaken.project_id)
    box = app.selectbox(key=f"cell-{mistaken.id}")
    wrong = [option for option in box.options if " classified as " in option]
    assert box.options[: len(wrong)] == wrong and wrong[0].endswith(": 2 photos")
    true, said_class = wrong[0].removesuffix(": 2 photos").split(" classified as ")
    assert shown(app) == [f"You said: **{true}**  \nModel: **{said_class}**"] * 2
    before = charts(app)
    app = box.set_value((0, 0)).run()
    assert app.selectbox(key=f"cell-{mistaken.id}").value == (0, 0) and "blue: 2 photos right" in box.options
    assert shown(app) == ["You said: **blue**  \nModel: **blue**"] * 2
    assert charts(app) != before


def test_understand_lists_each_class_with_its_range(visit, mistaken):
    table = visit("understand", project=mistaken.project_id).dataframe[0].value
    assert list(table["Class"]) == ["blue", "green", "red"] and list(table["Photos"]) == [2, 2, 2]
    assert table["Probably"][0] == "34% to 100%"


def test_understand_says_which_photos_are_in_both_parts(visit, finished):
    path = finished.folder / "split.json"
    write_json(path, read_json(path) | {"crossing": [["train/a.jpg", "val/a.jpg"]]})
    [warning] = visit("understand", project=finished.project_id).warning
    assert "1 photo is in two sets" in warning.value and r"train/a\.jpg" in warning.value


def test_run_is_chosen_by_the_list_and_by_the_address(visit, finished, workspace):
    project = workspace.open_project(finished.project_id)
    newer = runs.create(project, runs.TrainSpec(finished.config), runs.load_split(finished))
    history = runs.read_state(finished)
    worse = history.result | {"val_accuracy": 0.5, "confusion_matrix": [[1, 1, 0], [0, 1, 1], [1, 0, 1]]}
    write(newer, events.RunStarted(), *history.epochs, events.RunFinished(result=worse))
    save_evaluation(
        newer.evaluation_dir, evaluate(runs.load_split(newer), _answers(finished), 30, {}), _answers(finished)
    )
    app = visit("understand", project=project.id)
    assert "3 of 6 validation photos right" in said(app)
    assert run_chooser(app).options == ["Frozen 2: 50%", "Frozen: 100%"]
    run_chooser(app).select_index(1).run()
    assert "6 of 6 validation photos right" in said(app) and app.query_params["run"] in (finished.id, [finished.id])
    assert "6 of 6 validation photos right" in said(visit("understand", project=project.id, run=finished.id))


def _answers(run) -> ValAnswers:
    return ValAnswers(**read_arrays(run.evaluation_dir / "val.safetensors")[0])


# --- Try -----------------------------------------------------------------------------------------------------------


def test_try_one_photo(visit, finished, tmp_path):
    app = visit("try_it", project=finished.project_id)
    photo = draw_photo(tmp_path / "new.jpg", COLOURS["red"], 999)
    app.file_uploader(key="try-files").set_value([("new.jpg", photo.read_bytes(), "image/jpeg")]).run()
    assert errors(app) == [] and [entry.value for entry in app.header] == ["red"]
    assert "Confidence" in said(app) and "bars" in charts(app)


def test_try_several_photos_gives_a_wall_and_a_table_to_download(visit, finished, tmp_path):
    app = visit("try_it", project=finished.project_id)
    files = [
        (f"{name}.jpg", draw_photo(tmp_path / f"{name}.jpg", colour, 999).read_bytes(), "image/jpeg")
        for name, colour in COLOURS.items()
    ]
    app.file_uploader(key="try-files").set_value(files).run()

    def answers() -> list[str]:
        return [entry.value.split("**")[1] for entry in app.markdown if entry.value.startswith("**")]

    assert errors(app) == [] and app.download_button[0].label == "Download as a table (CSV)"
    assert "3 photos" in said(app) and len(app.image) == 3 and sorted(answers()) == ["blue", "green", "red"]
    app.selectbox(key="try-order").set_value("As handed in").run()
    assert answers() == list(COLOURS)
    app.selectbox(key="try-order").set_value("By class").run()
    assert answers() == ["blue", "green", "red"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file, not a photo"),
        (b"no photo", "a text file, not a photo"),
        (b"\xff\xd8\xff\xe0 cut", "not a photo in a format that can be read"),
    ],
)
def test_try_a_file_that_is_no_photo(visit, finished, content, said):
    app = visit("try_it", project=finished.project_id)
    app.file_uploader(key="try-files").set_value([("a.jpg", content, "image/jpeg")]).run()
    [message] = errors(app)
    assert message.startswith(rf"a\.jpg: {said}")
    assert button(app, "Show me one")


def test_try_a_bad_file_among_good_ones(visit, finished, tmp_path):
    app = visit("try_it", project=finished.project_id)
    photo = draw_photo(tmp_path / "new.jpg", COLOURS["red"], 999).read_bytes()
    app.file_uploader(key="try-files").set_value([("a.txt", b"x", "text/plain"), ("b.jpg", photo, "image/jpeg")]).run()
    assert len(errors(app)) == 1 and [entry.value for entry in app.header] == ["red"]


def test_try_opens_a_zip_and_folds_up_many_bad_files(visit, finished, tmp_path):
    app = visit("try_it", project=finished.project_id)
    photos = [draw_photo(tmp_path / f"{name}.jpg", COLOURS[name], 999).read_bytes() for name in ("red", "blue")]
    bad = {f"bad/{n}.jpg": b"x" for n in range(7)} | {"Thumbs.db": b"x"}
    content = make_zip({"a/1.jpg": photos[0], "a/2.jpg": photos[1]} | bad).getvalue()
    app.file_uploader(key="try-files").set_value([("set.zip", content, "application/zip")]).run()
    assert errors(app) == ["7 of 9 files cannot be classified."]
    assert [entry.value for entry in app.subheader] == ["2 photos"]
    assert any("7 files were left out" in entry.label for entry in app.expander)


def test_try_a_photo_that_was_kept_aside(visit, finished):
    app = press(visit("try_it", project=finished.project_id), "Show me one")
    assert errors(app) == [] and "That is right." in said(app) and len(app.image) == 1


def test_try_shows_a_photo_whose_thumbnail_a_full_disk_does_not_keep(visit, finished, workspace, monkeypatch):
    storage.clear_caches(workspace)
    monkeypatch.setattr(PhotoCache, "write", lambda self, photo, content: None)
    app = press(visit("try_it", project=finished.project_id), "Show me one")
    assert errors(app) == [] and len(app.image) == 1


def test_try_and_export_wait_for_the_export(visit, finished):
    forget_export(finished)
    for page in ("try_it", "export"):
        app = visit(page, project=finished.project_id)
        assert "checking that it gives the same answers" in said(app)
        assert [entry.key for entry in app.button] == ["rename-project"] and list(app.download_button) == []


def test_try_and_export_say_that_the_export_failed(visit, finished):
    forget_export(finished)
    write(finished, events.StepFailed(name="export", message="The *disk* is full."))
    for page in ("try_it", "export"):
        app = visit(page, project=finished.project_id)
        [message] = errors(app)
        assert r"The \*disk\* is full\." in message
        assert button(app, "Try again")
        assert list(app.download_button) == []


def test_failed_export_can_be_tried_again(visit, finished):
    write(finished, events.StepFailed(name="export", message="The disk is full."))
    app = press(visit("export", project=finished.project_id), "Try again")
    assert errors(app) == [] and "checking that it gives the same answers" in said(app)
    assert runs.read_state(finished).is_pending("export")


# --- Take along ----------------------------------------------------------------------------------------------------


def test_export_offers_the_checked_zip(visit, finished):
    app = visit("export", project=finished.project_id)
    assert "Same answers as in Graft on **6 of 6** validation photos" in said(app)
    [download] = app.download_button
    assert download.label.startswith("Download (")
    assert sorted(os.listdir(finished.model_dir)) == [
        "head-to-tune.safetensors",
        "head.safetensors",
        "model.onnx.parts",
    ]  # once


def test_a_damaged_model_is_made_anew_before_it_is_offered(visit, finished):
    path = finished.model_dir / "model.onnx.parts"
    for page in ("export", "try_it"):
        path.write_bytes(path.read_bytes()[:-1])
        app = visit(page, project=finished.project_id)
        assert [entry.value for entry in app.toast] == [
            "The exported model was damaged. Graft makes it again and checks it."
        ]
        assert "checking that it gives the same answers" in said(app) and list(app.download_button) == []
        assert runs.read_state(finished).is_pending("export")
        assert worker.main(str(finished.folder)) == 0
        app = visit(page, project=finished.project_id)
        assert errors(app) == [] and list(app.toast) == []
        assert len(app.download_button) == (page == "export")


def test_a_model_that_rots_between_two_looks_is_said_in_a_sentence(visit, finished):
    path = finished.model_dir / "model.onnx.parts"
    visit("export", project=finished.project_id)
    before, content = path.stat(), path.read_bytes()
    with path.open("r+b") as file:  # the same file, of the same length and time
        file.seek(len(content) // 2)
        file.write(bytes([content[len(content) // 2] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    [message] = errors(visit("export", project=finished.project_id))
    assert "is damaged or gone" in message
    assert "checking that it gives the same answers" in said(visit("export", project=finished.project_id))


def test_take_along_admits_changed_answers(visit, finished):
    check = runs.read_state(finished).steps["export"].result
    write(
        finished,
        events.StepFinished(name="export", result=check | {"changed_labels": 2, "max_difference": 0.25}),
    )
    [warning] = visit("export", project=finished.project_id).warning
    assert "**4 of 6**" in warning.value and "0.250" in warning.value


def test_take_along_leads_home(visit, finished):
    app = press(visit("export", project=finished.project_id), "Back to projects")
    assert app.title[0].value == "Teach an image model your own classes"


def test_export_failed_with_a_model_file_left_is_not_offered_to_try(visit, finished):
    """A resumed run may leave the model file of before; what failed its check is not tried."""
    write(finished, events.StepFailed(name="export", message="The check failed."))
    assert len(errors(visit("try_it", project=finished.project_id))) == 1
