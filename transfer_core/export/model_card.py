"""The model card: what the model is, how good it is, how it was trained, where it will fail. Plain Markdown."""

import time

from transfer_core import strategies
from transfer_core.backbones import catalog
from transfer_core.data.labels.dataset import count_classes
from transfer_core.data.splits.split import Split
from transfer_core.evaluation.recount import recount
from transfer_core.evaluation.test_set import count_looks, load_opening
from transfer_core.metrics.classification import class_scores
from transfer_core.runs import Run
from transfer_core.runs.state import RunState
from transfer_core.support.text import markdown
from transfer_core.support.wording import result_sentence, reuse_warning


def write_card(run: Run, history: RunState, split: Split, project: dict) -> str:
    """Markdown text of the card of a finished or stopped run with a checked export."""
    assert history.result is not None, "without one there is no export, either"
    result, check = recount(run, history.result), history.steps["export"].result
    strategy = strategies.find(run.config.strategy)
    backbone = catalog.BUILT_IN.get(run.config.backbone)
    lines = [
        f"# {markdown(project['name'])}",
        "",
        f"An image classifier for {len(split.class_names)} classes, made with Graft on "
        f"{time.strftime('%Y-%m-%d', time.gmtime(run.created))} (UTC).",
        "",
        "## How good it is",
        _accuracy(result),
        f"The file `model.onnx` was compared with the trained model on {check['checked']} of these photos: "
        f"{check['changed_labels']} answers differ, and the confidences by at most {check['max_difference']:.1e}.",
        *_tested(run, history),
        "",
        *_class_table(split, result),
        "",
        "## How to use it",
        *_how_to_use(),
        "",
        "## How it was trained",
        f"- Backbone: {backbone.title if backbone else run.config.backbone} (`{run.config.backbone}`), weights under "
        f"{backbone.licence if backbone else 'the licence they came with'}.",
        f"- Strategy: {strategy.title.lower()} (`{strategy.name}`), {_how(history)}, seed {run.config.seed}.",
        f"- {result['train_count']} training photos.",
        "",
        "## Where it will fail",
        "The model only knows its own classes: shown anything else, it still names one of them. On photos "
        "from another place, camera or season than the training photos, it may do worse than the accuracy "
        "above. Where a mistake can hurt somebody, it does not replace an expert.",
        "",
        "## Licence",
        "`predict.py` and `read_photo` are part of Graft and licensed under the Apache License 2.0 "
        "(https://www.apache.org/licenses/LICENSE-2.0). The licence of the backbone's weights stands above.",
        "",
    ]
    return "\n".join(lines)


def _accuracy(result: dict) -> str:
    """The result, and the name of its range where it has one."""
    sentence = result_sentence(result)
    if result.get("val_learned"):
        return sentence
    depends = result["val_units"] < result["val_count"]
    name = "95% Wilson interval, on as many photos as these are worth" if depends else "95% Wilson interval"
    return sentence.replace("on new photos like these.", f"on new photos like these ({name}).")


def _how_to_use() -> list[str]:
    return [
        "With Python 3.9 or newer: `pip install onnxruntime pillow` (for HEIC photos also `pi-heif`), then "
        "`python predict.py PHOTO_OR_FOLDER ...`. Every photo gets a line: its name, the class, and how sure the model "
        "is (0 to 1), with tabs between. What cannot be read is named on stderr, and the other photos are answered; "
        "the exit code is 0 if at least one was. Nothing is sent anywhere.",
        "",
        "From other programs: the input of `model.onnx` is `photo`, uint8 (1, height, width, 3), upright RGB in its "
        "full size; resizing and scaling happen inside. The output is `confidences`, float32 (1, classes), in the "
        "order of `class_names.json`. In Python, `load_rgb` of `read_photo` reads a photo just as Graft does; "
        "without it, prepare photos as it does: turn them upright (EXIF), lay transparent ones on white, and scale "
        "grey of more than 8 bits.",
    ]


def _how(history: RunState) -> str:
    if history.keeps_solved:
        return "solved in one step (shrunken linear discriminant analysis)"
    return f"{history.result['epochs']} epochs" if history.result else ""


def _tested(run: Run, history: RunState) -> list[str]:
    """The result of the final test, if there was one."""
    if not history.has_finished("test_set"):
        return []
    found = load_opening(run)
    when = time.strftime("%Y-%m-%d", time.gmtime(found.opened))
    looks = count_looks(run)
    others = f" {reuse_warning(looks)}" if looks else ""
    return ["", f"Final test on {when} (UTC): {found.in_words()}{others}"]


def _class_table(split: Split, result: dict) -> list[str]:
    scores = class_scores(result["confusion_matrix"])
    learned = count_classes(split.train)
    rows = [
        "| Class | Training photos | Validation photos | Recall (found) | Precision (correct when named) |",
        "|--|--|--|--|--|",
    ]
    for class_id, name in enumerate(split.class_names):
        recall, precision = (_percent(values[class_id]) for values in (scores.recall, scores.precision))
        rows.append(f"| {markdown(name)} | {learned[name]} | {scores.count[class_id]} | {recall} | {precision} |")
    return rows


def _percent(share: float) -> str:
    return f"{share:.0%}" if share == share else "-"
