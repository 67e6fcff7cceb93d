"""The zip that a person exports: the model, its class names, a model card, and a script that predicts.

Beside the script lies a copy of the very package that the app reads photos with, and how it read those of the run.
"""

import io
import json
import zipfile
from pathlib import Path

from transfer_core.data.images import read_photo
from transfer_core.data.images.rendering import Rendering
from transfer_core.export import model_card
from transfer_core.inference.model_file import read_model
from transfer_core.runs import Run, load_split
from transfer_core.runs.state import RunState

_SCRIPTS = {"predict.py": Path(__file__).with_name("predict_script.py")}
_SCRIPTS |= {f"read_photo/{path.name}": path for path in sorted(Path(read_photo.__file__).parent.glob("*.py"))}


def build_bundle(run: Run, history: RunState) -> bytes:
    """The zip; the model inside is, byte for byte, the one that was checked.

    It is stored as it is: weights hardly shrink, and to try takes many times as long as all the rest.

    Raises:
        RunError: The model is damaged.
    """
    split, project = load_split(run), run.workspace.open_project(run.folder.parents[1].name)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        model = read_model(run, history.steps["export"].result.get("sha256"))
        archive.writestr("model.onnx", model, zipfile.ZIP_STORED)
        archive.writestr("class_names.json", _class_names_json(split.class_names))
        archive.writestr("README.md", model_card.write_card(run, history, split, {"name": project.name}))
        if (rendering := run.rendering) != Rendering():
            archive.writestr("rendering.json", json.dumps(rendering.to_json(), indent=1) + "\n")
        for name, source in _SCRIPTS.items():
            archive.writestr(name, source.read_bytes())
    return content.getvalue()


def _project_path(run: Run) -> Path:
    return run.folder.parents[1] / "project.json"


def _class_names_json(names: tuple[str, ...]) -> str:
    return json.dumps(list(names), ensure_ascii=False, indent=1) + "\n"
