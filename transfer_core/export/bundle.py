"""The zip a person takes along: the model, its class names, a model card, and a script that predicts."""

import io
import json
import zipfile
from pathlib import Path

from transfer_core.export.model_card import write_card
from transfer_core.runs import Run, load_split
from transfer_core.runs.state import RunState
from transfer_core.support.files import read_json, write_whole

_SCRIPT = Path(__file__).with_name("predict_script.py")


def write_bundle(run: Run, history: RunState, out: Path) -> None:
    """Writes the zip; the model inside is the very file that was checked."""
    split = load_split(run)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(run.model_path, "model.onnx")
        archive.writestr("class_names.json", _class_names_json(split.class_names))
        archive.writestr("README.md", write_card(run, history, split, read_json(_project_path(run))))
        archive.writestr("predict.py", _SCRIPT.read_text("utf-8"))
    write_whole(out, content.getvalue())


def ensure_bundle(run: Run, history: RunState) -> Path:
    """The run's zip, written once per export and name of the project."""
    path = run.model_dir / "take-along.zip"
    newest = max(run.model_path.stat().st_mtime, _project_path(run).stat().st_mtime)
    if not path.is_file() or path.stat().st_mtime < newest:
        write_bundle(run, history, path)
    return path


def _project_path(run: Run) -> Path:
    return run.folder.parents[1] / "project.json"


def _class_names_json(names: tuple[str, ...]) -> str:
    return json.dumps(list(names), ensure_ascii=False, indent=1) + "\n"
