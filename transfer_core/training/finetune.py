"""The phase that changes the backbone too: a plain PyTorch loop."""

import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from transfer_core.backbones.build import build_backbone
from transfer_core.backbones.prepare import PreparedPhotos, prepare_all
from transfer_core.backbones.trunk import Normalized
from transfer_core.errors import TransferError
from transfer_core.events import CheckpointSaved, PhaseStarted, Progress
from transfer_core.training.augment import load_varied
from transfer_core.training.checkpoints import Checkpoint, save_checkpoint
from transfer_core.training.head import Head, softmax
from transfer_core.training.task import Task, Trained

_WARM_UP = 0.1  # share of the steps in which the learning rate rises from zero
_WEIGHT_DECAY = 0.01
_CLIP_NORM = 1.0  # one odd batch must not throw away what was learned
_VAL_BATCH = 32


@dataclass
class Learner:
    """The parts that learn: `body` (normalization and backbone), `head`, and the optimizer over both."""

    body: Normalized
    head: nn.Linear
    optimizer: torch.optim.Optimizer
    device: torch.device

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """float32 (batch, classes) of pixels uint8 (batch, 3, size, size)."""
        return self.head(self.body(pixels.to(self.device)))


def run_phase(task: Task, index: int, earlier: Trained | None, checkpoint: Checkpoint | None) -> Trained | None:
    """Trains backbone and head; None when stopped before the first step.

    Raises:
        TransferError: The loss is no longer a number.
    """
    phase, config = task.phases[index], task.run.config
    _settle(config.seed)
    learner = _build(task, index, earlier)
    first = 0
    if checkpoint:
        _restore(learner, checkpoint)
        first = checkpoint.epoch
    val_pixels = _val_pixels(task)
    if val_pixels is None:
        return None
    task.begin_phase(index)
    # A resumed phase whose epochs are all done has nothing left but its answer.
    epochs_done, stopped, learned, confidences = first, False, first > 0, None
    for epoch in range(first, phase.epochs):
        train, stopped = _run_epoch(task, index, epoch, learner)
        learned = learned or train is not None
        if stopped:
            confidences = None  # what was learned since the last epoch is kept, too
            break
        confidences = _confidences(learner, val_pixels)
        epochs_done = epoch + 1
        task.report_epoch(index, epochs_done, train, confidences)
        _save(task, index, epochs_done, learner)
    if not learned:
        return None
    confidences = _confidences(learner, val_pixels) if confidences is None else confidences
    head = Head(learner.head.weight.detach().cpu().numpy(), learner.head.bias.detach().cpu().numpy())
    network = learner.body.network.cpu().eval()
    return Trained(head, confidences, task.epochs_before(index) + epochs_done, stopped, network)


def learning_rate_share(step: int, steps: int) -> float:
    """Share of the peak learning rate in (0, 1] at a step: warm-up, then a cosine down to nearly zero."""
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _settle(seed: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(os.cpu_count() or 1)
    # Full float32: a shortened format would make results differ between graphics cards.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True  # a resumed run must end where it would have ended


def _build(task: Task, index: int, earlier: Trained | None) -> Learner:
    phase = task.phases[index]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = earlier.network if earlier and earlier.network is not None else None
    network = network or build_backbone(task.backbone, task.workspace.weights_dir)
    body = Normalized(network, task.backbone.preparation).to(device, memory_format=torch.channels_last)
    head = nn.Linear(network.num_features if earlier is None else earlier.head.weight.shape[1], task.class_count)
    with torch.no_grad():
        if earlier is None:
            # A head that starts at zero sends no noise back into the pretrained layers.
            head.weight.zero_()
            head.bias.zero_()
        else:
            head.weight.copy_(torch.from_numpy(earlier.head.weight))
            head.bias.copy_(torch.from_numpy(earlier.head.bias))
    head.to(device)
    groups = [
        *_groups(network, phase.learning_rate * phase.backbone_factor),
        *_groups(head, phase.learning_rate),
    ]
    return Learner(body, head, torch.optim.AdamW(groups), device)


def _groups(module: nn.Module, peak: float) -> list[dict]:
    """Parameter groups; biases and norms are not decayed, which would pull them away from what they normalize."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    plain = [p for p in module.parameters() if p.ndim <= 1]
    return [
        {"params": decayed, "lr": peak, "peak": peak, "weight_decay": _WEIGHT_DECAY},
        {"params": plain, "lr": peak, "peak": peak, "weight_decay": 0.0},
    ]


def _run_epoch(task: Task, index: int, epoch: int, learner: Learner) -> tuple[tuple[float, float] | None, bool]:
    """One pass; returns ((mean loss, accuracy), stopped), the first None where no step was made."""
    phase = task.phases[index]
    seed = task.run.config.seed
    # Everything random below follows from these two numbers, so that a resumed epoch repeats itself exactly.
    torch.manual_seed(1_000_003 * seed + epoch)
    batches = _batches(len(task.train_ids), task.run.config.batch_size, seed, epoch)
    learner.body.train()
    loss_sum, hits, seen, reported = 0.0, 0, 0, 0.0
    for number, (rows, pixels) in enumerate(_load_ahead(task, batches, epoch)):
        if task.should_stop():
            return ((loss_sum / seen, hits / seen) if seen else None), True
        share = learning_rate_share(epoch * len(batches) + number, phase.epochs * len(batches))
        for group in learner.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        wanted = torch.from_numpy(task.train_ids[rows]).to(learner.device)
        logits = learner.logits(pixels)
        loss = nn.functional.cross_entropy(logits, wanted)
        _step(learner, loss)
        loss_sum += loss.item() * len(rows)
        hits += int((logits.argmax(1) == wanted).sum())
        seen += len(rows)
        if time.monotonic() - reported > 0.5:
            task.emit(Progress(done=epoch * len(task.train_ids) + seen, total=phase.epochs * len(task.train_ids)))
            reported = time.monotonic()
    return (loss_sum / seen, hits / seen), False


def _step(learner: Learner, loss: torch.Tensor) -> None:
    if not torch.isfinite(loss):
        raise TransferError(
            "The loss is no longer a number: the steps were too big. Train again with a smaller learning rate "
            "(under Advanced), for example a tenth of this one."
        )
    learner.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in learner.optimizer.param_groups for p in group["params"]]
    nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
    learner.optimizer.step()


def _batches(count: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Rows of each batch, shuffled, of nearly equal size: a last batch of one photo would spoil batch norm."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    return np.array_split(order, max(1, min(round(count / batch_size), count // 2)))


def _load_ahead(task: Task, batches: list[np.ndarray], epoch: int) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """Yields (rows, pixels uint8 (batch, 3, size, size)); the next batch is loaded while this one is learned from."""
    photos, config = task.photos(task.split.train), task.run.config

    def load(row: int) -> np.ndarray:
        photo, path = photos[row]
        prepared_dir, preparation = task.workspace.prepared_dir, task.backbone.preparation
        return load_varied(path, photo, prepared_dir, preparation, config.augmentation, config.seed, epoch)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        waiting = [pool.submit(load, row) for row in batches[0]]
        for number, rows in enumerate(batches):
            pixels = torch.from_numpy(np.stack([future.result() for future in waiting]))
            waiting = [pool.submit(load, row) for row in batches[number + 1]] if number + 1 < len(batches) else []
            yield rows, pixels


def _val_pixels(task: Task) -> np.ndarray | None:
    """Prepared pixels uint8 (n, 3, size, size) of the validation photos; None when stopped meanwhile."""
    task.emit(PhaseStarted(name="prepare", title="Preparing the photos kept aside"))
    prepared = PreparedPhotos(task.backbone.preparation, task.workspace.prepared_dir)
    photos = task.photos(task.split.val)
    try:
        prepare_all(prepared, photos, lambda done, total: task.emit(Progress(done=done, total=total)), task.should_stop)
    except InterruptedError:
        return None
    return np.stack([prepared(photo, path) for photo, path in photos])


def _confidences(learner: Learner, pixels: np.ndarray) -> np.ndarray:
    """float64 (n, classes) of prepared pixels uint8 (n, 3, size, size)."""
    learner.body.eval()
    with torch.inference_mode():
        parts = [
            learner.logits(torch.from_numpy(pixels[start : start + _VAL_BATCH])).cpu().numpy()
            for start in range(0, len(pixels), _VAL_BATCH)
        ]
    return softmax(np.concatenate(parts))


def _save(task: Task, index: int, epoch: int, learner: Learner) -> None:
    step = task.epochs_before(index) + epoch
    modules = nn.ModuleDict({"body": learner.body, "head": learner.head})
    tensors = {f"model.{name}": value.cpu().numpy() for name, value in modules.state_dict().items()}
    for number, state in learner.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value.cpu().numpy() for name, value in state.items()}
    save_checkpoint(task.run.checkpoint_path, Checkpoint(index, epoch, step, tensors))
    task.emit(CheckpointSaved(step=step))


def _restore(learner: Learner, checkpoint: Checkpoint) -> None:
    weights, states = {}, {}
    for name, value in checkpoint.arrays.items():
        kind, _, rest = name.partition(".")
        if kind == "model":
            weights[rest] = torch.from_numpy(value)
        else:
            number, _, entry = rest.partition(".")
            states.setdefault(int(number), {})[entry] = torch.from_numpy(value)
    nn.ModuleDict({"body": learner.body, "head": learner.head}).load_state_dict(weights)
    groups = learner.optimizer.state_dict()["param_groups"]
    learner.optimizer.load_state_dict({"state": states, "param_groups": groups})
