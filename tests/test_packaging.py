"""What people get who install Graft: one wheel with the app in it, one version, one list of dependencies."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import version

import pytest

from tests.helpers import ROOT, run_python
from transfer_core import __version__

APP = "transfer_core/_app"
RUNTIME = "static/onnxruntime-web"  # what runs a model in the browser
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "requirements-lite1.txt")
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE_BY_EXAMPLES = r"\b(_?classes|\w+_classes|(test_)?brightness)(\.py)?$"  # files that a how-to tells to make
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def listed(name: str) -> set[str]:
    """The packages that a requirements file names, by their normal names."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    return {re.split(r"[<>=!~ ]", line)[0].lower().replace("_", "-") for line in lines if line and line[0] != "-"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built from a copy of what a wheel is made of, so that nothing is left behind in the repository."""
    pytest.importorskip("hatch_requirements_txt", reason="pip install -r requirements-dev.txt")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("transfer_core", "pages", "assets", "static", ".streamlit"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "app.py",
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-lite1.txt",
        "README.md",
        "LICENSE",
        "NOTICE",
    ):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    answer = subprocess.run([*build, "-w", str(out), str(source)], capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    [path] = out.iterdir()
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


@pytest.mark.full
def test_the_wheel_holds_every_file_of_the_app_and_the_core(wheel):
    def below(folder: str, into: str) -> set[str]:
        paths = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {f"{into}{path.relative_to(ROOT).as_posix()}" for path in paths}

    wanted = {f"{APP}/app.py", f"{APP}/.streamlit/config.toml"} | below("transfer_core", "")
    for folder in ("pages", "assets", "static"):
        wanted |= below(folder, f"{APP}/")
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == wanted


@pytest.mark.full
def test_only_one_name_is_taken_in_other_peoples_environments(wheel):
    """A top-level `pages`, `assets` or `tests` would clash with theirs."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"transfer_core"}


@pytest.mark.full
def test_licence_and_notices_travel_with_it(wheel, metadata):
    kept = {name.split("/licenses/")[1] for name in wheel.namelist() if "/licenses/" in name}
    texts = {"LICENSE.txt", "ThirdPartyNotices.txt"}
    assert kept == {"LICENSE", "NOTICE", "static/Inter-LICENSE.txt"} | {f"{RUNTIME}/{name}" for name in texts}
    assert metadata["License-Expression"] == "Apache-2.0 AND OFL-1.1 AND MIT"
    notice = (ROOT / "NOTICE").read_text("utf-8")
    given = [*(ROOT / "static").glob("*.woff2"), *(ROOT / "static").glob("*LICENSE*"), *(ROOT / RUNTIME).iterdir()]
    for file in given:
        assert file.relative_to(ROOT).as_posix() in notice


@pytest.mark.full
def test_the_version_stands_in_one_place_and_is_told_everywhere(metadata):
    assert metadata["Version"] == __version__
    assert "version" not in PROJECT["project"]
    assert run_python("-m", "transfer_core", "--version").stdout == f"graft {__version__}\n"
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.full
def test_dependencies_are_listed_once_and_the_wheel_asks_for_them(metadata):
    assert not {"dependencies", "optional-dependencies"} & PROJECT["project"].keys()
    needed, for_development = set(), set()
    for line in metadata.get_all("Requires-Dist"):
        (for_development if "extra ==" in line else needed).add(re.split(r"[<>=!~; ]", line)[0].lower())
    assert needed == listed("requirements.txt")
    assert for_development == listed("requirements-dev.txt") | listed("requirements-lite1.txt")


def test_lower_bounds_are_versions_that_were_tried():
    """Those that are installed here or older ones, and none without a bound: pip would take whatever it finds."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()]
    for line in filter(None, lines):
        name, bound = line.split(">=")
        assert numbers(version(name)) >= numbers(bound), f"{name} {version(name)} is older than {bound}"


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text.partition("+")[0])]


def test_nothing_under_the_gpl_is_asked_of_users():
    assert "pi-heif" in listed("requirements.txt") and "pillow-heif" not in listed("requirements.txt")
    for path in [ROOT / "app.py", *(ROOT / "transfer_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        assert "pillow_heif" not in path.read_text("utf-8"), path


@pytest.mark.full
def test_the_command_graft_is_the_command_line(wheel):
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert "graft = transfer_core.__main__:main" in wheel.read(name).decode()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_text_points_to_is_there(path):
    """Every relative link, and every file of ours that stands in code type with its folder."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.S)
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert not [link for link in links if not (path.parent / link).exists()]
    named = re.findall(r"`((?:transfer_core|pages|tests|docs|assets|static)/[\w./]*\w)`", text)
    assert not [name for name in named if not (ROOT / name).exists() and not re.search(MADE_BY_EXAMPLES, name)]
