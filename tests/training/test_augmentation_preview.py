"""The preview shows what training sees, and nothing else."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.backbones.catalog import Preparation
from transfer_core.data.splits.split import Split
from transfer_core.errors import DataError, StopRequested
from transfer_core.training.augment.crops import Augmentation, load_varied
from transfer_core.training.augmentation_preview import draw_preview
from transfer_core.training.finetune.learner import vary
from transfer_core.training.short_run_results import load_preview, save_preview


def draw(run, split, should_stop=lambda: False, preparation: Preparation | None = None):
    backbone = catalog.find(run.config.backbone, run.workspace.weights_dir)
    return draw_preview(run, split, preparation or backbone.preparation, [].append, should_stop)


@pytest.fixture
def queue_preview(queue_run):
    """A run, and a split that has its first photo of each class."""

    def queue(**settings):
        run = queue_run(**settings)
        items = runs.load_split(run).train
        first = {item.class_name: item for item in reversed(items)}
        return run, Split(tuple(sorted(first)), tuple(first[name] for name in sorted(first)), (), False)

    return queue


def pixels_of(run, file: str) -> np.ndarray:
    with Image.open(run.evaluation_dir / file) as image:
        return np.asarray(image).transpose(2, 0, 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"augmentation": "none"},
        {"augmentation": "light"},
        {"augmentation": "strong", "mirror": False, "upside_down": True, "seed": 3},
    ],
)
def test_the_pictures_are_what_training_sees(queue_preview, tiny_workspace, settings):
    run, split = queue_preview(**settings)
    rows = draw(run, split)
    assert [row.name for row in rows] == [item.path for item in split.train]
    preparation = catalog.find(run.config.backbone, tiny_workspace.weights_dir).preparation
    for item, row in zip(split.train, rows, strict=True):
        assert [picture.shares for picture in row.pictures] == [{item.class_name: 1.0}] * 8
        wanted = [(Augmentation("none"), 0), *((Augmentation.of(run.config), epoch) for epoch in range(7))]
        for picture, (augmentation, epoch) in zip(row.pictures, wanted, strict=True):
            path = run.photos_dir / item.file
            shown = load_varied(
                path, item.photo, tiny_workspace.prepared_dir, preparation, augmentation, run.config.seed, epoch
            )
            expected = vary(torch.from_numpy(shown.pixels[np.newaxis]), shown.variation[np.newaxis])[0]
            np.testing.assert_array_equal(pixels_of(run, picture.file), expected.round().to(torch.uint8).numpy())


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_blends_have_a_row_of_their_own_and_name_their_shares(queue_preview, mixup, cutmix):
    run, split = queue_preview(mixup=mixup, cutmix=cutmix)
    rows = draw(run, split)
    assert len(rows) == 4 and rows[-1].name == "" and len(rows[-1].pictures) == 8
    for picture in rows[-1].pictures:
        assert sum(picture.shares.values()) == pytest.approx(1, abs=0.02)
        assert set(picture.shares) <= set(split.class_names)
    assert any(len(picture.shares) == 2 for picture in rows[-1].pictures)
    again = [pixels_of(run, picture.file) for picture in rows[-1].pictures]
    draw(run, split)
    for picture, pixels in zip(rows[-1].pictures, again, strict=True):
        np.testing.assert_array_equal(pixels_of(run, picture.file), pixels)


def test_one_photo_alone_has_no_blends(queue_preview):
    run, split = queue_preview(mixup=1.0)
    assert len(draw(run, replace(split, class_names=split.class_names[:1], train=split.train[:1]))) == 1


def test_large_pictures_are_made_smaller(queue_preview):
    run, split = queue_preview()
    draw(run, split, preparation=Preparation(224, 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3))
    assert pixels_of(run, "photo-0-1.png").shape == (3, 160, 160)


def test_it_stops_between_two_photos(queue_preview):
    run, split = queue_preview()
    answers = iter([False, True])
    with pytest.raises(StopRequested):
        draw(run, split, should_stop=lambda: next(answers))


def test_a_photo_that_broke_is_named(queue_preview):
    run, split = queue_preview()
    (run.photos_dir / split.train[1].file).unlink()
    with pytest.raises(DataError, match=split.train[1].file):
        draw(run, split)


def test_what_was_drawn_comes_back_unless_a_picture_is_gone(queue_preview):
    run, split = queue_preview(mixup=0.5)
    assert load_preview(run.evaluation_dir) is None
    rows = draw(run, split)
    save_preview(run.evaluation_dir, rows)
    assert load_preview(run.evaluation_dir) == tuple(rows)
    os.unlink(run.evaluation_dir / "photo-2-5.png")
    assert load_preview(run.evaluation_dir) is None
    save_preview(run.evaluation_dir, draw(run, split))
    picture = run.evaluation_dir / "photo-2-5.png"
    content = bytearray(picture.read_bytes())
    content[len(content) // 2] ^= 1
    picture.write_bytes(content)
    assert load_preview(run.evaluation_dir) is None
    (run.evaluation_dir / "preview.json").write_text('{"rows": [{"name": 1}]}')
    assert load_preview(run.evaluation_dir) is None
