"""Reading weights without torch: the numbers that torch reads, and nothing else that a pickle can do."""

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from transfer_core.backbones import catalog, weights
from transfer_core.backbones.torch_checkpoint import read_state_dict

HEADER = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
NUMBERS = np.arange(6, dtype="<f4")


def save(state, path: Path) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def test_the_embedded_weights_are_read_as_torch_reads_them():
    path = weights.locate(catalog.BUILT_IN[catalog.BUNDLED], None)
    ours, theirs = read_state_dict(path), torch.load(path, weights_only=True)
    assert list(ours) == list(theirs) and len(ours) == 296
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor.numpy())


def test_tensors_of_every_form_are_read_as_they_were_saved(tmp_path):
    whole = torch.arange(24.0).reshape(2, 3, 4)
    state = OrderedDict(
        whole=whole,
        turned=whole.permute(2, 0, 1),
        part=whole[1, 1:, ::2],  # begins in the middle of the numbers that it shares
        number=torch.tensor(7),
        empty=torch.zeros(0, 3),
    )
    found = read_state_dict(save(state, tmp_path / "file.pth"))
    assert list(found) == list(state)
    for name, tensor in state.items():
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name], tensor.numpy())


# --- files that are not what they should be ------------------------------------------------------------------------


class _Call:
    """Unpickled, it calls something."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class _Storage:
    """Pickled as a reference, as torch does with numbers that follow later."""

    def __init__(self, *reference):
        self.reference = reference


class _Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.reference if isinstance(thing, _Storage) else None


def storage(kind="storage", dtype=torch.FloatStorage, count=6, view=None) -> _Storage:
    return _Storage(kind, dtype, "0", "cpu", count, view)


def tensor(offset=0, shape=(2, 3), strides=(3, 1), numbers=None) -> _Call:
    numbers = storage() if numbers is None else numbers
    return _Call(torch._utils._rebuild_tensor_v2, numbers, offset, shape, strides, False, OrderedDict())


def content(state, *, header=HEADER, keys=("0",), count: int = 6) -> bytes:
    file = io.BytesIO()
    for thing in (*header, state, list(keys)):
        _Pickler(file, 2).dump(thing)
    return file.getvalue() + count.to_bytes(8, "little") + NUMBERS.tobytes()


def read(file: bytes, folder: Path) -> dict[str, np.ndarray]:
    (folder / "file.pth").write_bytes(file)
    return read_state_dict(folder / "file.pth")


def test_the_files_of_these_tests_are_read_unless_spoilt(tmp_path):
    np.testing.assert_array_equal(read(content({"a": tensor()}), tmp_path)["a"], NUMBERS.reshape(2, 3))


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("function", [os.system, eval, __import__, torch.load, np.save])
def test_a_pickle_that_calls_anything_else_is_refused_before_it_does(tmp_path, function, place):
    marker = tmp_path / "called"
    things = [*HEADER, {"a": tensor()}, ["0"]]
    things[place] = _Call(function, f"touch {marker}" if function is os.system else str(marker))
    file = io.BytesIO()
    for thing in things:
        _Pickler(file, 2).dump(thing)
    with pytest.raises(ValueError, match=f"it asks for .*{function.__name__}"):
        read(file.getvalue(), tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        content({"a": tensor(numbers=storage(dtype="O"))}),  # numbers of the file as addresses of Python objects
        content({"a": tensor(numbers=storage(dtype=torch.DoubleStorage))}),
        content({"a": tensor(numbers=storage(kind="module"))}),
        content({"a": tensor(numbers=storage(view=("1", 0, 6)))}),
        content({"a": tensor(numbers=storage(count=10**12))}),  # more than the file is long
        content({"a": tensor(numbers=storage(count=-1))}),
        content({"a": tensor(numbers="text")}),
        content({"a": tensor(shape=(3, 3))}),  # beyond the end
        content({"a": tensor(offset=1)}),
        content({"a": tensor(offset=-1)}),  # before the beginning
        content({"a": tensor(strides=(-3, 1))}),
        content({"a": tensor(shape=(2**62, 4), strides=(0, 0))}),
        content({"a": "text"}),
        content({1: tensor()}),
        content([tensor()]),
        content({"a": tensor()}, keys=()),  # a tensor whose numbers never come
        content({"a": tensor()}, keys=("0", "1")),
        content({"a": tensor()}, count=5),
        content({"a": tensor()}, header=(1, *HEADER[1:])),
        content({"a": tensor()}, header=(*HEADER[:2], {"little_endian": False})),
        content({"a": tensor()}, header=(*HEADER[:2], {})),
    ],
)
def test_whatever_else_is_wrong_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="no file of plain tensors"):
        read(wrong, tmp_path)


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path):
    whole = content({"a": tensor()})
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="no file of plain tensors"):
            read(whole[:length], tmp_path)


@pytest.mark.parametrize("zipped", [torch.zeros(3), {"a": torch.zeros(3)}])
def test_the_later_format_of_torch_is_refused(tmp_path, zipped):
    torch.save(zipped, tmp_path / "file.pth")
    with pytest.raises(ValueError, match="no file of plain tensors"):
        read_state_dict(tmp_path / "file.pth")
