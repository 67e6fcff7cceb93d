"""Photos drawn as training would see them. Imports torch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from transfer_core.backbones.catalog import Preparation
from transfer_core.data.labels.dataset import Item
from transfer_core.data.splits.split import Split
from transfer_core.errors import StopRequested
from transfer_core.runs import Run
from transfer_core.runs.events import Event, PhaseStarted, Progress
from transfer_core.training.augment.crops import Augmentation, load_varied
from transfer_core.training.augment.mixup import blend
from transfer_core.training.finetune.learner import vary
from transfer_core.training.short_run_results import PreviewPicture, PreviewRow

VARIATIONS = 7  # of each photo; with the photo itself they fill a row of eight
SIDE_PX = 160  # of a picture; larger ones only take longer to come


def draw_preview(
    run: Run,
    split: Split,
    preparation: Preparation,
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> list[PreviewRow]:
    """Writes the pictures into the run's `evaluation` folder; the photos are those of the split's training part.

    A row per photo: the photo, then what its first epochs would show. Where photos blend, one more row shows blends.

    Raises:
        DataError: A photo can no longer be read.
        StopRequested: A person stopped it.
    """
    emit(PhaseStarted(name="preview", title="Augmenting your photos"))
    run.evaluation_dir.mkdir(exist_ok=True)
    shown, rows = [], []
    for number, item in enumerate(split.train):
        if should_stop():
            raise StopRequested
        shown.append(_vary_one(run, item, preparation))
        files = [_save(levels, run.evaluation_dir / f"photo-{number}-{i}.png") for i, levels in enumerate(shown[-1])]
        rows.append(PreviewRow(item.path, tuple(PreviewPicture(file, {item.class_name: 1.0}) for file in files)))
        emit(Progress(done=number + 1, total=len(split.train)))
    config = run.config
    if (config.mixup or config.cutmix) and len(shown) > 1:
        rows.append(_blended_row(run, split, torch.stack(shown)))
    return rows


def _vary_one(run: Run, item: Item, preparation: Preparation) -> torch.Tensor:
    """float32 levels (1 + VARIATIONS, 3, side, side) of a photo, as it is and varied."""
    path, prepared_dir, seed = run.photos_dir / item.file, run.workspace.prepared_dir, run.config.seed
    wanted = [(Augmentation("none"), 0), *((Augmentation.of(run.config), epoch) for epoch in range(VARIATIONS))]
    varied = [
        load_varied(path, item.photo, prepared_dir, preparation, augmentation, seed, epoch, run.rendering)
        for augmentation, epoch in wanted
    ]
    pixels = torch.from_numpy(np.stack([one.pixels for one in varied]))
    return vary(pixels, np.stack([one.variation for one in varied])).float()


def _blended_row(run: Run, split: Split, shown: torch.Tensor) -> PreviewRow:
    """The photos' variations, blended as one batch would be.

    Args:
        shown: (photos, 1 + VARIATIONS, 3, side, side), see `_vary_one`.
    """
    class_ids = torch.tensor([split.class_names.index(item.class_name) for item in split.train])
    wanted = torch.nn.functional.one_hot(class_ids, len(split.class_names)).float()
    pictures = []
    for i in range(1 + VARIATIONS):
        torch.manual_seed(run.config.seed + i)
        pixels, answers = blend(shown[:, i], wanted, run.config.mixup, run.config.cutmix)
        place = i % len(shown)  # each photo has its turn
        file = _save(pixels[place], run.evaluation_dir / f"blend-{i}.png")
        shares = zip(split.class_names, answers[place].tolist(), strict=True)
        pictures.append(PreviewPicture(file, {name: round(share, 4) for name, share in shares if share >= 0.005}))
    return PreviewRow("", tuple(pictures))


def _save(levels: torch.Tensor, path: Path) -> str:
    """Writes levels in [0, 255] (3, side, side) as a PNG of at most SIDE_PX, and returns its name."""
    pixels = levels.round().to(torch.uint8).permute(1, 2, 0).numpy()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((SIDE_PX, SIDE_PX))
    image.save(path)
    return path.name
