"""Tensors from a file that `torch.save` wrote before torch 1.6, without torch. Imports nothing but numpy.

Such a file is five pickles (magic number, version, the machine, the tensors without their numbers, the order of their
storages), then the storages, each as its count and its numbers. A pickle may call whatever it can name: this reader
lets it name what a dict of tensors needs, and nothing else.

Source: `_legacy_save` and `_legacy_load` in torch/serialization.py, https://github.com/pytorch/pytorch
"""

import os
from collections import OrderedDict
from io import BufferedReader
from pathlib import Path
from pickle import Unpickler, UnpicklingError

import numpy as np

_MAGIC_NUMBER, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
# What unpickling may raise over bytes that are not what they should be; the last for a length that no machine holds.
_DAMAGED = (UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError, ArithmeticError, MemoryError)


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """The tensors by name, in the order and with the shapes in which they were saved.

    Raises:
        ValueError: The file is damaged, of another format, or holds more than tensors.
    """
    with path.open("rb") as file:
        try:
            return _Reader(file).read()
        except _DAMAGED as error:
            raise ValueError(f"it is no file of plain tensors ({error})") from error


class _Reader(Unpickler):
    """Makes the tensors as views of storages that are still empty, and then fills these."""

    def __init__(self, file: BufferedReader):
        super().__init__(file)
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._storages: dict[str, np.ndarray] = {}

    def read(self) -> dict[str, np.ndarray]:
        magic_number, version, machine = self.load(), self.load(), self.load()
        if (magic_number, version, machine["little_endian"]) != (_MAGIC_NUMBER, _VERSION, True):
            raise UnpicklingError("another format")
        tensors, keys = self.load(), self.load()
        if not all(isinstance(name, str) and isinstance(tensor, np.ndarray) for name, tensor in tensors.items()):
            raise UnpicklingError("it holds more than tensors")
        if set(keys) != self._storages.keys():
            raise UnpicklingError("its storages are not those of its tensors")
        for key in keys:
            self._fill(self._storages[key])
        return dict(tensors)

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, reference: tuple) -> np.ndarray:
        kind, dtype, key, _device, count, view = reference
        if kind != "storage" or dtype not in _DTYPES.values() or view is not None or count > self._size:
            raise UnpicklingError(f"it refers to {str(reference)[:100]}")
        return self._storages.setdefault(key, np.empty(count, dtype))

    @staticmethod
    def _rebuild_tensor(storage: np.ndarray, offset: int, shape: tuple, strides: tuple, *_: object) -> np.ndarray:
        width = storage.itemsize  # torch counts numbers where numpy counts bytes; numpy refuses views beyond the end
        return np.ndarray(shape, storage.dtype, storage, offset * width, [stride * width for stride in strides])

    def _fill(self, storage: np.ndarray) -> None:
        count = int.from_bytes(self._file.read(8), "little")
        if count != storage.size or self._file.readinto(storage.data) != storage.nbytes:
            raise UnpicklingError("it is cut off")
