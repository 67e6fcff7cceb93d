"""`compare`: its answer, and what it refuses."""

import json

import pytest

from tests.helpers import answered, right
from transfer_core.__main__ import main
from transfer_core.runs import events
from transfer_core.runs.events import EventLog
from transfer_core.support.files import read_json


@pytest.fixture
def ask(capsys):
    """Runs the command in this process: (exit code, what it printed, what it complained of)."""

    def ask(*arguments):
        code = main(["compare", *map(str, arguments)])
        return code, *capsys.readouterr()

    return ask


def ended(run, hits):
    answered(run, hits)
    result = read_json(run.evaluation_dir / "result.json")
    EventLog(run.events_path).append(events.RunFinished(result=result))
    return run


def test_answer_as_programs_read_it(ask, queue_run):
    one, two = ended(queue_run(), right((6, True))), ended(queue_run(strategy="full"), right((4, True), (2, False)))
    code, out, _ = ask(one.id, two.folder, one.id, "--json")
    found = json.loads(out.splitlines()[-1])
    assert code == 0 and found.keys() == {"runs", "pairs"}
    assert found["runs"][0] == {
        "run_id": one.id,
        "accuracy": 1.0,
        "interval": pytest.approx([0.61, 1.0], abs=0.01),
        "count": 6,
        "units": 6,
        "strategy": "feature_extraction",
        "backbone": one.config.backbone,
        "seconds": {"total": 2.0},
    }
    [pair] = found["pairs"]
    assert pair.keys() == {"first", "second", "difference", "interval", "p", "verdict", "count", "units"}
    assert (pair["first"], pair["second"], pair["count"]) == (one.id, two.id, 6)
    assert (pair["difference"], pair["p"]) == pytest.approx((1 / 3, 0.5)) and pair["verdict"] == "cannot be told apart"


def test_answer_for_people_has_every_pair(ask, queue_run):
    compared = [ended(queue_run(), right((6, True))) for _ in range(3)]
    code, out, _ = ask(*(run.id for run in compared))
    assert code == 0 and out.count(" against ") == 3 and "+0.0 points" in out
    assert "corrected for all 3 pairs" in out


def test_of_three_runs_each_pair_has_to_stand_out_more(ask, queue_run):
    best, worst, third = (ended(queue_run(), right((hits, True), (6 - hits, False))) for hits in (6, 0, 6))
    (_, two, _), (_, three, _) = ask(best.id, worst.id, "--json"), ask(best.id, worst.id, third.id, "--json")
    alone, among = (json.loads(out.splitlines()[-1])["pairs"][0] for out in (two, three))
    assert (alone["p"], alone["verdict"]) == (pytest.approx(2 / 64), "better")
    assert (among["p"], among["verdict"]) == (pytest.approx(6 / 64), "cannot be told apart")


def test_what_cannot_be_compared_is_refused_in_one_sentence(ask, queue_run):
    one, other = ended(queue_run(), right((6, True))), ended(queue_run(seed=5), right((6, True)))
    unfinished = queue_run()
    for names, words in (
        ([one.id, other.id], "have different validation photos"),
        ([one.id], "at least two different runs"),
        ([one.id, one.folder], "at least two different runs"),
        ([one.id, unfinished.id], "has no result to compare"),
        ([one.id, "gone"], "There is no run 'gone'"),
    ):
        code, out, complaint = ask(*names, "--json")
        assert (code, out, len(complaint.splitlines())) == (2, "", 1) and words in complaint
