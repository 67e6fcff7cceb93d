"""The result of a run."""

import numpy as np
import pytest

from transfer_core.data.labels.dataset import new_item
from transfer_core.data.splits.split import Split
from transfer_core.errors import RunError
from transfer_core.evaluation.result import ValAnswers, evaluate, load_answers, save_evaluation
from transfer_core.metrics.wilson import wilson
from transfer_core.support.arrays import write_arrays
from transfer_core.support.files import read_json
from transfer_core.support.wording import result_sentence

ITEMS = tuple(new_item(str(n), f"{n}.jpg", f"{n}", "ab"[n % 2], None, (1, 1)) for n in range(6))
SPLIT = Split(("a", "b"), ITEMS[:2], ITEMS[2:], False)
ANSWERS = ValAnswers(np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.05, 0.95]]), np.array([0, 1, 0, 0]))


def test_accuracy_comes_with_its_interval_and_counts():
    result = evaluate(SPLIT, ANSWERS, 7, {"total": 1.0})
    assert (result.train_count, result.val_count, result.epochs) == (2, 4, 7)
    assert result.val_accuracy == 0.5
    assert result.val_interval == wilson(2, 4)
    assert result.confusion_matrix == [[1, 2], [0, 1]]


def test_photos_that_were_learned_from_too_are_counted_and_said():
    crossing = Split(("a", "b"), ITEMS[:4], ITEMS[2:], True)
    assert "val_learned" not in evaluate(SPLIT, ANSWERS, 7, {}).to_json()
    result = evaluate(crossing, ANSWERS, 7, {})
    assert result.val_learned == 2
    assert result_sentence(result.to_json()) == (
        "2 of 4 validation photos right: 50%. But 2 of these were training photos, too: expect less on new photos."
    )


def test_mistakes_are_listed_surest_first():
    assert ANSWERS.mistakes().tolist() == [3, 2]


def test_answers_come_back_as_they_were(tmp_path):
    result = evaluate(SPLIT, ANSWERS, 7, {"total": 1.0})
    save_evaluation(tmp_path / "evaluation", result, ANSWERS)
    found = load_answers(tmp_path / "evaluation")
    np.testing.assert_array_equal(found.confidences, ANSWERS.confidences)
    np.testing.assert_array_equal(found.true_ids, ANSWERS.true_ids)
    assert read_json(tmp_path / "evaluation" / "result.json")["confusion_matrix"] == [[1, 2], [0, 1]]


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_answers_that_do_not_match_cannot_exist(shape):
    with pytest.raises(ValueError, match="shapes do not match"):
        ValAnswers(np.zeros(shape), np.zeros(4, int))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_answers_that_are_no_numbers_cannot_exist(tmp_path, value):
    confidences = ANSWERS.confidences.copy()
    confidences[2, 1] = value
    with pytest.raises(ValueError, match="not numbers"):
        ValAnswers(confidences, ANSWERS.true_ids)
    write_arrays(tmp_path / "val.safetensors", {"confidences": confidences, "true_ids": ANSWERS.true_ids})
    with pytest.raises(RunError, match="not numbers"):
        load_answers(tmp_path)


def test_an_answer_that_the_disk_has_changed_is_not_read(tmp_path):
    save_evaluation(tmp_path, evaluate(SPLIT, ANSWERS, 7, {}), ANSWERS)
    path = tmp_path / "val.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match="it was changed since it was written"):
        load_answers(tmp_path)
