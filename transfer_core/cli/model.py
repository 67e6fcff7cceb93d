"""The commands `evaluate`, `predict` and `export`: what is done with a trained model."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from transfer_core.cli.terminal import bar, open_run, say, watch
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


def add_predict_options(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help="a photo, a folder of them at any depth, or a zip"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the answers to a CSV table")
    parser.add_argument(
        "--sort-into", type=Path, metavar="DIR", help="also copy each photo into a folder of its class in DIR"
    )
    parser.set_defaults(exit_code=lambda answer: 0 if answer["predictions"] else 2)


def predict(workspace: Workspace, options: Namespace) -> dict:
    run = open_run(workspace, options.run)
    with _table(options) as write:
        found = inference.predict_files(run, options.photos, bar("Classifying photos"), options.sort_into)
        if found.answers:
            write(inference.predictions_csv(found.answers))
    if found.problem:
        say(text.plain(found.problem))
    else:
        for entry in found.rejected:
            if entry.reason != "junk":
                say(f"left out: {text.plain(entry.file)}: {text.plain(entry.reason)}")
    return found.to_json()


def show_predict(answer: dict) -> None:
    for entry in answer["predictions"]:
        print(f"{text.plain(entry['photo'])}: {text.plain(entry['class_name'])} ({entry['confidence']:.1%})")
    if answer["predictions"] and "sorted" in answer:
        copies = answer["sorted"]
        here = f" ({copies['here_already']:,} were there already)" if copies["here_already"] else ""
        print(f"{wording.pluralize(copies['copied'], 'photo')} copied into class folders in {copies['folder']}{here}.")
        for class_name, folder in copies["folders"].items():
            if folder != class_name:
                print(f"The folder of the class '{text.plain(class_name)}' is '{folder}'.")


@contextmanager
def _table(options: Namespace) -> Iterator[Callable[[bytes], object]]:
    """A function that writes the table, which is tried before any photo is: what was asked for must not be lost."""
    path = options.csv
    if path is None:
        yield lambda content: None
        return
    if any(path.exists() and photo.exists() and path.samefile(photo) for photo in options.photos):
        raise RunError(f"'{path}' is to be classified, so it cannot be the table as well. Name another file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    path.open("ab").close()
    try:
        yield path.write_bytes
    finally:
        if is_new and not path.stat().st_size:
            path.unlink()


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
