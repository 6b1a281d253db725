"""Writes a PyTorch file by hand: the pickle stream and the zip around it, without the classes it names.

The files name the class of another program (a settings record), which this program neither has nor imports.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_tts.checkpoints.unpickle import Record

_STORAGE = {
    torch.float16: "HalfStorage", torch.float32: "FloatStorage", torch.int64: "LongStorage",
}  # fmt: skip
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the same weights give the same bytes
_ALIGNMENT = 64  # PyTorch maps storages into memory from such offsets


class Ordered(dict):
    """A dictionary that is written as `collections.OrderedDict`."""


class _Writer:
    """Pickle protocol 2. `storages` collects the tensors in the order in which they are named."""

    def __init__(self) -> None:
        self.out = bytearray(b"\x80\x02")
        self.storages: list[Tensor] = []

    def write(self, value: Any) -> None:
        if value is None:
            self.out += b"N"
        elif isinstance(value, bool):
            self.out += b"\x88" if value else b"\x89"
        elif isinstance(value, int):
            self._integer(value)
        elif isinstance(value, float):
            self.out += b"G" + struct.pack(">d", value)
        elif isinstance(value, str):
            text = value.encode("utf-8")
            self.out += b"X" + struct.pack("<I", len(text)) + text
        elif isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, Record):
            module, _, name = value.class_name.rpartition(".")
            self._global(module, name)
            self.out += b")\x81"  # an instance made without arguments
            self._dictionary(value.fields)
            self.out += b"b"  # its attributes
        elif isinstance(value, dict):
            if isinstance(value, Ordered):
                self._empty_ordered()
                self._items(value)
            else:
                self._dictionary(value)
        elif isinstance(value, list | tuple):
            self.out += b"]("
            for item in value:
                self.write(item)
            self.out += b"e"
        else:
            raise TypeError(f"A {type(value).__name__} has no place in a weight file.")

    def _integer(self, value: int) -> None:
        if -(2**31) <= value < 2**31:
            self.out += b"J" + struct.pack("<i", value)
        else:
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.out += b"\x8a" + bytes([len(data)]) + data

    def _global(self, module: str, name: str) -> None:
        self.out += f"c{module}\n{name}\n".encode()

    def _empty_ordered(self) -> None:
        self._global("collections", "OrderedDict")
        self.out += b")R"

    def _dictionary(self, value: dict[Any, Any]) -> None:
        self.out += b"}"
        self._items(value)

    def _items(self, value: dict[Any, Any]) -> None:
        self.out += b"("
        for key, item in value.items():
            self.write(key)
            self.write(item)
        self.out += b"u"

    def _tensor(self, value: Tensor) -> None:
        """torch._utils._rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict())"""
        value = value.detach().cpu().contiguous()
        key = str(len(self.storages))
        self.storages.append(value)
        self._global("torch._utils", "_rebuild_tensor_v2")
        self.out += b"(("
        self.write("storage")
        self._global("torch", _STORAGE[value.dtype])
        for item in (key, "cpu", value.numel()):
            self.write(item)
        self.out += b"tQ"
        self.write(0)
        for sizes in (value.shape, value.stride()):
            self.out += b"("
            for size in sizes:
                self._integer(size)
            self.out += b"t"
        self.write(False)
        self._empty_ordered()
        self.out += b"tR"


def write_torch_file(path: str | Path, value: Any, mark: bytes = b"PK") -> None:
    """Write `value` (plain values, `Ordered`, `Record`, tensors of fp16, fp32 or int64) where torch.load reads it.

    mark: what the first two bytes are set to; other than b"PK", plain torch.load no longer recognises the file
    """
    writer = _Writer()
    writer.write(value)
    writer.out += b"."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _entry(archive, "data.pkl", bytes(writer.out))
        _entry(archive, "byteorder", b"little")
        for key, tensor in enumerate(writer.storages):
            _entry(archive, f"data/{key}", tensor.view(-1).view(torch.uint8).numpy().tobytes())
        _entry(archive, "version", b"3\n")
    with Path(path).open("r+b") as file:
        file.write(mark)


def _entry(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """One uncompressed entry whose data begin at a multiple of 64 bytes, by a filler in the extra field."""
    info = zipfile.ZipInfo(f"archive/{name}", _FIXED_TIME)
    assert archive.fp is not None
    start = archive.fp.tell() + 30 + len(info.filename) + 4  # header, name, head of the extra field
    filler = -start % _ALIGNMENT
    info.extra = struct.pack("<HH", 0x4246, filler) + b"Z" * filler
    archive.writestr(info, data)
