"""The commands `evaluate`, `predict` and `export`: what is done with a trained model."""

from argparse import Namespace

from transfer_core.cli.terminal import open_run, say, watch
from transfer_core.errors import RunError
from transfer_core.services import evaluation, inference
from transfer_core.services.export import export as export_model
from transfer_core.support import text, wording
from transfer_core.workspace import Workspace


def evaluate(workspace: Workspace, options: Namespace) -> dict:
    run = open_run(workspace, options.run)
    if options.test == bool(options.data):
        raise RunError(
            "Name the folder of photos to test the model on, or use --test for the run's own test photos. "
            "Choose one of the two."
        )
    found = evaluation.evaluate_test_set(run, watch()) if options.test else evaluation.evaluate(run, options.data)
    _mention(found)
    return found.to_json()


def show_evaluate(answer: dict) -> None:
    hits = sum(row[place] for place, row in enumerate(answer["confusion_matrix"]))
    right = f"{wording.right_of(hits, answer['count'], answer.get('copies', 0), 'photo')}: {answer['accuracy']:.1%}"
    if answer["interval"] is None:
        print(f"{right}. But {wording.too_good(answer['learned'])}")
    else:
        low, high = answer["interval"]
        note = wording.dependence_note(answer["count"], answer["units"])
        print(f"{right}, probably between {low:.0%} and {high:.0%} on new photos like these.{note}")


def predict(workspace: Workspace, options: Namespace) -> dict:
    run = open_run(workspace, options.run)
    answers = list(zip(map(str, options.photos), inference.predict(run, options.photos), strict=True))
    if options.csv:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        options.csv.write_bytes(inference.predictions_csv(answers))
    return {"predictions": [{"photo": photo, **answer.to_json()} for photo, answer in answers]}


def show_predict(answer: dict) -> None:
    for entry in answer["predictions"]:
        print(f"{entry['photo']}: {entry['class_name']} ({entry['confidence']:.1%})")


def export(workspace: Workspace, options: Namespace) -> dict:
    return export_model(open_run(workspace, options.run), options.out, watch()).to_json()


def show_export(answer: dict) -> None:
    same = answer["checked"] - answer["changed_labels"]
    print(f"{answer['file']}: same answers as in Graft on {same} of {answer['checked']} validation photos.")


def _mention(found: evaluation.Evaluation) -> None:
    """What a person should know of the figure, on stderr."""
    for entry in found.left_out:
        say(f"left out: {text.plain(entry.file)}: {entry.reason}")
    if found.opened is not None:
        say(f"Opened {wording.format_time(found.opened)}.")
    if found.unknown:
        say(f"{found.unknown} photos left out, of classes that the model does not know.")
    if found.learned:
        say(
            f"{found.learned} of these photos were training photos, so the accuracy is too high and has no range. "
            "Leave them out."
        )
    if found.looks:
        say(wording.reuse_warning(found.looks))
