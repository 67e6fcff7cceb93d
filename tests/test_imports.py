"""The rules of the house, read from the source itself: who may import whom, and what must stay out."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.helpers import ROOT

# Top to bottom: each room may import only from rooms above it. A row may hold several rooms that do not know
# each other, or one package. What is not listed is a mistake: a new module belongs somewhere.
ORDER = [
    ["errors"],
    ["support"],
    ["metrics"],
    ["config", "workspace"],
    ["data.split_names", "data.sample_set", "data.checks", "data.images.read_photo", "data.images.rendering"],
    ["data.images.decode", "data.images.cache", "data.labels.replay"],
    ["data.ingest.file_names"],
    ["data.ingest.part_folders"],
    [
        *("data.ingest.sources", "data.ingest.folder_layout", "data.ingest.file_kinds"),
        *("data.ingest.tar_archive", "data.ingest.teachable_machine"),
    ],
    ["data.labels.dataset"],
    ["data.splits.groups", "data.splits.group_suggestion"],
    ["data.images.thumbnails", "data.images.shades", "data.labels.edits", "data.splits", "data.public_datasets"],
    ["data.labels.disputes"],
    ["data.ingest"],
    ["backbones.licences"],
    ["backbones.catalog", "backbones.weights", "backbones.feature_store", "backbones.torch_checkpoint"],
    ["backbones.preprocess"],
    ["backbones.pack"],
    ["backbones.torch_backbone", "backbones.torch_export", "backbones.lite0_graph"],
    ["backbones.adopt"],
    ["backbones.onnx_backbone"],
    ["backbones.features"],
    ["strategies"],
    ["runs"],
    ["training"],
    ["inference"],
    ["evaluation"],
    ["doctor"],
    ["charts"],
    ["export"],
    ["advice"],
    ["deletion"],
    ["storage"],
    ["jobs"],
    ["services"],
    ["api"],
    ["bench"],
    ["http"],
    ["cli"],
    ["__main__"],
]
HEAVY = {"torch", "timm", "torchvision", "sklearn"}
# The only rooms that may import torch when they are imported.
WITH_TORCH = {
    "backbones.adopt",
    "backbones.torch_backbone",
    "backbones.torch_export",
    "training.augment",
    "training.augmentation_preview",
    "training.finetune",
    "training.lr_finder",
}
# The door: what pages and command line may import. Whatever they ask for, services answer; the rest is wording,
# drawing, settings, and the passive types that answers are made of.
DOOR = {
    "support.logs",
    "support.pipes",
    "charts",
    "config",
    "data.split_names",  # words
    "errors",
    "http",  # what pages hand to the web server
    "runs.events",
    "runs.state",
    "services",
    "support.safe_regex",
    "support.text",
    "support.wording",
    "workspace",
}
CORE = ROOT / "transfer_core"


def name_of(path: Path) -> str:
    """ "data.images" for transfer_core/data/images/decode.py, "data" for its __init__."""
    parts = path.relative_to(CORE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(CORE.rglob("*.py")) if name_of(path)}
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]


@cache  # every rule asks for every file, and each file is read from many
def imports_of(path: Path, *, at_import: bool) -> set[str]:
    """Dotted names that a file imports; `at_import` leaves out those inside functions and under TYPE_CHECKING."""
    found: set[str] = set()

    def walk(node: ast.AST) -> None:
        if at_import and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return
        if at_import and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            # What travels with every exported model lies elsewhere there.
            assert node.level == 0 or path.parent.name == "read_photo", f"{path}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(path.read_text("utf-8")))
    return found


def own_imports(path: Path, *, at_import: bool) -> set[str]:
    """Names of our own modules that a file imports."""
    names = set()
    for dotted in imports_of(path, at_import=at_import):
        if dotted.startswith("transfer_core."):
            parts = dotted.removeprefix("transfer_core.").split(".")
            while parts and ".".join(parts) not in MODULES:
                parts.pop()
            names.add(".".join(parts))
    return names - {""}


def tops(path: Path, *, at_import: bool) -> set[str]:
    return {dotted.split(".")[0] for dotted in imports_of(path, at_import=at_import)}


def rooms_of(module: str) -> list[str]:
    """The names by which a module may be listed, the narrowest first: "a.b.c", "a.b", "a"."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def place(module: str) -> int:
    """Row of a module in ORDER; its own, or that of the nearest package around it."""
    for room in rooms_of(module):
        for row, rooms in enumerate(ORDER):
            if room in rooms:
                return row
    raise AssertionError(f"{module} has no place in ORDER")


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_only_from_rooms_above(module):
    package = module.split(".")[0]
    below = [
        other
        for other in own_imports(MODULES[module], at_import=False)
        # In one row, files of one package may know each other.
        if place(other) > place(module) or (place(other) == place(module) and other.split(".")[0] != package)
    ]
    assert not below, f"{module} imports from below: {below}"


@pytest.mark.parametrize("module", MODULES)
def test_the_core_runs_without_the_app(module):
    assert "streamlit" not in tops(MODULES[module], at_import=False)
    assert not {"app", "pages"} & tops(MODULES[module], at_import=False)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_import_nothing_heavy(path):
    """Nor what imports it: neither directly nor through the core."""
    assert not HEAVY & tops(path, at_import=False)
    for module in own_imports(path, at_import=False):
        assert not reaches_heavy(module), f"{path.name} -> {module} -> torch"


FACES = [*PAGES, *(path for module, path in MODULES.items() if module.split(".")[0] in ("cli", "http", "__main__"))]


@pytest.mark.parametrize("path", FACES, ids=lambda path: path.name)
def test_pages_and_command_line_come_in_by_the_door(path):
    asked = own_imports(path, at_import=False)
    if path.is_relative_to(CORE):
        asked = {module for module in asked if module.split(".")[0] not in ("cli", "bench")}  # bench is a command alone
    assert not [module for module in asked if not DOOR & set(rooms_of(module))]


def test_the_door_is_no_wider_than_it_must_be():
    asked = {module for path in FACES for module in own_imports(path, at_import=False)}
    assert not [room for room in DOOR if not any(room in rooms_of(module) for module in asked)]


def test_services_print_nothing_and_know_no_command_line():
    for module, path in MODULES.items():
        if "services" in rooms_of(module):
            assert "argparse" not in tops(path, at_import=False)
            calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
            assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], module


def reaches_heavy(module: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether importing a module imports something heavy."""
    if module in seen:
        return False
    path = MODULES[module]
    return bool(HEAVY & tops(path, at_import=True)) or any(
        reaches_heavy(other, seen | {module}) for other in own_imports(path, at_import=True)
    )


def may_import_torch(module: str) -> bool:
    return bool(WITH_TORCH & set(rooms_of(module)))


TORCH_FREE = sorted(module for module in MODULES if not may_import_torch(module))


@pytest.mark.parametrize("module", TORCH_FREE)
def test_only_these_import_torch_when_imported(module):
    assert not reaches_heavy(module)


@pytest.mark.parametrize("room", sorted(WITH_TORCH))
def test_and_these_do(room):
    """Else the list is out of date."""
    assert any(reaches_heavy(module) for module in MODULES if room in rooms_of(module))


@pytest.mark.training
def test_what_pages_and_command_line_import_really_stays_free_of_torch():
    """The same once more by doing it: libraries may import torch behind our back."""
    modules = sorted(set(TORCH_FREE) - {"__main__", "export.predict_script"})
    code = "import sys, importlib\n" + "".join(f"importlib.import_module('transfer_core.{name}')\n" for name in modules)
    code += "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'timm', 'streamlit', 'sklearn'}))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.stdout == "[]\n", answer.stderr


@pytest.mark.training
def test_the_first_page_waits_for_no_library_that_only_models_need():
    code = """
import sys
from pages._shared import errors, navigation, progress, session, theme
import transfer_core.services.projects, transfer_core.services.training
print(sorted({name.split('.')[0] for name in sys.modules} & {'onnx', 'onnxruntime', 'torch', 'scipy'}))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.stdout == "[]\n", answer.stderr


@pytest.mark.training
def test_no_command_waits_for_what_only_the_doctor_needs():
    code = """
import sys
from transfer_core.__main__ import build_parser
build_parser()
print(sorted({name.split('.')[0] for name in sys.modules} & {'scipy', 'torch', 'openpyxl'}))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.stdout == "[]\n", answer.stderr


def test_every_room_in_the_order_exists():
    named = [room for rooms in ORDER for room in rooms]
    assert len(named) == len(set(named))
    rooms = {room for module in MODULES for room in rooms_of(module)}
    assert not [room for room in named if room not in rooms]
