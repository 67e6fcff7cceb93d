"""Where trunks come from: made once, each in its own way, and left behind when their weights change."""

import threading

import pytest

from tests.helpers import RESNET, run_python, tiny_row
from transfer_core.backbones import catalog, lite0_graph, onnx_backbone, torch_export
from transfer_core.backbones.onnx_backbone import digest, ensure_trunk, trunk_path

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
    assert (shape, heavy) == ("['batch', 1280]", "set()"), answer.stderr
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
