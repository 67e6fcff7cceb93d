"""A network parted where its frozen stages end: both parts together are the whole, and what is kept is what was."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from torch import nn

from tests.training.test_engine import make_context
from transfer_core.backbones.torch_backbone import stages
from transfer_core.errors import StopRequested, TransferError
from transfer_core.training import engine
from transfer_core.training.finetune import activation_cache
from transfer_core.training.finetune.activation_cache import open_bank
from transfer_core.training.finetune.freeze_boundary import Boundary
from transfer_core.training.finetune.learner import build_learner
from transfer_core.training.plan import load_plan

NETWORKS = ["test_resnet", "test_vit", "test_convnext", "test_coatnet", "test_efficientnet", "test_nfnet"]


class Body(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, pixels):
        return self.network(pixels)


@pytest.mark.parametrize("name", NETWORKS)
def test_both_parts_together_are_the_whole(name):
    network = timm.create_model(name, pretrained=False, num_classes=0).eval()
    side = network.default_cfg["input_size"][-1]
    body, pixels = Body(network).eval(), torch.randn(2, 3, side, side)
    for frozen in range(1, len(stages(network))):
        boundary = Boundary(body, network, frozen, torch.zeros(1, 3, side, side))
        assert boundary.holds(pixels)
        torch.testing.assert_close(boundary.after(boundary.before(pixels)), body(pixels))


class Shortcut(Body):
    """Passes something by every boundary, as a network of another making might."""

    def forward(self, pixels):
        return self.network(pixels) + pixels.mean()


def test_what_goes_by_the_boundary_is_noticed():
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0).eval()
    boundary = Boundary(Shortcut(network), network, 2, torch.zeros(1, 3, 64, 64))
    assert not boundary.holds(torch.randn(2, 3, 64, 64) + 1)


def test_only_what_comes_after_the_boundary_gets_gradients():
    network = timm.create_model("test_resnet", pretrained=False, num_classes=0)
    boundary = Boundary(Body(network), network, 2, torch.zeros(1, 3, 64, 64))
    boundary.after(boundary.before(torch.randn(2, 3, 64, 64))).sum().backward()
    groups, own = stages(network), dict(network.named_parameters())
    assert all(own[name].grad is not None for stage in groups[2:] for name in stage)


@pytest.fixture
def partial(tiny_workspace, queue_run):
    return make_context(tiny_workspace, queue_run(strategy="partial", epochs=4, views=2), [].append)


def never() -> bool:
    return False


def opened(context):
    learner = build_learner(context, 1, None)
    return learner, open_bank(context, 1, learner)[1]


def test_kept_activations_are_those_of_the_photos_variations(partial):
    from transfer_core.training.augment.loader import load_batches
    from transfer_core.training.finetune.learner import vary

    learner, kept = opened(partial)
    done = []
    kept.fill(partial, learner.boundary, lambda *progress: done.append(progress), never)
    assert done[-1] == (2 * 18, 2 * 18)
    rows = [np.array([3, 7, 1])]
    for epoch in range(4):
        [batch] = kept.load_batches(rows, epoch)
        [photos] = load_batches(partial, rows, epoch % 2)
        learner.body.eval()
        expected = learner.boundary.before(vary(photos.pixels, photos.variations))
        np.testing.assert_allclose(batch.pixels.numpy(), expected.numpy(), rtol=2e-3, atol=2e-3)  # half precision
        assert batch.variations is None


def test_a_bank_that_is_there_is_not_made_again_and_one_cut_short_is(partial):
    learner, kept = opened(partial)
    asked = []
    with pytest.raises(StopRequested):
        kept.fill(partial, learner.boundary, lambda *progress: None, lambda: asked.append(1) or len(asked) > 1)
    assert not list(kept.folder.glob("*.bin"))
    kept.fill(partial, learner.boundary, lambda *progress: None, never)
    first, second = (path.read_bytes() for path in sorted(kept.folder.glob("*.bin")))
    assert first != second
    kept.fill(partial, learner.boundary, lambda *progress: pytest.fail("made again"), never)
    (kept.folder / "1.bin").unlink()
    done = []
    kept.fill(partial, learner.boundary, lambda *progress: done.append(progress[0]), never)
    assert min(done) > 18  # only the second variation is made again
    assert (kept.folder / "1.bin").read_bytes() == second


FLIPPED = "bit"
DAMAGED = {
    FLIPPED: lambda content: content[:9] + bytes([content[9] ^ 1]) + content[10:],
    "cut": lambda content: content[:-6],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("name", ["0.bin", "0.crc32"])
@pytest.mark.parametrize("damage", [*DAMAGED, "missing", "another's"])
def test_a_damaged_bank_is_made_anew(partial, name, damage):
    """A run that was killed leaves its bank, and goes on with it when it is resumed."""
    seen = []
    partial = replace(partial, emit=seen.append)
    learner, kept = opened(partial)
    kept.fill(partial, learner.boundary, lambda *progress: None, never)
    path, whole = kept.folder / name, (kept.folder / "0.bin").read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "another's":
        path.write_bytes((kept.folder / name.replace("0", "1")).read_bytes())
    else:
        path.write_bytes(DAMAGED[damage](path.read_bytes()))
    seen.clear()
    learner, kept = opened(partial)
    kept.fill(partial, learner.boundary, lambda *progress: None, never)
    assert (kept.folder / "0.bin").read_bytes() == whole
    assert len(seen) == ((name, damage) != ("0.bin", "missing"))  # one word, or none where nothing was left
    [batch] = kept.load_batches([np.array([0, 1])], 0)
    assert batch.pixels.shape[0] == 2


def test_what_the_disk_changes_meanwhile_is_not_learned_from(partial):
    learner, kept = opened(partial)
    kept.fill(partial, learner.boundary, lambda *progress: None, never)
    path = kept.folder / "0.bin"
    path.write_bytes(DAMAGED[FLIPPED](path.read_bytes()))
    assert list(kept.load_batches([np.array([2, 1])], 0))  # others are as they were
    with pytest.raises(TransferError, match=r"damaged on the disk. Press Resume"):
        list(kept.load_batches([np.array([2, 0])], 0))


def test_without_room_on_the_disk_the_photos_themselves_are_learned_from(partial, monkeypatch):
    """Decided once: a resumed run learns as it began to, however much room there is by then."""
    seen = []
    partial = replace(partial, emit=seen.append)
    monkeypatch.setattr(activation_cache, "_MOST_BYTES", 1000)
    learner = build_learner(partial, 1, None)
    decided, kept = open_bank(partial, 1, learner)
    assert kept is None and learner.boundary is None
    assert "Every epoch makes new augmented copies" in seen[0].message
    assert load_plan(partial.plan_path) == decided.plan
    monkeypatch.undo()
    assert open_bank(decided, 1, learner)[1] is None


def test_with_room_once_there_is_a_bank_for_good(partial, monkeypatch):
    decided, kept = open_bank(partial, 1, build_learner(partial, 1, None))
    assert kept and load_plan(partial.plan_path).keeps_views
    monkeypatch.setattr(activation_cache, "_MOST_BYTES", 1000)  # its own files have filled the disk meanwhile
    assert open_bank(decided, 1, build_learner(decided, 1, None))[1]


def test_without_views_there_is_no_bank(tiny_workspace, queue_run):
    context = make_context(tiny_workspace, queue_run(strategy="partial", epochs=4, views=0), [].append)
    assert opened(context)[1] is None


def test_nothing_of_it_stays_behind(partial):
    engine.fit(partial)
    assert not list(partial.scratch_dir.glob("views*"))
