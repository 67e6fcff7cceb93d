"""That the measurements can still be started; what they measure is not asked here."""

import importlib
from pathlib import Path

import pytest

NAMES = sorted(path.stem for path in (Path(__file__).parent / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_what_it_imports(name):
    importlib.import_module(f"tests.benchmarks.{name}")
