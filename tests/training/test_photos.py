"""The engine alone, on photos in memory: without a project, a run or a folder; the same as from files."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import RESNET, ROOT, run_python, tiny_row
from tests.training.test_engine import epochs_of, make_context, without_time
from transfer_core import runs
from transfer_core.data.images import decode
from transfer_core.errors import StopRequested
from transfer_core.training import engine
from transfer_core.training.photos import ArrayPhotos, LabelledPhotos

SETTINGS = {"epochs": 2, "batch_size": 6}


def in_memory(run, context, emit):
    """The same training with the run's photos as arrays, and nothing kept anywhere."""
    split = runs.load_split(run)
    arrays = {item.photo: decode.load_rgb(run.photos_dir / item.file) for item in (*split.train, *split.val)}
    photos = ArrayPhotos(context.backbone, arrays, context.weights_dir)
    return replace(context, photos=photos, emit=emit, checkpoint_path=None, plan_path=None, scratch_dir=None)


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "feature_extraction", "epochs": 20},
        pytest.param(
            {"strategy": "lp_ft", "early_stopping": True, "augmentation": "strong", **SETTINGS},
            marks=pytest.mark.full,
        ),
        {"strategy": "partial", "views": 0, **SETTINGS},
    ],
    ids=["feature_extraction", "lp_ft", "partial"],
)
def test_arrays_and_files_come_to_the_same(tiny_workspace, queue_run, settings):
    stored, held, run = [], [], queue_run(**settings)
    context = make_context(tiny_workspace, run, stored.append)
    before = sorted(run.folder.rglob("*"))
    ours = engine.fit(in_memory(run, context, held.append))
    assert sorted(run.folder.rglob("*")) == before
    theirs = engine.fit(context)
    assert [without_time(epoch) for epoch in epochs_of(held)] == [without_time(epoch) for epoch in epochs_of(stored)]
    np.testing.assert_array_equal(ours.val_confidences, theirs.val_confidences)
    np.testing.assert_array_equal(ours.head.weight, theirs.head.weight)


def test_without_a_folder_views_cannot_be_kept_and_are_made_anew(tiny_workspace, queue_run):
    seen, run = [], queue_run(strategy="partial", views=2, **SETTINGS)
    trained = engine.fit(in_memory(run, make_context(tiny_workspace, run, seen.append), seen.append))
    assert trained.epochs == 102
    assert any("Every epoch makes new augmented copies" in getattr(event, "message", "") for event in seen)


@pytest.mark.full
def test_the_example_trains_on_arrays_and_writes_nothing(tmp_path):
    home = tmp_path / "home"
    answer = run_python(
        "docs/examples/train_on_arrays.py", PYTHONPATH=str(ROOT), GRAFT_HOME=str(home), OMP_WAIT_POLICY="PASSIVE"
    )
    said = answer.stdout.splitlines()
    assert [line[:8] for line in said[:5]] == [f"Epoch {n}:" for n in range(1, 6)], answer.stderr
    assert len(said) == 5 + 20 and not home.exists()


def test_what_needs_pretrained_weights_says_so_before_it_begins(tiny_workspace, queue_run):
    context = make_context(tiny_workspace, queue_run(strategy="full"), [].append)
    with pytest.raises(ValueError, match="`weights_dir` must say where they lie"):
        replace(context, weights_dir=None)
    with pytest.raises(ValueError, match="weights_dir=FOLDER"):
        engine.fit(in_memory_features(context))


def in_memory_features(context):
    photos = ArrayPhotos(context.backbone, {digest: np.zeros((9, 9, 3), np.uint8) for digest in context.train.digests})
    phases = tuple(replace(phase, trains="head") for phase in context.plan.phases)
    return replace(context, photos=photos, val=context.train, plan=replace(context.plan, phases=phases))


def test_the_settings_alone_do_not_go_on_from_an_earlier_run(tiny_workspace, queue_run):
    context = make_context(tiny_workspace, queue_run(strategy="full"), [].append)
    settings = replace(context.plan.settings, continue_from="some-run")
    with pytest.raises(ValueError, match="`start` must say with what"):
        replace(context, plan=replace(context.plan, settings=settings))


@pytest.mark.parametrize("asked", ["prepare", "features"])
def test_photos_in_memory_can_be_stopped_between_two(tiny_weights, asked):
    arrays, done = {name: np.zeros((9, 9, 3), np.uint8) for name in "abc"}, []
    photos = ArrayPhotos(tiny_row(RESNET), arrays, tiny_weights)

    def take(*given):
        if asked == "prepare":
            return photos.prepare(*given)
        with photos.features(*given) as rows:
            return rows

    with pytest.raises(StopRequested):
        take("abc", lambda *progress: done.append(progress), lambda: len(done) == 2)
    assert done == [(1, 3), (2, 3)]


def test_photos_and_classes_must_be_as_many():
    with pytest.raises(ValueError, match="2 digests, 1 class ids"):
        LabelledPhotos(("a", "b"), np.zeros(1, np.int64))
