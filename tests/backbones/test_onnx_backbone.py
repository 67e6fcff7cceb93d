"""Where trunks come from: made once, each in its own way, and left behind when their weights change."""

import shutil
import threading

import onnx
import pytest

from tests.helpers import RESNET, run_python, tiny_row
from transfer_core.backbones import catalog, lite0_graph, onnx_backbone, torch_export
from transfer_core.backbones.onnx_backbone import digest, ensure_trunk, trunk_path
from transfer_core.errors import BackboneError

BUNDLED = catalog.BUILT_IN[catalog.BUNDLED]


def test_a_trunk_is_made_once(tiny_weights, monkeypatch):
    monkeypatch.setattr(torch_export, "export_network", lambda *_: pytest.fail("made again"))
    assert ensure_trunk(tiny_row(RESNET), tiny_weights) == trunk_path(tiny_row(RESNET), tiny_weights)


def test_whoever_needs_it_meanwhile_waits(tmp_path, monkeypatch):
    build, built = lite0_graph.build_trunk, []
    monkeypatch.setattr(onnx_backbone.lite0_graph, "build_trunk", lambda *given: built.append(given) or build(*given))
    threads = [threading.Thread(target=ensure_trunk, args=(BUNDLED, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1 and trunk_path(BUNDLED, tmp_path).is_file()


def test_the_embedded_trunk_needs_neither_torch_nor_patience(tmp_path):
    """From nothing to a session that runs it, in a process of its own."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from transfer_core.backbones import catalog, features, onnx_backbone\n"
        "began = time.process_time()\n"
        "path = onnx_backbone.ensure_trunk(catalog.BUILT_IN[catalog.BUNDLED], Path(sys.argv[1]))\n"
        "print(time.process_time() - began)\n"
        "print(features.open_session(path).get_outputs()[0].shape)\n"
        "print({'torch', 'timm', 'onnxscript'} & set(sys.modules))"
    )
    answer = run_python("-c", code, str(tmp_path))
    seconds, shape, heavy = answer.stdout.splitlines()
    assert (shape, heavy) == ("['batch', 2528]", "set()"), answer.stderr
    assert float(seconds) < 3  # of a processor: 0.2 on an idle one; torch's exporter needs 6 and more


def test_other_weights_are_another_digest(tiny_weights, tmp_path):
    row, copy = tiny_row(RESNET), tmp_path / RESNET
    copy.mkdir()
    content = bytearray((tiny_weights / RESNET / "model.safetensors").read_bytes())
    (copy / "model.safetensors").write_bytes(content)
    assert digest(row, tmp_path) == digest(row, tiny_weights)
    content[-1] ^= 1
    (copy / "model.safetensors").write_bytes(content)
    assert digest(row, tmp_path) != digest(row, tiny_weights)


DAMAGED = {
    "bit": lambda content: content[:-9] + bytes([content[-9] ^ 4]) + content[-8:],
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.fixture
def own_weights(tiny_weights, tmp_path):
    """A copy of the tiny weights and the exported trunk."""
    return shutil.copytree(tiny_weights, tmp_path / "own")


@pytest.fixture
def trunk(own_weights):
    return trunk_path(tiny_row(RESNET), own_weights)


@pytest.fixture
def exported(own_weights, trunk, monkeypatch):
    """How often a trunk was exported; each is what the first was."""
    made, model = [], onnx.load(trunk)
    monkeypatch.setattr(torch_export, "export_trunk", lambda *given: made.append(given) or model)
    return made


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_trunk_is_made_anew_with_a_word(own_weights, trunk, exported, damage):
    content, told = trunk.read_bytes(), []
    trunk.write_bytes(DAMAGED[damage](content))
    assert ensure_trunk(tiny_row(RESNET), own_weights, told.append) == trunk
    assert onnx.load(trunk) == onnx.load_from_string(content) and len(exported) == 1
    assert told == ["The prepared copy of Tiny test_resnet.r160_in1k was damaged on the disk. Graft makes it again."]
    ensure_trunk(tiny_row(RESNET), own_weights, lambda _: pytest.fail("damaged still"))
    assert len(exported) == 1


@pytest.mark.parametrize("damage", [*DAMAGED, "missing"])
def test_a_trunk_whose_checksum_is_damaged_is_made_anew(own_weights, trunk, exported, damage):
    path = trunk.with_suffix(".sha256")
    path.write_bytes(DAMAGED.get(damage, bytes)(path.read_bytes())) if damage != "missing" else path.unlink()
    ensure_trunk(tiny_row(RESNET), own_weights)
    assert len(exported) == 1
    ensure_trunk(tiny_row(RESNET), own_weights)
    assert len(exported) == 1


def test_another_trunk_with_its_checksum_is_not_taken(own_weights, trunk, exported, tmp_path):
    other = ensure_trunk(BUNDLED, tmp_path / "bundled")
    for ending in (".onnx", ".sha256"):
        shutil.copy(other.with_suffix(ending), trunk.with_suffix(ending))
    ensure_trunk(tiny_row(RESNET), own_weights)
    assert len(exported) == 1


def test_weights_that_changed_after_they_were_used_are_refused(own_weights, trunk):
    path = own_weights / RESNET / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(DAMAGED["bit"](content))
    with pytest.raises(BackboneError, match=r"are damaged, or were replaced.*Put a good copy of model.safeten"):
        ensure_trunk(tiny_row(RESNET), own_weights)
    (own_weights / RESNET / "source.json").unlink()  # the person says that they are meant
    assert digest(tiny_row(RESNET), own_weights) not in trunk.name
    path.write_bytes(content)
    assert digest(tiny_row(RESNET), own_weights) in trunk.name
