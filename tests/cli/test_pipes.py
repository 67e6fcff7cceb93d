"""`| head`: a reader that has had enough ends a command quietly, and with what it has done."""

import os
import subprocess
import sys

import pytest

from tests.helpers import ROOT


def run_into_closed_pipe(*arguments: str, stderr_too: bool = False) -> subprocess.CompletedProcess:
    """A command whose stdout nobody reads from the beginning."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, "-m", "transfer_core", *arguments],
            cwd=ROOT,
            stdout=writing,
            stderr=writing if stderr_too else subprocess.PIPE,
            text=True,
            timeout=180,
        )
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "arguments",
    [["strategies"], ["runs", "--json"], ["--help"], ["predict", "--help"], ["--version"], ["telemetry"], ["check"]],
    ids=" ".join,
)
def test_a_closed_pipe_is_no_mistake(workspace, arguments):
    answer = run_into_closed_pipe(*arguments)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_predict_answers_into_a_pipe_that_nobody_reads(finished):
    photos = [str(path) for path in finished.photos_dir.iterdir()][:2]
    answer = run_into_closed_pipe("predict", finished.id, *photos)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_mistake_keeps_its_exit_code_where_nobody_reads_it(workspace):
    assert run_into_closed_pipe("predict", "nothing", "a.jpg", stderr_too=True).returncode == 2


def test_head_gets_its_line(workspace):
    """In a shell's own words, many lines and a reader that leaves after the first."""
    command = f"'{sys.executable}' -m transfer_core backbones | head -1"
    answer = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert len(answer.stdout.splitlines()) == 1 and answer.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way to close a stream")
def test_a_stream_that_is_closed_from_the_beginning(workspace):
    command = f"'{sys.executable}' -m transfer_core strategies >&-"
    answer = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert (answer.returncode, answer.stderr) == (0, "")
