"""The exported model: the same answers as the trained one, from the original files."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tests.helpers import RESNET, exported, tiny_row
from transfer_core import runs
from transfer_core.backbones import catalog
from transfer_core.backbones.onnx_backbone import trunk_path
from transfer_core.backbones.preprocess import Preparer
from transfer_core.backbones.torch_backbone import build_random
from transfer_core.backbones.torch_export import Normalized
from transfer_core.data.images import decode
from transfer_core.evaluation.result import ValAnswers, load_answers
from transfer_core.export.onnx import export_model, load_trunk
from transfer_core.export.parity import check_parity
from transfer_core.support.arrays import read_arrays, write_arrays
from transfer_core.training.linear_probe.head import Head


def test_the_model_is_preparation_trunk_and_head(finished, workspace):
    row = tiny_row(RESNET)
    head = Head(**read_arrays(finished.model_dir / "head.safetensors")[0])
    trunk = onnxruntime.InferenceSession(str(trunk_path(row, workspace.weights_dir)))
    model = onnxruntime.InferenceSession(exported(finished))
    for item in runs.load_split(finished).val:
        photo = decode.load_rgb(finished.photos_dir / item.file)
        pixels = Preparer(row.preparation)(photo)
        expected = head.confidences(trunk.run(None, {"pixels": pixels[None]})[0])
        found = model.run(["confidences"], {"photo": photo[None]})[0]
        assert (found.shape, found.dtype) == ((1, 3), np.float32)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_tuned_embedded_backbone_answers_as_torch_does(tmp_path):
    """Written without torch's exporter; its weights come from the file that a run leaves, in whatever order."""
    row = catalog.BUILT_IN[catalog.BUNDLED]
    network = build_random(row)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("running_mean", "bias")):
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))
            elif name.endswith("running_var"):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    write_arrays(tmp_path / "network.safetensors", state, {"order": list(state)})
    trunk = load_trunk(row, tmp_path / "no-weights", tmp_path / "network.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 224, 224), np.uint8)
    found = onnxruntime.InferenceSession(trunk.SerializeToString()).run(None, {"pixels": pixels})[0]
    with torch.inference_mode():
        expected = Normalized(network.eval(), row.preparation)(torch.from_numpy(pixels)).numpy()
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found[:, :1280], expected, atol=1e-4 * np.abs(expected).max())


def test_the_file_is_as_documented(finished):
    model = onnx.load_model_from_string(exported(finished))
    onnx.checker.check_model(model, full_check=True)
    assert [entry.name for entry in model.graph.input] == ["photo"]
    assert [entry.name for entry in model.graph.output] == ["confidences"]
    assert model.ir_version <= 10 and [entry.version for entry in model.opset_import if not entry.domain] == [20]
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["class_names"].split("\n") == ["blue", "green", "red"]


def test_photos_of_any_size_go_in(finished):
    model = onnxruntime.InferenceSession(exported(finished))
    for size in ((1, 1), (7, 300), (500, 333)):
        found = model.run(None, {"photo": np.zeros((1, *size, 3), np.uint8)})[0]
        assert found.sum() == pytest.approx(1, abs=1e-5)


def _photos(run):
    return [run.photos_dir / item.file for item in runs.load_split(run).val]


def test_parity_finds_none_where_there_is_no_difference(finished):
    split, answers = runs.load_split(finished), load_answers(finished.evaluation_dir)
    parity = check_parity(exported(finished), split.class_names, _photos(finished), answers)
    assert (parity.changed_labels, parity.checked) == (0, 6)
    assert parity.max_difference < 1e-4


def test_parity_finds_a_head_of_another_order(finished, workspace):
    """The classes got mixed up on the way: this is what the check is for."""
    split, row = runs.load_split(finished), tiny_row(RESNET)
    head = Head(**read_arrays(finished.model_dir / "head.safetensors")[0])
    turned = Head(np.roll(head.weight, 1, 0), np.roll(head.bias, 1))
    trunk = load_trunk(row, workspace.weights_dir, None)
    model = export_model(row, trunk, turned, split.class_names)
    answers = load_answers(finished.evaluation_dir)
    parity = check_parity(model, split.class_names, _photos(finished), answers)
    assert parity.changed_labels == 6 and parity.max_difference > 0.1


def test_parity_needs_an_answer_for_every_photo(finished):
    answers = ValAnswers(np.ones((2, 3)) / 3, np.zeros(2, int))
    with pytest.raises(ValueError, match="6 photos, but answers for 2"):
        check_parity(exported(finished), ("a", "b", "c"), _photos(finished), answers)
