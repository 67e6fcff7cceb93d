"""The exported model on disk: stored once, and the checked bytes or none."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import RESNET, exported, tiny_row
from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.backbones.torch_backbone import build_random
from transfer_core.errors import RunError
from transfer_core.export.onnx import export_model, load_trunk
from transfer_core.inference import model_file
from transfer_core.inference.model_file import ModelDamaged, is_intact, read_model, save_model
from transfer_core.runs import Run
from transfer_core.runs.events import EventLog, StepFinished
from transfer_core.training.context import Trained
from transfer_core.training.finetune.warm_start import begin_from
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.trained_model import find_network, load_head, save_trained

LITE0 = catalog.BUILT_IN[catalog.BUNDLED]
NAMES = ("blue", "green", "red")


@pytest.fixture
def kept(queue_run, workspace):
    """Saves a model as a run on that backbone would leave it: (run, its `model.onnx`, its digest)."""

    def kept(row=LITE0, tuned: bool = False, seed: int = 0) -> tuple[Run, bytes, str]:
        run, rng = queue_run(backbone=row.name), np.random.default_rng(seed)
        width = 1280 if row == LITE0 else 96 if tuned else 384  # a tuned network gives its last layer alone
        head = Head(rng.normal(size=(3, width)).astype(np.float32), rng.normal(size=3).astype(np.float32))
        network = build_random(row).eval() if tuned else None
        save_trained(run, Trained(head, np.zeros((0, 3)), 1, network=network))
        trunk = load_trunk(row, workspace.weights_dir, find_network(run))
        content = export_model(row, trunk, head, NAMES)
        assert save_model(run, row, trunk, content) == content
        return run, content, hashlib.sha256(content).hexdigest()

    return kept


def parts(run: Run) -> Path:
    return run.model_dir / "model.onnx.parts"


@pytest.mark.parametrize("tuned", [False, True])
def test_a_model_is_put_together_byte_for_byte_and_takes_hardly_any_room(kept, tuned):
    run, content, sha256 = kept(tuned=tuned)
    assert read_model(run, sha256) == content and len(content) > 13_000_000
    assert is_intact(run, sha256)
    assert sorted(os.listdir(run.model_dir)) == [
        "head.safetensors",
        "model.onnx.parts",
        *(["network.safetensors"] if tuned else []),
    ]
    assert parts(run).stat().st_size < 60_000


@pytest.mark.full
def test_a_tuned_backbone_that_only_torch_can_write_is_kept_whole(kept):
    run, content, sha256 = kept(tiny_row(RESNET), tuned=True)
    assert read_model(run, sha256) == content and parts(run).stat().st_size > len(content)
    assert b"site-packages" not in content  # torch notes where on this machine its lines stand


def bit_flips(path: Path) -> list[bytes]:
    content = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(content), 40)
    return [content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :] for place in places]


def test_damaged_parts_give_the_checked_bytes_or_none(kept):
    """Any bit, cut anywhere, empty, zeros, those of another run; never bytes that nobody checked."""
    run, content, sha256 = kept(tiny_row(RESNET))
    other, _, _ = kept(tiny_row(RESNET), seed=1)
    whole = parts(run).read_bytes()
    damages = [*bit_flips(parts(run)), whole[: len(whole) // 2], b"", bytes(len(whole)), parts(other).read_bytes()]
    refused = 0
    for damage in damages:
        parts(run).write_bytes(damage)
        try:
            assert read_model(run, sha256) == content
        except ModelDamaged as error:
            assert (
                str(error)
                == f"The exported model of run '{run.id}' is damaged or gone. Export it again: Graft makes a new one."
            )
            refused += 1
    assert refused > 30
    parts(run).unlink()
    with pytest.raises(ModelDamaged):
        read_model(run, sha256)
    parts(run).write_bytes(whole)
    assert read_model(run, sha256) == content


def test_damage_is_seen_once_a_file_changes_and_not_looked_for_before(kept, monkeypatch):
    run, _, sha256 = kept()
    assert is_intact(run, sha256)
    with monkeypatch.context() as patch:
        patch.setattr(model_file, "read_model", lambda *_: pytest.fail("read once more"))
        assert is_intact(run, sha256)
    whole = parts(run).read_bytes()
    parts(run).write_bytes(whole[:-1])
    assert not is_intact(run, sha256)
    parts(run).write_bytes(whole)
    assert is_intact(run, sha256)


def test_a_missing_trunk_of_the_embedded_backbone_is_made_anew(kept, workspace):
    run, content, sha256 = kept()
    shutil.rmtree(workspace.weights_dir)
    assert read_model(run, sha256) == content


def test_a_damaged_network_is_no_model(kept):
    run, _, sha256 = kept(tuned=True)
    path = run.model_dir / "network.safetensors"
    path.write_bytes(bit_flips(path)[0])
    assert not is_intact(run, sha256)


def test_a_model_outlives_a_backbone_that_was_deleted(finished, workspace):
    content = exported(finished)
    [trunk] = (finished.photos_dir.parent / "trunks").iterdir()  # a second name, where the file system has such
    assert trunk.samefile(workspace.weights_dir / RESNET / trunk.name) or trunk.stat().st_nlink == 1
    assert parts(finished).stat().st_size < len(content) / 2
    shutil.rmtree(workspace.weights_dir)
    assert exported(finished) == content


def test_a_kept_trunk_that_is_damaged_is_replaced(kept, workspace):
    run, content, sha256 = kept(tiny_row(RESNET))
    [trunk] = (run.photos_dir.parent / "trunks").iterdir()
    trunk.unlink()
    trunk.write_bytes(b"damaged")
    assert read_model(run, sha256) == content  # from weights/
    other, content, sha256 = kept(tiny_row(RESNET), seed=1)
    shutil.rmtree(workspace.weights_dir)
    assert read_model(other, sha256) == content


def test_where_a_file_has_one_name_only_the_trunk_is_copied(kept, workspace, monkeypatch):
    def refuse(*_):
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", refuse)
    run, content, sha256 = kept(tiny_row(RESNET))
    [trunk] = (run.photos_dir.parent / "trunks").iterdir()
    assert trunk.read_bytes() == (workspace.weights_dir / RESNET / trunk.name).read_bytes()
    shutil.rmtree(workspace.weights_dir)
    assert read_model(run, sha256) == content


def as_before(run: Run) -> tuple[Run, bytes]:
    """The run as earlier versions left it: the model whole, and its digest nowhere."""
    content, check = exported(run), dict(runs.read_state(run).steps["export"].result)
    del check["sha256"]
    run.whole_model_path.write_bytes(content)
    parts(run).unlink()
    EventLog(run.events_path).append(StepFinished(name="export", result=check))
    return run, content


def test_a_run_of_an_earlier_version_is_read_as_it_is(finished):
    run, content = as_before(finished)
    assert read_model(run, None) == content and is_intact(run, None)


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[:-9], lambda content: bytes(999)])
def test_a_run_of_an_earlier_version_whose_model_is_none_is_refused(finished, damage):
    run, content = as_before(finished)
    run.whole_model_path.write_bytes(damage(content))
    assert not is_intact(run, None)


# --- what training leaves ------------------------------------------------------------------------------------------


def test_a_damaged_head_is_neither_exported_nor_trained_on(finished, workspace):
    path = finished.model_dir / "head.safetensors"
    whole = path.read_bytes()
    for damage in (whole[:-1] + bytes([whole[-1] ^ 4]), whole[:-9], b""):
        path.write_bytes(damage)
        with pytest.raises(RunError, match=r"its file head.safetensors is damaged. Train again"):
            load_head(finished)
        with pytest.raises(RunError, match="is damaged"):
            begin_from(workspace, finished.id, tiny_row(RESNET), NAMES)


def test_the_pretrained_backbone_never_stands_in_for_a_lost_network(kept):
    run, _, _ = kept(tuned=True)
    (run.model_dir / "network.safetensors").unlink()
    with pytest.raises(RunError, match=r"its file network.safetensors is missing. Train again"):
        find_network(run)
