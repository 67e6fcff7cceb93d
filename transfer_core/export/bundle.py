"""The zip that a person exports: the model, its class names, a model card, and a script that predicts.

Beside the script lies a copy of the very file that the app reads photos with.
"""

import io
import json
import zipfile
from pathlib import Path

from transfer_core.data.images import read_photo
from transfer_core.export import model_card
from transfer_core.runs import Run, load_split
from transfer_core.runs.state import RunState
from transfer_core.support.files import write_whole

_SCRIPTS = {"predict.py": Path(__file__).with_name("predict_script.py"), "read_photo.py": Path(read_photo.__file__)}


def write_bundle(run: Run, history: RunState, out: Path) -> None:
    """Writes the zip; the model inside is the very file that was checked."""
    split, project = load_split(run), run.workspace.open_project(run.folder.parents[1].name)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(run.model_path, "model.onnx")
        archive.writestr("class_names.json", _class_names_json(split.class_names))
        archive.writestr("README.md", model_card.write_card(run, history, split, {"name": project.name}))
        for name, source in _SCRIPTS.items():
            archive.writestr(name, source.read_bytes())
    write_whole(out, content.getvalue())


def ensure_bundle(run: Run, history: RunState) -> Path:
    """The run's zip, written once per export, name of the project and version of the scripts and of the card."""
    path = run.model_dir / "bundle.zip"
    sources = (run.model_path, _project_path(run), Path(model_card.__file__), *_SCRIPTS.values())
    newest = max(source.stat().st_mtime for source in sources if source.exists())  # `project.json` may be lost
    if not path.is_file() or path.stat().st_mtime < newest:
        write_bundle(run, history, path)
    return path


def _project_path(run: Run) -> Path:
    return run.folder.parents[1] / "project.json"


def _class_names_json(names: tuple[str, ...]) -> str:
    return json.dumps(list(names), ensure_ascii=False, indent=1) + "\n"
