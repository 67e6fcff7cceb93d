"""Whoever imports Graft has other packages' telemetry switched off, and so has every process that is started."""

import json
import os

import pytest

from tests.helpers import run_python
from transfer_core.support.telemetry import SETTINGS


@pytest.mark.training
@pytest.mark.parametrize("module", ["transfer_core", "transfer_core.jobs.worker", "transfer_core.__main__"])
def test_telemetry_is_off_once_graft_is_imported_even_where_it_was_set_on(module):
    on = {name: "false" if value == "1" else "true" for name, value in SETTINGS.items()}
    told = run_python("-c", f"import {module}, json, os; print(json.dumps(dict(os.environ)))", **on)
    found = json.loads(told.stdout)
    assert {name: found[name] for name in SETTINGS} == SETTINGS


def test_telemetry_is_off_in_the_tests():
    assert {name: os.environ[name] for name in SETTINGS} == SETTINGS
