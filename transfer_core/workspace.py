"""Where things are on disk: the workspace and its projects. Imports nothing heavy."""

import math
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock

from transfer_core.errors import RunError, TransferError
from transfer_core.support.checked_json import copy_path, in_words, read_checked, write_with_copy
from transfer_core.support.files import write_whole
from transfer_core.support.text import plain

SCHEMA = 1
_ID = re.compile(r"[a-z0-9-]{1,100}")  # file systems refuse longer names, not always kindly
NAME_LIMIT = 80
_MOMENT_S = 0.001  # between two moments; more than a float loses
_ABOUT = "project.json"
_MAKE_A_PROJECT = (_ABOUT, f"{_ABOUT}.bak", "labels.jsonl", "labels.jsonl.bak", "runs")


def check_id(text: str) -> str:
    """The id itself, once it cannot be anything but a plain folder name.

    Raises:
        RunError: It holds anything but a-z, 0-9 and "-".
    """
    if not _ID.fullmatch(text or ""):
        raise RunError(
            f"'{(text or '')[:60]}' is not an id. An id has only the letters a to z, the digits 0 to 9 and '-'."
        )
    return text


def new_id(name: str = "") -> str:
    """A folder name: the name's plain letters, then six random characters."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    return f"{slug}-{secrets.token_hex(3)}" if slug else secrets.token_hex(6)


@dataclass(frozen=True)
class Project:
    """A set of photos with its runs.

    Args:
        id: Folder name.
        name: What the person calls it; untrusted text.
        created: Unix seconds.
        source: What `fit` filled it from; None for projects made otherwise.
        group_pattern: What finds a photo's group in its path, see `safe_regex`, as a person said; empty where they said
            that photos do not belong together, None where they were not asked yet. Train's page begins with it.
        mark: What the checksums of its label log cover: the id that it was made with, whatever its folder is called.
        problem: What is wrong with its `project.json`, a sentence or two; None where that is whole.
    """

    id: str
    name: str
    created: float
    folder: Path
    source: str | None = None
    group_pattern: str | None = None
    mark: str = ""
    problem: str | None = field(default=None, compare=False)

    @property
    def photos_dir(self) -> Path:
        return self.folder / "photos"

    @property
    def labels_path(self) -> Path:
        return self.folder / "labels.jsonl"

    @property
    def runs_dir(self) -> Path:
        return self.folder / "runs"

    def fetch_lock(self) -> FileLock:
        """Held by whoever brings a public set into it."""
        return FileLock(self.folder / "fetch.lock")

    def save(self) -> None:
        fields = {"id": self.mark or self.id, "name": self.name, "created": self.created, "source": self.source}
        fields |= {"group_pattern": self.group_pattern}
        write_with_copy(self.folder / _ABOUT, {"schema": SCHEMA, **fields})

    def ensure_copy(self) -> None:
        """Has `project.json` stand there twice, where an earlier version wrote it once."""
        copy = copy_path(self.folder / _ABOUT)
        if self.problem is None and not copy.is_file():
            write_whole(copy, (self.folder / _ABOUT).read_bytes())


@dataclass(frozen=True)
class Workspace:
    """GRAFT_HOME: every project, cache and weight of one installation."""

    home: Path

    @classmethod
    def default(cls, home: str | None = None) -> "Workspace":
        return cls(Path(home or os.environ.get("GRAFT_HOME") or Path.home() / ".graft").expanduser().resolve())

    @property
    def projects_dir(self) -> Path:
        return self.home / "projects"

    @property
    def prepared_dir(self) -> Path:
        return self.home / "prepared"

    @property
    def public_dir(self) -> Path:
        """Public datasets as downloaded. One is kept or deleted as a whole, so it is not among `prepared`."""
        return self.home / "public"

    @property
    def features_dir(self) -> Path:
        return self.home / "features"

    @property
    def weights_dir(self) -> Path:
        return self.home / "weights"

    @property
    def deletions_dir(self) -> Path:
        """What is to be deleted for good, and is not gone yet; see `deletion`."""
        return self.home / "deletions"

    def deletion_path(self, project_id: str) -> Path:
        """The file that is there while the project is being deleted: from its first moment on the project is gone."""
        return self.deletions_dir / f"project-{project_id}.json"

    def next_moment(self) -> float:
        """Now in Unix seconds, but always after the last moment that was asked for: the clock may have been set back.

        What is sorted by such moments stands in the order in which it was made.
        """
        path = self.home / "last-moment"
        with FileLock(path.with_suffix(".lock")):
            try:
                last = float(path.read_text("ascii"))
            except (OSError, ValueError):
                last = 0.0
            now = time.time()
            moment = max(now, last + _MOMENT_S) if math.isfinite(last) else now
            write_whole(path, repr(moment))
        return moment

    def projects(self) -> list[Project]:
        """All projects, the newest first; one whose `project.json` cannot be read says so in its `problem`."""
        found = []
        for folder in self.projects_dir.glob("[!.]*/"):
            try:
                found.append(self.open_project(folder.name))
            except TransferError:
                continue
        return sorted(found, key=lambda project: -project.created)

    def open_project(self, project_id: str) -> Project:
        """Raises RunError when there is no such project."""
        folder = self.projects_dir / check_id(project_id)
        is_being_deleted = self.deletion_path(project_id).exists()
        if is_being_deleted or not any((folder / name).exists() for name in _MAKE_A_PROJECT):
            raise RunError(
                f"There is no project '{project_id}' here. It may have been deleted; choose one on the home page."
            )
        path = folder / _ABOUT
        try:
            return _read_project(folder, path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"{path} is damaged ({in_words(error)})"
        try:
            known = _read_project(folder, copy_path(path))
            cost = "the project's name was taken from its copy, so nothing is missing"
            return replace(known, problem=f"{what}: {cost}. `graft check --repair` writes the file anew.")
        except (OSError, ValueError, KeyError, TypeError):
            cost = "the project's name is not known. Its photos, labels and runs are all here"
            created = folder.stat().st_mtime
            told = f"{what}: {cost}. Rename it."
            return Project(folder.name, folder.name, created, folder, mark=folder.name, problem=told)

    def create_project(self, name: str, source: str | None = None) -> Project:
        name = check_project_name(name)
        project_id = new_id(name)
        project = Project(project_id, name, self.next_moment(), self.projects_dir / project_id, source, mark=project_id)
        project.save()
        project.photos_dir.mkdir()
        return project

    def project_for(self, sources: Sequence[Path], name: str | None = None) -> Project:
        """The project that was filled from just these before (under that name, if one is given), else a new one."""
        source = plain("\n".join(map(str, sources)))
        for project in self.projects():
            if project.source == source and name in (None, project.name):
                return project
        # The name of a folder may be longer than a project's, or nothing but spaces.
        return self.create_project(name or plain(sources[0].stem)[:NAME_LIMIT].strip() or "Photos", source)

    def project_named(self, name: str) -> Project:
        """The newest project of that name, else a new one."""
        name = check_project_name(name)
        return next((project for project in self.projects() if project.name == name), None) or self.create_project(name)

    def rename_project(self, project: Project, name: str) -> Project:
        """Raises RunError: there is no such project any more, or the name is none."""
        renamed = replace(self.open_project(project.id), name=check_project_name(name), problem=None)
        renamed.save()
        return renamed

    def keep_groups(self, project: Project, pattern: str) -> Project:
        """Notes which photos belong together; an empty pattern says that none do.

        Raises:
            RunError: There is no such project any more.
        """
        noted = replace(self.open_project(project.id), group_pattern=pattern)
        noted.save()
        return noted


def _read_project(folder: Path, path: Path) -> Project:
    """The project as a file tells it.

    Raises:
        OSError, ValueError, KeyError, TypeError: The file is damaged, or another project's.
    """
    told = read_checked(path)
    mark, name, source = str(told.get("id", folder.name)), told["name"], told.get("source")
    # A folder that a person has copied keeps its first id, in the file and in its copy.
    if mark != folder.name and path.name == _ABOUT and _copy_says(folder):
        raise ValueError("it belongs to another project")
    pattern = told.get("group_pattern")
    if not isinstance(name, str) or not isinstance(source, str | None) or not isinstance(pattern, str | None):
        raise TypeError("its name is no text")
    return Project(folder.name, name, float(told["created"]), folder, source, pattern, mark)


def _copy_says(folder: Path) -> bool:
    """Whether the copy of `project.json` says that the folder was made as this project."""
    try:
        return read_checked(copy_path(folder / _ABOUT)).get("id") == folder.name
    except (OSError, ValueError):
        return False


def check_project_name(name: str) -> str:
    """The name without surrounding space.

    Raises:
        RunError: Empty, or longer than 80 characters.
    """
    name = plain(name)
    if not name:
        raise RunError("A project needs a name. Type one, for example 'Leaves of our street'.")
    if len(name) > NAME_LIMIT:
        raise RunError(f"The name has {len(name)} characters; at most {NAME_LIMIT} fit. Shorten it.")
    return name
