"""What browsers fetch beside the pages: models, thumbnails, and the program that runs a model in the browser."""

import gzip
import hashlib
import io
import re
import shutil

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.helpers import ROOT, draw_dataset, exported, fill_project
from transfer_core import runs, storage
from transfer_core.data.images.thumbnails import thumbnail_path
from transfer_core.data.labels.dataset import load_items
from transfer_core.data.labels.edits import remove
from transfer_core.http import routes
from transfer_core.runs import events
from transfer_core.services import export

STATIC = ROOT / "static"


@pytest.fixture
def browser() -> TestClient:
    return TestClient(Starlette(routes=routes.routes(STATIC)))


# --- models --------------------------------------------------------------------------------------------------------


def test_the_model_is_byte_for_byte_what_was_checked(browser, finished):
    digest = export.model_digest(finished, runs.read_state(finished))
    answer = browser.get(routes.model_address(finished, digest))
    assert answer.status_code == 200 and answer.content == exported(finished)
    assert hashlib.sha256(answer.content).hexdigest() == digest
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["ETag"] == f'"{digest}"'


def test_an_address_without_todays_digest_is_asked_for_again_and_answered_briefly(browser, finished):
    address = f"/graft/model/{finished.project_id}/{finished.id}.onnx"
    for query in ("", "?digest=0123"):
        assert browser.get(address + query).headers["Cache-Control"] == "private, no-cache"
    known = export.model_digest(finished, runs.read_state(finished))
    again = browser.get(address, headers={"If-None-Match": f'"{known}"'})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize(
    ("project", "run"),
    [
        ("..", None),
        ("%2e%2e", None),
        ("..%2f..", None),
        ("no-such-project", None),
        ("Not_An_Id", None),
        (None, ".."),
        (None, "no-such-run"),
        (None, "Not_An_Id"),
        (None, "a*"),
    ],
)
def test_a_model_of_what_is_not_here_is_not_found(browser, finished, project, run):
    answer = browser.get(f"/graft/model/{project or finished.project_id}/{run or finished.id}.onnx")
    assert answer.status_code == 404 and b"onnx" not in answer.content


def test_a_run_is_found_in_its_own_project_alone(browser, finished, workspace, tmp_path):
    other = fill_project(workspace, draw_dataset(tmp_path / "others", 2))
    answer = browser.get(f"/graft/model/{other.id}/{finished.id}.onnx")
    assert answer.status_code == 404 and answer.text.startswith("This project has no run")


def test_a_run_without_a_model_says_so(browser, stopped):
    answer = browser.get(f"/graft/model/{stopped.project_id}/{stopped.id}.onnx")
    assert answer.status_code == 409 and answer.text.startswith("This run has no model yet.")


def test_a_model_whose_check_failed_is_not_given_out(browser, finished):
    events.EventLog(finished.events_path).append(events.StepFailed(name="export", message="The disk is full."))
    assert browser.get(f"/graft/model/{finished.project_id}/{finished.id}.onnx").status_code == 409


def test_a_model_that_is_damaged_is_said_and_not_given_out(browser, finished):
    shutil.rmtree(finished.model_dir)
    answer = browser.get(f"/graft/model/{finished.project_id}/{finished.id}.onnx")
    assert answer.status_code == 409 and "damaged" in answer.text


# --- thumbnails ----------------------------------------------------------------------------------------------------


def thumbnail_address(project, item) -> str:
    return f"/graft/thumbnail/{project.id}/{item.photo}.jpg"


def test_a_thumbnail_is_made_where_it_is_missing(browser, project, workspace):
    item = load_items(project)[0]
    storage.clear_caches(workspace)
    assert not thumbnail_path(workspace, item.photo).exists()
    answer = browser.get(thumbnail_address(project, item))
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert Image.open(io.BytesIO(answer.content)).size == (item.width, item.height)


def test_a_removed_photo_can_still_be_looked_at(browser, project):
    item = load_items(project)[0]
    remove(project, [item.id])
    assert browser.get(thumbnail_address(project, item)).status_code == 200


@pytest.mark.parametrize("photo", ["..", "0" * 64, "a*", "%2e%2e%2fproject"])
def test_a_photo_that_the_project_never_had_is_not_found(browser, project, photo):
    assert browser.get(f"/graft/thumbnail/{project.id}/{photo}.jpg").status_code == 404


def test_a_photo_is_found_in_its_own_project_alone(browser, project, workspace):
    empty = workspace.create_project("Empty")
    answer = browser.get(thumbnail_address(empty, load_items(project)[0]))
    assert answer.status_code == 404 and answer.text.startswith("This project has no such photo.")


def test_a_photo_whose_file_is_gone_is_said(browser, project, workspace):
    item = load_items(project)[0]
    storage.clear_caches(workspace)
    (project.photos_dir / item.file).unlink()
    assert browser.get(thumbnail_address(project, item)).status_code == 409


# --- the program ---------------------------------------------------------------------------------------------------


def test_the_worker_finds_its_parts_beside_itself(browser):
    address = routes.worker_address(STATIC)
    worker = browser.get(address)
    assert worker.headers["Content-Type"].startswith("text/javascript")
    assert worker.headers["Cache-Control"] == "max-age=31536000, immutable"
    parts = set(re.findall(r'"\./([\w./-]+)"', worker.text))
    assert len(parts) == 2
    for part in parts:
        assert browser.get(f"{address.rpartition('/')[0]}/{part}").status_code == 200


def test_webassembly_is_sent_compressed_and_as_what_it_is(browser):
    answer = browser.get(routes.worker_address(STATIC).replace("live-worker.mjs", WASM))
    assert answer.headers["Content-Type"] == "application/wasm" and answer.headers["Content-Encoding"] == "gzip"
    assert answer.content == gzip.decompress((STATIC / f"{WASM}.gz").read_bytes())
    assert answer.content[:4] == b"\0asm"


WASM = "onnxruntime-web/ort-wasm-simd-threaded.wasm"


def test_a_tab_of_another_version_is_answered_but_keeps_nothing(browser):
    assert browser.get("/graft/program/0123/live-worker.mjs").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["app.py", "../app.py", "%2e%2e/app.py", "inter-latin-wght-normal.woff2", ""])
def test_nothing_else_is_a_part_of_the_program(browser, name):
    assert browser.get(f"/graft/program/0123/{name}").status_code == 404
