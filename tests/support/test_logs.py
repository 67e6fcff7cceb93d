"""Logging: quiet unless asked, with times, and never twice."""

import logging
import re

import pytest

from tests.helpers import run_python
from transfer_core.errors import TransferError
from transfer_core.support import logs

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} %s transfer_core\.jobs\.queue: said\n"


@pytest.fixture(autouse=True)
def _restored():
    """The tests of this file set up logging in this process; others must not find it so."""
    logger = logging.getLogger("transfer_core")
    before = logger.level, list(logger.handlers)
    yield
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


@pytest.mark.parametrize(
    ("wanted", "level", "seen"),
    [
        (None, "INFO", False),
        (None, "WARNING", True),
        ("", "INFO", False),
        ("info", "INFO", True),
        ("INFO", "DEBUG", False),
        ("debug", "DEBUG", True),
        ("error", "WARNING", False),
    ],
)
def test_quiet_unless_asked(monkeypatch, capsys, wanted, level, seen):
    monkeypatch.delenv(logs.VARIABLE, raising=False)
    if wanted is not None:
        monkeypatch.setenv(logs.VARIABLE, wanted)
    logs.set_up()
    logs.set_up()  # app.py does so at every look
    logging.getLogger("transfer_core.jobs.queue").log(getattr(logging, level), "said")
    assert re.fullmatch(LINE % level if seen else "", capsys.readouterr().err)


def test_a_level_that_is_none_is_said(monkeypatch):
    monkeypatch.setenv(logs.VARIABLE, "loud")
    with pytest.raises(TransferError, match=r"GRAFT_LOG is 'loud'.*debug, info, warning, error"):
        logs.set_up()


@pytest.mark.training
def test_other_packages_stay_quiet():
    code = "import logging; from transfer_core.support import logs; logs.set_up(); logging.getLogger('PIL').info('no')"
    answer = run_python("-c", code, GRAFT_LOG="debug")
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.training
def test_the_command_line_says_it_in_one_line():
    answer = run_python("-m", "transfer_core", "strategies", GRAFT_LOG="loud")
    assert answer.returncode == 2 and answer.stderr.startswith("GRAFT_LOG is 'loud'")
