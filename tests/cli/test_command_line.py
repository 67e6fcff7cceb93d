"""The command line, as programs use it: its answers, its exit codes, its one clear line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from tests.data.bombs import png
from tests.data.images.test_decode import JPEG, encoded, picture
from tests.data.ingest.test_sources import make_zip
from tests.helpers import COLOURS, RESNET, ROOT, draw_dataset, draw_photo, run_python, start_python, wait_for
from transfer_core import runs
from transfer_core.__main__ import main
from transfer_core.data import public_datasets
from transfer_core.data.labels.dataset import count_classes, load_items
from transfer_core.data.public_datasets import PublicSet
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.services import ingest

FIT_KEYS = {
    *("run_id", "run_dir", "backbone", "strategy", "class_names", "train_count", "val_count", "val_accuracy"),
    *("val_interval", "val_units", "confusion_matrix", "epochs", "seconds"),
}


@pytest.fixture
def ask(workspace, capsys):
    """Runs a command in this process and returns its answer."""

    def ask(*arguments) -> dict:
        code = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out.splitlines()[-1])

    return ask


@pytest.fixture
def refuse(workspace, capsys):
    """Runs a command that must be refused and returns its one line."""

    def refuse(*arguments) -> str:
        code = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if not line.startswith("left out: ")]
        assert (code, out, len(lines)) == (2, "", 1), err
        assert "Traceback" not in err
        return lines[0]

    return refuse


def test_everything_that_is_wrong_is_said_at_once_and_nothing_begins(refuse, workspace, tmp_path):
    data = draw_dataset(tmp_path / "blots")
    (data / "val").mkdir()
    for name in ("red", "green"):
        (data / "train").mkdir(exist_ok=True)
        (data / name).rename(data / "train" / name)
        (data / "val" / name).mkdir()
        first = sorted((data / "train" / name).iterdir())[0]
        first.rename(data / "val" / name / first.name)
    (data / "blue").rename(data / "train" / "blue")
    said = refuse("fit", data, "--strategy", "lp_ft", "--epochs", 0, "--learning-rate", 1e9, "--batch-size", 500)
    for problem in (
        "Epochs must be a whole number from 1 to 1000, got 0.",
        "Learning rate must be a number from 1e-06 to 1.0, got 1000000000.0.",
        "Class 'blue' has no validation photos. Add some, or create validation photos from the training photos",
        "The batch size is 500, but there are only 22 training photos.",
    ):
        assert problem in said
    assert workspace.projects() == []


def test_names_that_are_not_known_are_said_with_the_rest(refuse, workspace, tmp_path):
    data = draw_dataset(tmp_path / "blots")
    said = refuse("fit", data, "--strategy", "magic", "--backbone", "resnet-9000", "--epochs", 0)
    for problem in ("no strategy called 'magic'", "no backbone called 'resnet-9000'", "from 1 to 1000, got 0"):
        assert problem in said
    assert workspace.projects() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch-size", 500], "The batch size is 500, but there are only"),
        (["--strategy", "partial", "--frozen-stages", 9], "has 8 stages, so 1 to 7 can stay frozen, got 9"),
        (["--strategy", "scratch", "--l2-sp", 0.5], "from scratch there are none"),
        (["--continue-from", "no-such-run", "--strategy", "full"], "no-such-run"),
        (["--group-pattern", "(p"], "The group pattern '(p' cannot be read (missing ))."),
        (["--group-pattern", "(blue|red|green)"], "All 8 photos of class 'blue' are in one group, 'blue'"),
        (["--val-fraction", 0.5, "--test-fraction", 0.5], "leaves too few training photos"),
    ],
)
def test_settings_that_do_not_fit_the_photos_begin_nothing(refuse, workspace, tmp_path, options, said):
    assert said in refuse("fit", draw_dataset(tmp_path / "blots"), *options)
    assert runs.list_runs(workspace) == []


def test_fit_trains_and_answers_as_the_contract_says(tiny_workspace, tmp_path):
    data = draw_dataset(tmp_path / "blots")
    answer = run_python("-m", "transfer_core", "fit", str(data), "--backbone", RESNET, "--epochs", "20", "--json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])
    assert found.keys() == FIT_KEYS
    assert found["seconds"].keys() == {"total", "features", "train"}
    assert (found["backbone"], found["strategy"], found["epochs"]) == (RESNET, "feature_extraction", 20)
    assert found["class_names"] == ["blue", "green", "red"]
    assert (found["train_count"], found["val_count"]) == (18, 6)
    assert len(found["val_interval"]) == 2 and found["val_interval"][0] <= found["val_accuracy"]
    assert sum(map(sum, found["confusion_matrix"])) == 6
    assert os.path.isfile(os.path.join(found["run_dir"], "model", "head.safetensors"))
    assert (
        runs.open_run(tiny_workspace, found["run_id"]).folder == runs.open_run(tiny_workspace, found["run_dir"]).folder
    )


@pytest.mark.full
def test_fit_takes_a_second_folder_to_check_with(tiny_workspace, tmp_path, ask):
    data, val = draw_dataset(tmp_path / "blots", 5), draw_dataset(tmp_path / "later" / "val", 2)
    found = ask("fit", data, "--val", val, "--backbone", "test_resnet", "--epochs", 3)
    assert (found["train_count"], found["val_count"], found["backbone"]) == (15, 6, RESNET)


def test_resume_of_a_finished_run_gives_its_result_again(finished, ask):
    found = ask("resume", finished.id)
    assert found.keys() == FIT_KEYS and found["run_id"] == finished.id


@pytest.mark.full
def test_killing_fit_leaves_the_run_going_and_resume_attaches(tiny_workspace, tmp_path, ask):
    data = draw_dataset(tmp_path / "blots")
    client = start_python("-m", "transfer_core", "fit", str(data), "--backbone", RESNET, "--epochs", "30")
    try:
        run = wait_for(lambda: next(iter(runs.list_runs(tiny_workspace)), None))
    finally:
        client.kill()
        client.communicate()
    assert ask("resume", run.id)["epochs"] == 30


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.full
def test_ctrl_c_stops_and_keeps(tiny_workspace, tmp_path):
    data = draw_dataset(tmp_path / "blots")
    arguments = ("-m", "transfer_core", "fit", str(data), "--backbone", RESNET, "--epochs", "1000", "--json")
    client = start_python(*arguments)
    try:
        run = wait_for(lambda: next(iter(runs.list_runs(tiny_workspace)), None))
        wait_for(lambda: runs.read_state(run).epochs, every=0.005)
        client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=30)
    finally:
        client.kill()
        client.wait()
    assert client.returncode == 0 and "Traceback" not in err
    assert 1 <= json.loads(out.splitlines()[-1])["epochs"] <= 1000


def test_import_takes_the_labels_from_a_table(workspace, tmp_path, ask, refuse):
    photos = {f"{n}.jpg": draw_photo(tmp_path / f"{n}.jpg", (40 * n, 60, 200), n).read_bytes() for n in range(4)}
    table = b"name;label;file\na;oak;0.jpg\nb;oak;1.jpg\nc;elm;2.jpg\nd;elm;9.jpg\n"
    (tmp_path / "x.zip").write_bytes(make_zip(photos | {"labels.csv": table}).getvalue())
    found = ask("import", tmp_path / "x.zip", "--name", "Trees", "--labels", "labels.csv")
    assert found["classes"] == {"elm": 1, "oak": 2} and found["photos"] == 3
    assert {entry["file"] for entry in found["rejected"]} == {"3.jpg", "9.jpg"}
    assert "The table 'no.csv' does not exist" in refuse(
        "import", tmp_path / "x.zip", "--name", "Others", "--labels", "no.csv"
    )
    assert [project.name for project in workspace.projects()] == ["Trees"]


def test_an_old_encoding_is_said_or_must_be_chosen(workspace, tmp_path, ask, refuse, capsys):
    folder = tmp_path / "set"
    folder.mkdir()
    for n in range(3):
        draw_photo(folder / f"{n}.jpg", (40 * n, 60, 200), n)

    def table(labels: list[str], encoding: str):
        rows = "".join(f"{n}.jpg;{label}\r\n" for n, label in enumerate(labels))
        (tmp_path / f"{encoding}.csv").write_bytes(f"file;label\r\n{rows}".encode(encoding))
        return tmp_path / f"{encoding}.csv"

    labels, clear = ["Œillet d’Inde", "5 € – alt", "Šípek"], ["kočka", "žába", "pták"]
    unclear, sure = table(labels, "cp1252"), table(clear, "cp1250")
    told = refuse("import", folder, "--name", "Flowers", "--labels", unclear)
    assert "cp1252 (Western Europe, Windows): 'Œillet d’Inde'" in told and "--encoding NAME" in told
    assert refuse("import", folder, "--name", "Flowers", "--labels", unclear, "--encoding", "ansi1").startswith(
        "There is"
    )
    assert workspace.projects() == []
    found = ask("import", folder, "--name", "Flowers", "--labels", unclear, "--encoding", "cp1252")
    assert set(found["classes"]) == set(labels)
    assert main(["import", str(folder), "--name", "Animals", "--labels", str(sure)]) == 0
    out, err = capsys.readouterr()
    assert "It is read as cp1250 (Central Europe, Windows): 'kočka', 'žába', 'pták'." in err
    assert all(label in out for label in clear)


def test_fetch_takes_in_a_public_set(workspace, tmp_path, ask, refuse, monkeypatch):
    def unpack(folder):
        return [(draw_photo(folder / f"{n}.jpg", (40 * n, 60, 200), n), "ab"[n % 2]) for n in range(4)]

    row = PublicSet("shapes", "Shapes", "", 1, "", "", unpack)
    monkeypatch.setitem(public_datasets.SETS, "shapes", row)
    monkeypatch.setattr(public_datasets, "probe_url", lambda address, timeout_s: None)
    found = ask("fetch", "shapes", "--per-class", 1, "--name", "Shapes")
    assert (found["added"], found["classes"]) == (2, {"a": 1, "b": 1})
    monkeypatch.setattr(public_datasets, "probe_url", lambda address, timeout_s: TimeoutError())
    assert "which failed" in refuse("fetch", "dtd", "--per-class", 1, "--name", "Textures")
    assert "There is no public dataset 'moon'" in refuse("fetch", "moon", "--per-class", 1, "--name", "Moon")
    assert [project.name for project in workspace.projects()] == ["Shapes"]


def test_the_same_photos_by_another_table_are_another_project(workspace, tmp_path, monkeypatch):
    for n in range(4):
        draw_photo(tmp_path / "set" / f"{n % 2}" / f"{n}.jpg", (40 * n, 60, 200), n)
    table = tmp_path / "set" / "labels.csv"
    monkeypatch.chdir(table.parent)
    table.write_text("file,label\n" + "".join(f"{n}.jpg,{'oak' if n < 2 else 'elm'}\n" for n in range(4)))
    taken, reports = zip(
        *(
            ingest.take_in_path(workspace, tmp_path / "set", None, lambda *_: None, labels=labels)
            for labels in (None, str(table), "labels.csv")
        ),
        strict=True,
    )
    assert [len(report.rejected) for report in reports] == [1, 0, 0]  # the table is no photo that was left out
    assert taken[0].id != taken[1].id == taken[2].id
    assert count_classes(load_items(taken[1])) == {"elm": 2, "oak": 2}


def test_import_lists_everything(workspace, tmp_path, ask):
    files = {"a/1.png": encoded(picture(), "PNG"), "a/2.png": png(30_000, 30_000), "b/3.jpg": JPEG}
    files |= {"b/.DS_Store": b"x", "../../evil.jpg": JPEG, "b/cut.jpg": JPEG[:900]}
    (tmp_path / "x.zip").write_bytes(make_zip(files).getvalue())
    found = ask("import", tmp_path / "x.zip", "--name", "Things")
    assert found.keys() == {"project", "photos", "added", "rejected", "classes"}
    assert (found["photos"], found["added"], found["classes"]) == (2, 2, {"a": 1, "b": 1})
    assert all(entry.keys() == {"file", "reason"} for entry in found["rejected"])
    reasons = {entry["file"]: entry["reason"] for entry in found["rejected"]}
    assert len(reasons) == 4 and reasons["b/.DS_Store"] == "junk"
    again = ask("import", tmp_path / "x.zip", "--name", "Things")
    assert (again["project"], again["photos"], again["added"]) == (found["project"], 2, 0)


def test_evaluate(finished, tmp_path, ask):
    for seed, (name, colour) in enumerate(3 * list(COLOURS.items()), 900):
        draw_photo(tmp_path / "more" / name / f"{seed}.jpg", colour, seed)
    found = ask("evaluate", finished.id, tmp_path / "more")
    assert found.keys() == {"accuracy", "interval", "count", "units", "learned", "class_names", "confusion_matrix"}
    assert (found["units"], found["learned"]) == (9, 0) and found["interval"][0] <= found["accuracy"]
    assert found["count"] == 9 == sum(map(sum, found["confusion_matrix"]))
    hits = sum(row[i] for i, row in enumerate(found["confusion_matrix"]))
    assert found["accuracy"] == hits / 9


def test_predict_and_its_table(finished, tmp_path, ask):
    photos = [draw_photo(tmp_path / name, (200, 40, 40), n) for n, name in enumerate(("a.jpg", "=b.jpg"))]
    found = ask("predict", finished.folder, *photos, "--csv", tmp_path / "new" / "out.csv")
    assert found.keys() == {"predictions", "rejected"} and found["rejected"] == []
    for entry, photo in zip(found["predictions"], photos, strict=True):
        assert entry.keys() == {"photo", "class_name", "confidence", "confidences"}
        assert entry["photo"] == str(photo)
        assert entry["confidence"] == max(entry["confidences"].values()) == entry["confidences"][entry["class_name"]]
        assert sum(entry["confidences"].values()) == pytest.approx(1, abs=1e-5)
    lines = (tmp_path / "new" / "out.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "photo,class_name,confidence,blue,green,red" and len(lines) == 3


def test_export(finished, tmp_path, ask):
    found = ask("export", finished.id, "--out", tmp_path / "new" / "model.zip")
    assert found.keys() == {"file", "changed_labels", "max_difference", "checked", "seconds"}
    assert found["seconds"].keys() == {"export"} and found["seconds"]["export"] > 0
    assert (found["changed_labels"], found["checked"]) == (0, 6)
    with zipfile.ZipFile(found["file"]) as archive:
        assert "model.onnx" in archive.namelist()


def test_lists(finished, ask):
    (run,) = ask("runs")["runs"]
    assert run.keys() == {"run_id", "project", "kind", "status", "backbone", "strategy", "val_accuracy"}
    assert (run["status"], run["kind"], run["run_id"]) == ("finished", "train", finished.id)
    rows = ask("backbones")["backbones"]
    assert all(row.keys() == {"name", "parameters", "input_size", "licence", "state"} for row in rows)
    states = {row["name"]: row["state"] for row in rows}
    assert (states["tf_efficientnet_lite0"], states["vgg16.tv_in1k"], states[RESNET]) == (
        "bundled",
        "download",
        "local",
    )
    rows = ask("strategies")["strategies"]
    assert all(row.keys() == {"name", "title", "summary"} for row in rows)
    assert {"feature_extraction", "full"} <= {row["name"] for row in rows}


@pytest.mark.parametrize("command", ["runs", "backbones", "strategies"])
def test_people_get_text(finished, capsys, command):
    assert main([command]) == 0
    out, err = capsys.readouterr()
    assert out.strip() and not out.startswith("{") and not err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "{data}", "--backbone", "resnet9000"], "no backbone called 'resnet9000'. Did you mean"),
        (["fit", "{data}", "--strategy", "magic"], "no strategy called 'magic'"),
        (["fit", "{data}", "--epochs", "0"], "Epochs must be a whole number from 1 to 1000, got 0"),
        (["fit", "{data}", "--val-fraction", "2"], "must be a number from 0.05 to 0.5, got 2.0"),
        (["fit", "{data}", "--val-fraction", "nan"], "got nan"),
        (["fit", "{data}", "--seed", "-1"], "Seed must be"),
        (["fit", "{tmp}/nowhere"], "does not exist. Name a folder"),
        (["fit", "{data}", "--val", "{tmp}/nowhere"], "does not exist. Name a folder"),
        (["fit", "{tmp}/empty.zip"], "is empty"),
        (["fit", "{tmp}/broken.zip"], "is not a zip that can be opened"),
        (["import", __file__, "--name", "One"], "neither a folder nor a zip. Name a folder"),
        (["fit", "{tmp}/text.zip"], "None of the 2 files can be used as a photo"),
        (["fit", "{tmp}/one-class"], "There is only one class, 'blue'"),
        (["fit", "{tmp}/one-photo"], "Class 'red' has 1 photo. It needs at least 2"),
        (["fit", "{data}", "--name", " "], "A project needs a name"),
        (["fit", "{tmp}/one-each"], "Class 'blue' has 1 photo. It needs at least 2"),
        (["fit", "{tmp}/one-each"], "Class 'red' has 1 photo. It needs at least 2"),
        (["resume", "20261121-000000-abcdef"], "There is no run '20261121-000000-abcdef' here"),
        (["resume", "../x"], "'../x' is not an id"),
        (["predict", "nothing", "{photo}"], "There is no run 'nothing' here"),
        (["predict", "x" * 3000, "{photo}"], "is not an id"),
        (["evaluate", "..", "{data}"], "'..' is not an id"),
        (["export", "nothing", "--out", "{tmp}/x.zip"], "There is no run 'nothing' here"),
        (["import", "{data}", "--name", "x", "--home", "{photo}/x"], "cannot be used: Not a directory"),
    ],
)
def test_mistakes_get_one_clear_line(tiny_workspace, tmp_path, refuse, arguments, said):
    data = draw_dataset(tmp_path / "blots", 2)
    (tmp_path / "empty.zip").write_bytes(make_zip({}).getvalue())
    (tmp_path / "broken.zip").write_bytes(make_zip({"a/1.jpg": JPEG}).getvalue()[:-30])
    (tmp_path / "text.zip").write_bytes(make_zip({"a/1.txt": b"x", "b/2.txt": b"y"}).getvalue())
    draw_dataset(tmp_path / "one-class", 3, ("blue",))
    draw_dataset(tmp_path / "one-photo", 3, ("blue", "green"))
    draw_photo(tmp_path / "one-photo" / "red" / "1.jpg", (200, 0, 0), 1)
    draw_dataset(tmp_path / "one-each", 1)
    places = {"data": data, "tmp": tmp_path, "photo": data / "blue" / "blue0.jpg"}
    assert said in refuse(*(argument.format(**places) for argument in arguments))
    assert runs.list_runs(tiny_workspace) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "{run}", "{photo}", "--csv", "{tmp}"], "cannot be used: Is a directory"),
        (["predict", "{run}", "{photo}", "--csv", "{photo}"], "cannot be the table as well. Name another file."),
        (["predict", "{run}", "{photo}", "--sort-into", "{tmp}/text.jpg"], "cannot be used: File exists"),
        (["export", "{run}", "--out", "{tmp}"], "is a folder. Name the zip to write"),
        (["export", "{run}", "--out", "{tmp}/text.jpg/x.zip"], "cannot be used"),
        (["evaluate", "{run}", "{tmp}/others"], "does not know these classes: ants"),
        (["evaluate", "{run}", "{tmp}/nowhere"], "does not exist"),
    ],
)
def test_mistakes_with_a_finished_run_get_one_clear_line(finished, tmp_path, refuse, arguments, said):
    (tmp_path / "text.jpg").write_text("text")
    draw_photo(tmp_path / "others" / "ants" / "1.jpg", (0, 0, 0), 1)
    places = {"run": finished.id, "tmp": tmp_path, "photo": next(finished.photos_dir.iterdir())}
    assert said in refuse(*(argument.format(**places) for argument in arguments))


def test_offline_a_download_is_refused_at_once_and_nothing_starts(tiny_workspace, tmp_path, refuse):
    data, began = draw_dataset(tmp_path / "blots", 2), time.monotonic()
    said = refuse("fit", data, "--backbone", "resnet50")
    assert "ResNet-50 needs a download of 103 MB, and the model hub cannot be reached" in said
    assert time.monotonic() - began < 10
    assert runs.list_runs(tiny_workspace) == []
    assert not (tiny_workspace.home / "runner.json").exists()
    assert not (tiny_workspace.weights_dir / "resnet50.a1_in1k" / "model.safetensors").exists()


def test_a_run_that_has_not_finished_has_no_model(queue_run, refuse, tmp_path):
    run = queue_run()
    runs.request_stop(run)
    assert "no model to export" in refuse("export", run.id, "--out", tmp_path / "x.zip")
    assert "has no model yet" in refuse("predict", run.id, next(run.photos_dir.iterdir()))


@pytest.mark.full
def test_hostile_names_come_out_on_any_terminal(workspace, tmp_path):
    """Names with emoji and with bytes that are no UTF-8, on a terminal that knows neither."""
    for number, name in enumerate((b"\xf0\x9f\xa6\x8b", b"caf\xe9", b"two\nlines")):
        folder = os.fsencode(tmp_path / "data") + b"/" + name
        os.makedirs(folder)
        with open(folder + b"/\xff.png", "wb") as file:
            file.write(encoded(picture(size=(20 + number, 20)), "PNG"))
        with open(folder + b"/bad\xff.png", "wb") as file:
            file.write(b"text")
    command = [sys.executable, "-m", "transfer_core", "import", str(tmp_path / "data"), "--name", "🦋"]
    command += ["--encoding", "cp1252"]  # one name alone does not say it, and would be asked about
    for extra in (["--json"], []):
        answer = subprocess.run(
            [*command, *extra],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
            env=os.environ | {"PYTHONIOENCODING": "ascii"},
        )
        assert answer.returncode == 0, answer.stderr
        if extra:
            found = json.loads(answer.stdout.splitlines()[-1])
            assert set(found["classes"]) == {"🦋", "café", "two lines"} and len(found["rejected"]) == 3


def test_fit_uses_what_is_in_the_data_now(tiny_workspace, tmp_path, ask):
    """A photo that was moved to another class folder is not learned from in both."""
    data = draw_dataset(tmp_path / "blots", 6)
    before = ask("fit", data, "--backbone", RESNET, "--epochs", 2)
    sorted((data / "red").iterdir())[0].rename(data / "green" / "moved.png")
    after = ask("fit", data, "--backbone", RESNET, "--epochs", 2)
    assert after["train_count"] + after["val_count"] == before["train_count"] + before["val_count"] == 18
    assert runs.open_run(tiny_workspace, after["run_id"]).project_id in before["run_dir"]


def test_evaluate_says_when_photos_were_learned_from(finished, tmp_path, capsys):
    learned, aside = runs.load_split(finished).train[0], runs.load_split(finished).val[0]
    for item in (learned, aside):
        (tmp_path / "more" / item.class_name).mkdir(parents=True, exist_ok=True)
        shutil.copy(finished.photos_dir / item.file, tmp_path / "more" / item.class_name)
    assert main(["evaluate", finished.id, str(tmp_path / "more")]) == 0
    assert "1 of these photos were training photos" in capsys.readouterr().err


def test_an_export_that_failed_is_tried_again(finished, tmp_path, ask):
    EventLog(finished.events_path).append(events.StepFailed(name="export", message="The disk was full."))
    assert ask("export", finished.id, "--out", tmp_path / "model.zip")["checked"] == 6


# --- labels ----------------------------------------------------------------------------------------------------------


def test_labels_are_listed_changed_and_changed_back(ask, project):
    found = ask("label", "Blots", "--class", "red", "--match", "red1.")
    assert [(row["class_name"], row["part"]) for row in found["photos"]] == [("red", None)]
    assert found["classes"] == {"blue": 8, "green": 8, "red": 8} and found["action"] is None
    found = ask("label", project.id, "--class", "red", "--to", "blue")
    assert found["classes"] == {"blue": 16, "green": 8} and found["change"] == "8 photos moved to 'blue'"
    undone = ask("label", "Blots", "--undo")
    assert undone["classes"] == {"blue": 8, "green": 8, "red": 8} and undone["undone"]
    assert ask("label", "Blots", "--redo", found["action"])["classes"] == {"blue": 16, "green": 8}
    assert ask("label", "Blots", "--rename", "green", "leaf")["classes"] == {"blue": 16, "leaf": 8}
    assert ask("label", "Blots", "--new-class", "empty")["classes"] == {"blue": 16, "empty": 0, "leaf": 8}
    assert ask("label", "Blots", "--all", "--to-part", "val", "--match", "blue/")["action"]
    assert len(ask("label", "Blots", "--part", "val")["photos"]) == 8
    assert ask("label", "Blots", "--class", "leaf", "--remove")["removed"] == 8
    assert len(ask("label", "Blots", "--removed")["photos"]) == 8
    assert ask("label", "Blots", "--all", "--bring-back")["removed"] == 0
    assert ask("label", "Blots", "--match", "red1", "--remove")["removed"] == 1
    deleted = ask("label", "Blots", "--all", "--delete-for-good")
    assert (deleted["change"], deleted["action"], deleted["removed"]) == ("1 photo deleted for good", None, 0)
    assert len(list(project.photos_dir.iterdir())) == 23


def test_what_was_taken_back_last_is_made_again_first(ask, project):
    first = ask("label", "Blots", "--class", "red", "--to", "blue")["action"]
    second = ask("label", "Blots", "--class", "blue", "--to", "green")["action"]
    for option, action in [("--undo", second), ("--undo", first), ("--redo", first), ("--redo", second)]:
        assert ask("label", "Blots", option)["action"] == action


def test_photos_without_a_class_come_in_and_are_sorted(dataset, tmp_path, ask, refuse, capsys):
    for n in range(2):
        draw_photo(dataset / f"loose{n}.jpg", (40 * n, 60, 200), 900 + n)
    rejected = ask("import", dataset, "--name", "Rejected")
    assert len(rejected["rejected"]) == 2 and "unlabelled" not in rejected
    found = ask("import", dataset, "--name", "Trees", "--unlabelled")
    assert (found["photos"], found["rejected"], found["unlabelled"]) == (26, [], 2)
    assert found["classes"] == {"blue": 8, "green": 8, "red": 8}
    listed = ask("label", "Trees", "--no-class")
    assert [row["class_name"] for row in listed["photos"]] == [None, None] and listed["unlabelled"] == 2
    assert main(["label", "Trees", "--no-class"]) == 0
    out = capsys.readouterr().out
    assert " -                    -      loose0.jpg" in out and "2 without a class" in out
    assert ask("label", "Trees", "--no-class", "--match", "loose0", "--to", "red")["unlabelled"] == 1
    assert ask("label", "Trees", "--class", "green", "--to-no-class")["classes"] == {"blue": 8, "red": 9}
    assert ask("label", "Trees", "--undo")["unlabelled"] == 1
    assert "not allowed with argument" in refuse_usage(capsys, "label", "Trees", "--no-class", "--class", "red")
    (dataset / "loose1.jpg").rename(dataset / "blue" / "loose1.jpg")
    again = ask("import", dataset, "--name", "Trees")
    assert (again["named"], again["classes"]["blue"], "unlabelled" in again) == (1, 9, False)


def refuse_usage(capsys, *arguments) -> str:
    """What is said of options that do not go together."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_labels_are_shown_to_a_person(workspace, project, capsys):
    assert main(["label", "Blots", "--class", "red", "--remove"]) == main(["label", "Blots", "--undo"]) == 0
    assert main(["label", "Blots", "--match", "red1."]) == 0
    out = capsys.readouterr().out
    assert "8 photos removed (change " in out and "undone: 8 photos removed" in out and "red/red1.jpg" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "blue"], "Choose photos with --class, --no-class, --part or --match, or use --all for every photo."),
        (["--class", "pink", "--remove"], "No photos match these filters."),
        (["--rename", "pink", "rose"], "There is no class 'pink'. There are: 'blue', 'green', 'red'."),
        (["--class", "red", "--to", " "], "A class needs a name."),
        (["--undo"], "There is nothing to undo."),
        (["--undo", "nonsense"], "There is no change 'nonsense' in this project."),
        (["--redo"], "There is nothing to redo."),
    ],
)
def test_labels_stay_where_a_change_cannot_be_made(refuse, project, options, said):
    before = project.labels_path.read_bytes()
    assert said in refuse("label", "Blots", *options)
    assert project.labels_path.read_bytes() == before


def test_labels_of_no_project_and_of_two_of_one_name(refuse, workspace):
    assert "There is no project 'Nowhere' here." in refuse("label", "Nowhere")
    twins = [workspace.create_project("Twins") for _ in range(2)]
    said = refuse("label", "Twins")
    assert "2 projects are called 'Twins'" in said and all(project.id in said for project in twins)


def test_classes_that_differ_in_capitals_are_named_in_a_line(workspace, tmp_path, capsys):
    data = draw_dataset(tmp_path / "blots", 1, ("Red", "red", "blue"))
    assert main(["import", str(data), "--name", "Blots", "--json"]) == 0
    assert capsys.readouterr().err == "classes that differ only in capitals: Red, red\n"
