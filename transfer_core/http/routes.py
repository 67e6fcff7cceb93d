"""What browsers fetch beside the pages: models, thumbnails, and the program that runs a model in the browser.

An address that names the digest of what lies there never changes its content, so browsers need not ask for it again.
Handlers are plain functions, which Starlette calls in threads: none holds up another, or a page.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from transfer_core.errors import DataError, RunError
from transfer_core.services import export, projects, runs
from transfer_core.workspace import Project, Workspace, check_id

# Parts of the program that runs a model in the browser, in the folder static/: (file, media type, encoding). The
# WebAssembly is kept compressed, at a quarter of its 14 MB.
_SCRIPT = "text/javascript"
_PROGRAM = {
    "live-worker.mjs": ("live-worker.mjs", _SCRIPT, None),
    "onnxruntime-web/ort.wasm.bundle.min.mjs": ("onnxruntime-web/ort.wasm.bundle.min.mjs", _SCRIPT, None),
    "onnxruntime-web/ort-wasm-simd-threaded.wasm": (
        "onnxruntime-web/ort-wasm-simd-threaded.wasm.gz",
        "application/wasm",
        "gzip",
    ),
}
_FOREVER = "max-age=31536000, immutable"


def routes(static_dir: Path) -> list[BaseRoute]:
    """The routes for `st.App`.

    Args:
        static_dir: The folder with the files that the browser loads itself.
    """

    def program(request: Request) -> Response:
        return _program(static_dir, request.path_params["digest"], request.path_params["name"])

    return [
        Route("/graft/model/{project}/{run}.onnx", _answer(_model)),
        Route("/graft/thumbnail/{project}/{photo}.jpg", _answer(_thumbnail)),
        Route("/graft/program/{digest}/{name:path}", program),
    ]


def model_address(run: runs.Run, digest: str) -> str:
    """Where a browser finds the run's model.

    Args:
        digest: Of the model, as `services.export.model_digest` says it.
    """
    return f"/graft/model/{run.project_id}/{run.id}.onnx?digest={digest}"


def worker_address(static_dir: Path) -> str:
    """The script of the worker that runs a model in the browser."""
    return f"/graft/program/{_program_digest(static_dir)}/live-worker.mjs"


def _answer(handle: Callable[[Request, Workspace, Project], Response]) -> Callable[[Request], Response]:
    """A handler that gets the project of the address; whatever is not here, or cannot be had, is said in a sentence."""

    def endpoint(request: Request) -> Response:
        workspace = Workspace.default()
        try:
            return handle(request, workspace, workspace.open_project(request.path_params["project"]))
        except RunError as error:
            return PlainTextResponse(str(error), 404)
        except DataError as error:
            return PlainTextResponse(str(error), 409)

    return endpoint


def _model(request: Request, workspace: Workspace, project: Project) -> Response:
    run_id = check_id(request.path_params["run"])
    run = next((run for run in runs.list_runs(workspace, project) if run.id == run_id), None)
    if run is None:
        raise RunError(f"This project has no run '{run_id}'. It may have been deleted; reload the page.")
    state = runs.read_state(run)
    try:
        digest = export.model_digest(run, state)
        keep = _FOREVER if request.query_params.get("digest") == digest else "no-cache"
        # "identity" keeps Streamlit from compressing weights at each request, which takes a second and saves little.
        headers = {"ETag": f'"{digest}"', "Cache-Control": f"private, {keep}", "Content-Encoding": "identity"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(export.model_bytes(run, state), headers=headers, media_type="application/octet-stream")
    except RunError as error:  # the run is there, its model is not
        return PlainTextResponse(str(error), 409)


def _thumbnail(request: Request, workspace: Workspace, project: Project) -> Response:
    path = projects.find_thumbnail(workspace, project, request.path_params["photo"])
    return FileResponse(path, headers={"Cache-Control": f"private, {_FOREVER}"}, media_type="image/jpeg")


def _program(static_dir: Path, digest: str, name: str) -> Response:
    if name not in _PROGRAM:
        return PlainTextResponse("There is no such file.", 404)
    file, media_type, encoding = _PROGRAM[name]
    is_current = digest == _program_digest(static_dir)  # else a tab of an older version asks
    headers = {"Cache-Control": _FOREVER if is_current else "no-store"}
    if encoding:
        headers["Content-Encoding"] = encoding
    return FileResponse(static_dir / file, headers=headers, media_type=media_type)


@lru_cache(maxsize=1)
def _program_digest(static_dir: Path) -> str:
    """Of all its parts together: the worker loads the others from beside its own address."""
    digest = hashlib.sha256()
    for file, _, _ in _PROGRAM.values():
        digest.update((static_dir / file).read_bytes())
    return digest.hexdigest()[:16]
