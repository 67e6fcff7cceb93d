"""How long a run will take and how much memory it needs, before it starts. Imports no torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from transfer_core import strategies
from transfer_core.advice.machine_speed import LearningSpeed, Speed
from transfer_core.backbones import onnx_backbone
from transfer_core.backbones.catalog import Backbone
from transfer_core.backbones.feature_store import RowStore, StoreDamaged, store_folder
from transfer_core.backbones.preprocess import PreparedPhotos
from transfer_core.config import TrainConfig, decided
from transfer_core.data.images.decode import PIXELS_AT_ONCE
from transfer_core.data.labels.dataset import Item, LabelledItem
from transfer_core.data.splits.split import given_part, has_test_part
from transfer_core.strategies import HEAD, Facts, Phase
from transfer_core.support.parallel import CORES
from transfer_core.training.linear_probe.l2_search import SEARCH_PHOTOS
from transfer_core.workspace import Workspace

_SAMPLE = 400  # photos of which it is looked up whether they are prepared: few enough to ask at every look at a page
_BYTES_PER_PIXEL = 14  # of a photo being prepared: decoded, as levels, as planes, and one of these as float32
_START_S = 0.2  # until a worker that waits has taken the run


@dataclass(frozen=True)
class Estimate:
    """What a run is likely to take.

    Args:
        seconds: From its start to its result.
        memory_bytes: Of the worker, or of the graphics card where the backbone learns on one.
        free_bytes: Of the machine's memory now; None where the figure is the card's.
    """

    seconds: float
    memory_bytes: float
    free_bytes: float | None

    @property
    def fits(self) -> bool:
        return self.free_bytes is None or self.memory_bytes < self.free_bytes


def estimate(
    workspace: Workspace, backbone: Backbone, config: TrainConfig, items: Sequence[LabelledItem], speed: Speed
) -> Estimate | None:
    """The likely time and memory of a run on these photos; None where the trial has not got that far yet."""
    train, val = _counts(items, config)
    classes = len({item.class_name for item in items})
    phases, resolved = strategies.plan(config, facts_of(items, config, backbone))
    seconds = _START_S
    memory = speed.look_bytes + _BYTES_PER_PIXEL * _pixels_at_once(items)
    for phase in phases:
        if phase.trains == HEAD:
            seen = (train + val) / max(1, len(items))
            seconds += seen * _looking_s(workspace, backbone, items, speed) + _head_s(phase, train, classes, speed)
    tuning = [phase for phase in phases if phase.trains != HEAD]
    if not tuning:
        return Estimate(seconds, memory, _free_bytes())
    learning = speed.learning
    if learning is None:
        return None
    seconds += learning.start_s
    for phase in tuning:
        seconds += _preparing_s(workspace, backbone, items[:val], speed)
        frozen = phase.frozen / max(1, len(backbone.stages))
        seconds += train * _learning_s(phase, frozen, learning)
        seconds += phase.epochs * val * learning.check_s
    memory = max(memory, learning.learn_bytes + decided(resolved.config.batch_size) * learning.learn_photo_bytes)
    return Estimate(seconds, memory, None if learning.device == "cuda" else _free_bytes())


def facts_of(items: Sequence[LabelledItem], config: TrainConfig, backbone: Backbone) -> Facts:
    """An approximation of what the rules will see: the split itself is not computed."""
    train, _ = _counts(items, config)
    sizes = Counter(item.class_name for item in items)
    return Facts(tuple(max(1, round(size * train / max(1, len(items)))) for size in sizes.values()), backbone)


def _counts(items: Sequence[Item], config: TrainConfig) -> tuple[int, int]:
    """Approximate numbers of training and validation photos."""
    parts = Counter(item.part for item in items)
    rest = parts[None] + parts["train"]
    given = given_part(items)
    val = 0 if given else round(config.val_fraction * rest)
    test = 0 if has_test_part(items) else round(config.test_fraction * rest)
    return rest - val - test, parts[given] if given else val


def _pixels_at_once(items: Sequence[Item]) -> int:
    """The most pixels that are prepared at once: a photo per core, but of large ones only as many as have room."""
    largest = max(item.width * item.height for item in items)
    return max(largest, min(CORES * largest, PIXELS_AT_ONCE))


def _looking_s(workspace: Workspace, backbone: Backbone, items: Sequence[Item], speed: Speed) -> float:
    """To compute the features that are not cached."""
    digest = onnx_backbone.digest(backbone, workspace.weights_dir)
    try:
        store = RowStore.find(store_folder(workspace.features_dir, digest))
    except StoreDamaged:  # it will be made anew
        store = None
    known = store.keys() if store else {}
    missing = list({item.photo: item for item in items if item.photo not in known}.values())
    return len(missing) * speed.look_s + _preparing_s(workspace, backbone, missing, speed)


def _preparing_s(workspace: Workspace, backbone: Backbone, items: Sequence[Item], speed: Speed) -> float:
    """To decode and prepare those photos whose pixels are not cached; judged by a sample of them."""
    prepared = PreparedPhotos(backbone.preparation, workspace.prepared_dir)
    sample = items[:: max(1, len(items) // _SAMPLE)]
    missing = [item for item in sample if not prepared.holds(item.photo)]
    megapixels = sum(item.width * item.height for item in missing) / 1e6
    seconds = len(missing) * speed.prepare_s + megapixels * speed.prepare_megapixel_s
    return seconds * len(items) / max(1, len(sample))


def _learning_s(phase: Phase, frozen: float, speed: LearningSpeed) -> float:
    """Seconds to train on one photo, over all epochs.

    Args:
        frozen: Share of the stages that stay frozen; the work is assumed to shrink in proportion.
    """
    learn_s = speed.steady_learn_s if phase.keeps_statistics else speed.learn_s
    back_s = (learn_s - speed.check_s) * (1 - frozen)
    if phase.views:
        return phase.views * speed.check_s * frozen + phase.epochs * (speed.check_s * (1 - frozen) + back_s)
    return phase.epochs * (speed.check_s + back_s)


def _head_s(phase: Phase, train: int, classes: int, speed: Speed) -> float:
    """To choose the head's strength and to train it."""
    per_photo = classes * phase.epochs
    return min(train, SEARCH_PHOTOS) * per_photo * speed.search_s + train * per_photo * speed.head_s


def _free_bytes() -> float:
    """Of the machine's memory, what programs can have now."""
    import psutil

    return float(psutil.virtual_memory().available)
