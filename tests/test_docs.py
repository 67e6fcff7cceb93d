"""What the documents show, done as it stands there: Python in order, commands one by one."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import COLOURS, ROOT, draw_dataset, draw_photo
from transfer_core import runs
from transfer_core.__main__ import main
from transfer_core.workspace import Workspace

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# How lines of the README begin that no test can do as they stand, and why.
LEFT_OUT = {
    "pip install": "installs packages",
    "pytest": "would run this very test",
    "streamlit run": "starts a server that does not end",
    "GRAFT_IMPORT_ROOTS=": "starts a server that does not end",
    "GRAFT_ALLOWED_HOSTS=": "starts a server that does not end",
    "docker": "needs Docker",
    "graft app": "starts a server that does not end",
    "python -m transfer_core app": "starts a server that does not end",
    "graft fetch": "downloads from the internet",
    "python -m transfer_core fetch": "downloads from the internet",
    "python -m transfer_core weights": "downloads from the internet",
}
OURS = ("python -m transfer_core ", "graft ")


def blocks(path: Path, language: str) -> Iterator[tuple[int, str]]:
    """(line number of its first line, text) of every block of that language."""
    content = path.read_text("utf-8")
    for found in re.finditer(rf"^```{language}\n(.*?)^```", content, re.MULTILINE | re.DOTALL):
        yield content[: found.start(1)].count("\n"), found[1]


def commands() -> list[str]:
    """Every command of the README: what stands in brackets left out, alternatives behind bars taken apart."""
    found = []
    for _, block in blocks(ROOT / "README.md", "bash"):
        for line in block.splitlines():
            line = line.partition("  #")[0].strip()
            prefix = next((prefix for prefix in OURS if line.startswith(prefix)), None)
            if prefix is None:
                found += [part.strip() for part in line.split("&&") if part.strip()]
            else:
                found += [prefix + part.strip() for part in line.removeprefix(prefix).split(" | ")]
    return [re.sub(r" \[.*?\]", "", line) for line in found]


@pytest.fixture
def leaves(workspace, tmp_path, monkeypatch) -> Workspace:
    """The files that the documents speak of, in the working folder."""
    monkeypatch.chdir(tmp_path)
    names = ("birch", "maple", "oak")
    draw_dataset(tmp_path / "leaves", 10, names)
    draw_dataset(tmp_path / "more_leaves", 3, names)
    for photo in sorted(draw_dataset(tmp_path / "drawn", 13, names).glob("*/*.jpg")):
        number = int(photo.stem.removeprefix(photo.parent.name))
        part = "train" if number < 8 else "val" if number < 11 else "test"
        place = tmp_path / "photos" / part / photo.parent.name
        place.mkdir(parents=True, exist_ok=True)
        photo.rename(place / photo.name)
    draw_dataset(tmp_path / "more_photos", 3, names)
    oaks = tmp_path / "photos" / "train" / "oak"
    (oaks / "oak0.jpg").rename(oaks / "blurred.jpg")
    draw_photo(tmp_path / "photos" / "IMG_2.jpg", next(iter(COLOURS.values())), 900)  # in no class folder
    (tmp_path / "photo.jpg").write_bytes((oaks / "oak1.jpg").read_bytes())
    return workspace


@pytest.mark.training
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.name, marks=() if path in DOCUMENTS[:1] else pytest.mark.full) for path in DOCUMENTS],
)
def test_python_runs_as_it_stands(path, leaves):
    scope = {"__name__": "__main__"}
    for line, block in blocks(path, "python"):
        exec(compile("\n" * line + block, str(path), "exec"), scope)


@pytest.mark.full
def test_commands_of_the_readme_run_as_they_stand(leaves, capsys):
    assert main(["fit", "photos/", "--seed", "1"]) == 0  # there is a run already where the README begins
    [earlier] = [run.id for run in runs.list_runs(leaves)]
    done = set()
    for line in commands():
        if line.startswith(tuple(LEFT_OUT)):
            continue
        prefix = next((prefix for prefix in OURS if line.startswith(prefix)), None)
        assert prefix, f"a command that is neither run nor left out for a reason: {line}"
        newest = runs.list_runs(leaves)[0].id
        places = {"RUN": [newest, earlier], "DATA": ["photos/"], "NAME": ["Leaves"], "PROJECT": ["Leaves"]}
        words = shlex.split(line.removeprefix(prefix))
        arguments = [places[word].pop(0) if places.get(word) else word for word in words]
        assert main(arguments) == 0, (line, capsys.readouterr().err)
        done.add(words[0])
    assert {"fit", "predict", "evaluate", "compare", "export", "import", "label", "resume"} <= done
