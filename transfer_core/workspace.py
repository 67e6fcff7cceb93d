"""Where things are on disk: the workspace and its projects. Imports nothing heavy."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from transfer_core.errors import RunError, TransferError
from transfer_core.support.files import read_json, write_json
from transfer_core.support.text import plain

SCHEMA = 1
_ID = re.compile(r"[a-z0-9-]{1,100}")  # file systems refuse longer names, not always kindly
NAME_LIMIT = 80


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
    """

    id: str
    name: str
    created: float
    folder: Path
    source: str | None = None
    group_pattern: str | None = None

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
        fields = {"id": self.id, "name": self.name, "created": self.created, "source": self.source}
        write_json(self.folder / "project.json", {"schema": SCHEMA, **fields, "group_pattern": self.group_pattern})


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

    def projects(self) -> list[Project]:
        """All projects, the newest first; a folder without a readable project.json is passed over."""
        found = []
        for path in self.projects_dir.glob("*/project.json"):
            try:
                found.append(self.open_project(path.parent.name))
            except TransferError:
                continue
        return sorted(found, key=lambda project: -project.created)

    def open_project(self, project_id: str) -> Project:
        """Raises RunError when there is no such project."""
        folder = self.projects_dir / check_id(project_id)
        try:
            fields = read_json(folder / "project.json")
            name, created = fields["name"], fields["created"]
            return Project(folder.name, name, created, folder, fields.get("source"), fields.get("group_pattern"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"There is no project '{project_id}' here. It may have been deleted; choose one on the home page."
            ) from error

    def create_project(self, name: str, source: str | None = None) -> Project:
        name = check_project_name(name)
        project_id = new_id(name)
        project = Project(project_id, name, time.time(), self.projects_dir / project_id, source)
        project.photos_dir.mkdir(parents=True)
        project.save()
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
        renamed = replace(self.open_project(project.id), name=check_project_name(name))
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

    def delete_project(self, project: Project) -> None:
        """Deletes the project's folder for good; `cleanup.delete_project` forgets what the caches hold too."""
        # Renamed first: a folder that is half deleted when the power fails must not look like a project.
        doomed = project.folder.with_name(f".deleted-{project.id}")
        try:
            os.replace(project.folder, doomed)
        except FileNotFoundError:  # another window was faster
            return
        shutil.rmtree(doomed)

    def clear_deleted(self) -> None:
        """Removes what a power cut left of projects that were being deleted."""
        for folder in self.projects_dir.glob(".deleted-*"):
            shutil.rmtree(folder, ignore_errors=True)


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
