"""That the measurements can still be started; what they measure is not asked here."""

from pathlib import Path

import pytest

from tests.helpers import ROOT, run_python

NAMES = sorted(path.stem for path in (Path(__file__).parent / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.training  # for it starts a process
def test_each_finds_what_it_imports():
    lines = [f"import tests.benchmarks.{name}" for name in NAMES]
    done = run_python("-c", "\n".join(lines), PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
