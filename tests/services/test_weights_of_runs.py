"""The network of an earlier run as a backbone of its own."""

import contextlib
import io
import subprocess

import numpy as np
import pytest
import torch

from tests.helpers import RESNET, tiny_row
from transfer_core.backbones import adopt, catalog
from transfer_core.backbones.torch_backbone import build_backbone, build_random
from transfer_core.errors import BackboneError
from transfer_core.services import weights
from transfer_core.training.context import Trained
from transfer_core.training.linear_probe.head import Head
from transfer_core.training.trained_model import save_trained


@pytest.fixture
def in_this_process(monkeypatch):
    """The program that adds a network, without a process of its own, which takes seconds to import torch."""

    def run_python(module_and_arguments):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = adopt.main(module_and_arguments[1:])
        return subprocess.CompletedProcess([], code, printed.getvalue(), "")

    monkeypatch.setattr(weights, "run_python", run_python)


def changed(run):
    """Leaves in a run's folder what fine-tuning leaves."""
    torch.manual_seed(7)
    network = build_random(tiny_row(RESNET)).eval()
    width = network.num_features
    head = Head(np.zeros((3, width), np.float32), np.zeros(3, np.float32))
    run.model_dir.mkdir(exist_ok=True)
    save_trained(run, Trained(head, np.full((1, 3), 1 / 3), 1, network=network))
    return network.state_dict()


def test_it_stands_in_the_catalogue_with_its_title(tiny_workspace, queue_run, in_this_process):
    run = queue_run(strategy="full")
    state = changed(run)
    added = weights.add_run(tiny_workspace, run, "Blots, fine-tuned")
    assert added["matched"] == added["total"] and added["name"] == "test_resnet.own1"
    row = catalog.find("test_resnet.own1", tiny_workspace.weights_dir)
    assert (row.title, row.licence) == ("Blots, fine-tuned", "own")
    own = build_backbone(row, tiny_workspace.weights_dir).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in own.items())


def test_a_run_with_a_frozen_backbone_has_none(workspace, finished):
    with pytest.raises(BackboneError, match=r"its backbone was frozen\. Choose a run that was fine-tuned"):
        weights.add_run(workspace, finished, "")
