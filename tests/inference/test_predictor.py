"""The exported model at work."""

import io

import numpy as np
import pytest

from tests.data.images.test_decode import JPEG
from transfer_core import runs
from transfer_core.errors import DataError, RunError
from transfer_core.evaluation.result import load_answers
from transfer_core.inference.predictor import Prediction, Predictor


def test_answers_are_those_of_the_trained_model(finished):
    predictor, split = Predictor.of_run(finished), runs.load_split(finished)
    for item, expected in zip(split.val, load_answers(finished.evaluation_dir).confidences, strict=True):
        found = predictor.predict(finished.photos_dir / item.file)
        np.testing.assert_allclose(found.confidences, expected, atol=1e-4)
        assert found.class_name == split.class_names[expected.argmax()]
        assert found.confidence == max(found.by_class().values())


def test_file_bytes_and_pixels_give_the_same(finished):
    predictor = Predictor.of_run(finished, threads=1)
    path = next(finished.photos_dir.iterdir())
    from transfer_core.data.images.decode import load_rgb

    answers = [predictor.predict(photo) for photo in (path, io.BytesIO(path.read_bytes()), load_rgb(path))]
    assert all(np.array_equal(answers[0].confidences, other.confidences) for other in answers[1:])


@pytest.mark.parametrize(("content", "said"), [(b"text", "not a photo"), (JPEG[:900], "damaged or cut off")])
def test_what_is_no_photo_is_refused(finished, content, said):
    with pytest.raises(DataError, match=said):
        Predictor.of_run(finished).predict(io.BytesIO(content))


def test_a_run_without_a_model_says_so(queue_run):
    with pytest.raises(RunError, match=r"This run has no model yet. Wait until it has finished"):
        Predictor.of_run(queue_run())


def test_a_prediction_that_does_not_match_its_classes_cannot_exist():
    with pytest.raises(ValueError, match="2 classes, but confidences of shape"):
        Prediction(("a", "b"), np.array([1.0], np.float32))
