"""What is made of the driver's answer, and of a CUDA_VISIBLE_DEVICES that is already set."""

import pytest

from transfer_core.jobs import gpus

TWO = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa1111-0000)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb2222-0000)
"""
DIVIDED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa1111-0000)
  MIG 3g.20gb     Device  0: (UUID: MIG-cccc3333-0000)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-aaaa1111-0000/7/0)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb2222-0000)
"""
BROKEN = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"


@pytest.mark.parametrize(
    ("answer", "visible", "expected"),
    [
        ("", None, []),
        (BROKEN, None, []),
        (TWO, None, ["GPU-aaaa1111-0000", "GPU-bbbb2222-0000"]),
        (DIVIDED, None, ["MIG-cccc3333-0000", "MIG-GPU-aaaa1111-0000/7/0", "GPU-bbbb2222-0000"]),
        (TWO, "", []),  # hidden on purpose
        (TWO, "-1", []),
        (TWO, "NoDevFiles", []),
        (TWO, "1", ["1"]),  # CUDA may count in another order than the driver's tool, so numbers stay as they are
        (TWO, " 1, 0", ["1", "0"]),
        (TWO, "0,0", ["0"]),
        (TWO, "0,2,1", ["0"]),  # CUDA stops at the first that is not there
        (TWO, "GPU-bbbb", ["GPU-bbbb"]),
        (TWO, "GPU-dddd,0", []),
        (DIVIDED, "MIG-cccc3333-0000", ["MIG-cccc3333-0000"]),
        (DIVIDED, "0,1,2", ["0", "1"]),
        ("", "0,1", []),  # set on a machine that has none
    ],
)
def test_gpus_that_may_be_used(monkeypatch, answer, visible, expected):
    monkeypatch.setattr(gpus, "_ask_driver", lambda: answer)
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(gpus.VISIBLE, visible)
    assert gpus.visible_gpus() == expected


def test_the_driver_is_asked(driver_tool):
    driver_tool(f"test \"$1\" = -L && echo '{TWO}'")
    assert gpus.visible_gpus() == ["GPU-aaaa1111-0000", "GPU-bbbb2222-0000"]


def test_a_machine_without_a_driver_has_none(tmp_path, monkeypatch):
    monkeypatch.delenv(gpus.VISIBLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible_gpus() == []


def test_a_driver_that_hangs_is_not_waited_for(driver_tool, monkeypatch):
    monkeypatch.setattr(gpus, "_ANSWER_S", 0.05)
    driver_tool("exec sleep 60")
    assert gpus.visible_gpus() == []
