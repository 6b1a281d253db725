"""Opens a PyTorch file (a zip of one pickle and raw numbers) with limits, without PyTorch's loader.

Files of two-stage speech models may have the first two bytes of the zip replaced by two digits that tell a version.
The digits are reported, and the zip is read as if they were still "PK".
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import torch
from torch import Tensor

from sovits_tts.checkpoints.unpickle import DAMAGED, HOSTILE, Storage, TensorRef, read_pickle
from sovits_tts.errors import CheckpointError

MAX_ENTRIES = 20_000
MAX_BYTES = 8 << 30  # all entries unpacked
MAX_PICKLE_BYTES = 64 << 20
MAX_RATIO = 20  # of a compressed entry; PyTorch itself stores without compression
_UNREADABLE = (zipfile.BadZipFile, NotImplementedError, zlib.error, struct.error, EOFError, OSError, ValueError)
RESAVE = "Open it with the program that wrote it and save it again, or get a newer copy."


class _ZipMark(io.RawIOBase):
    """The file, with its first two bytes read as "PK"."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._raw.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        start = self._raw.tell()
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        for position in range(start, min(2, start + len(data))):
            buffer[position - start] = b"PK"[position]
        return len(data)


def _reject_kind(path: Path, head: bytes) -> None:
    """A clear word about files that are not the zip kind. Returns for a zip, marked or not."""
    if head[:2] == b"PK" or (len(head) > 1 and head[:2].isdigit()):
        return
    if len(head) > 262 and head[257:262] == b"ustar":
        raise CheckpointError(f"{path.name} is a PyTorch file of the old tar kind, which is not read.", hint=RESAVE)
    if head[:1] == b"\x80":
        raise CheckpointError(
            f"{path.name} is a bare pickle or a PyTorch file from before version 1.6, which is not read.", hint=RESAVE
        )
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path.name} is a Git LFS pointer, not the weights.", hint="Fetch it with `git lfs pull`, or download it."
        )
    if head.lstrip()[:1] == b"<":
        raise CheckpointError(
            f"{path.name} is a web page, not weights.", hint="Download it again with the file's direct link."
        )
    raise CheckpointError(f"{path.name} is not a PyTorch file.", hint=DAMAGED)


class TorchFile:
    """An opened file: `mark` (its first two bytes), `value` (its pickle, tensors as `TensorRef`), `tensors`.

    Use it in a `with` statement. is_record: see `read_pickle`. Raises CheckpointError for a file that is missing,
    damaged, hostile or of another kind.
    """

    def __init__(self, path: str | Path, is_record: Callable[[str], bool] = lambda name: False) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise CheckpointError(f"There is no file {self.path}.", hint="Check the path.")
        self._file = self.path.open("rb")
        try:
            self._open(is_record)
        except CheckpointError as error:
            self._file.close()
            if error.message.startswith(self.path.name):
                raise
            raise CheckpointError(f"{self.path.name} is refused. {error.message}", hint=error.hint) from error
        except _UNREADABLE as error:
            self._file.close()
            raise CheckpointError(f"{self.path.name} cannot be read ({error}).", hint=DAMAGED) from error

    def _open(self, is_record: Callable[[str], bool]) -> None:
        head = self._file.read(300)
        _reject_kind(self.path, head)
        self.mark = head[:2]
        self._file.seek(0)
        self._zip = zipfile.ZipFile(io.BufferedReader(_ZipMark(self._file)))
        entries = self._check_entries()
        pickles = [name for name in entries if name.rsplit("/", 1)[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise CheckpointError(f"It holds {len(pickles)} pickles named data.pkl instead of one.", hint=DAMAGED)
        self._prefix = pickles[0][: -len("data.pkl")]
        if entries[pickles[0]].file_size > MAX_PICKLE_BYTES:
            raise CheckpointError(f"Its pickle is larger than {MAX_PICKLE_BYTES >> 20} MB.", hint=HOSTILE)
        order = entries.get(self._prefix + "byteorder")
        if order is not None and (order.file_size > 16 or self._zip.read(order).strip() != b"little"):
            raise CheckpointError("Its numbers are in big-endian order, which is not read.", hint=RESAVE)
        self.value = read_pickle(self._zip.read(pickles[0]), is_record)

    def _check_entries(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        packed = sum(info.compress_size for info in infos)
        unpacked = sum(info.file_size for info in infos)
        if len(infos) > MAX_ENTRIES:
            raise CheckpointError(f"It has {len(infos)} entries, more than {MAX_ENTRIES}.", hint=HOSTILE)
        if unpacked > MAX_BYTES:
            raise CheckpointError(f"It unpacks to {unpacked >> 20} MB, more than {MAX_BYTES >> 20}.", hint=HOSTILE)
        if packed > self.path.stat().st_size:
            raise CheckpointError("Its entries overlap.", hint=HOSTILE)
        for info in infos:
            if info.file_size > MAX_RATIO * info.compress_size + 4096:
                raise CheckpointError(f"Its entry {info.filename!r:.60} unpacks to too much.", hint=HOSTILE)
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise CheckpointError("It is encrypted or compressed in an unusual way.", hint=DAMAGED)
        if len({info.filename for info in infos}) != len(infos):
            raise CheckpointError("Two of its entries have the same name.", hint=HOSTILE)
        return {info.filename: info for info in infos}

    def tensors(self, refs: Mapping[str, TensorRef], float32: bool = False) -> dict[str, Tensor]:
        """The numbers of each tensor, contiguous, on CPU, in order.

        float32: convert floating-point ones while reading; otherwise they keep their stored type
        Raises CheckpointError if a storage is missing or damaged, or if many tensors share few numbers.
        """
        unpacked = sum(info.file_size for info in self._zip.infolist())
        wanted = sum(math.prod(ref.shape) * getattr(torch, ref.storage.dtype).itemsize for ref in refs.values())
        if wanted > 2 * unpacked:  # tied weights are stored once; more than twice the file is an attack on memory
            raise CheckpointError(f"{self.path.name} is refused. Its tensors share too few numbers.", hint=HOSTILE)
        uses = Counter(ref.storage.key for ref in refs.values())
        shared: dict[str, bytes] = {}
        tensors = {}
        for name, ref in refs.items():
            data = shared.get(ref.storage.key) or self._storage(ref.storage)
            if uses[ref.storage.key] > 1:
                shared[ref.storage.key] = data
            value = _tensor(data, ref)
            tensors[name] = value.float() if float32 and value.is_floating_point() else value
        return tensors

    def _storage(self, storage: Storage) -> bytes:
        try:
            info = self._zip.getinfo(f"{self._prefix}data/{storage.key}")
            size = storage.count * getattr(torch, storage.dtype).itemsize
            if info.file_size != size:
                what = f"Storage {storage.key!r:.40} has {info.file_size} bytes, but its tensors need {size}."
                raise CheckpointError(f"{self.path.name} is refused. {what}", hint=DAMAGED)
            return self._zip.read(info)
        except (KeyError, *_UNREADABLE) as error:
            raise CheckpointError(f"{self.path.name} cannot be read ({error}).", hint=DAMAGED) from error

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def __enter__(self) -> TorchFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _tensor(data: bytes, ref: TensorRef) -> Tensor:
    """A tensor of its own, which does not keep a larger storage alive."""
    dtype = getattr(torch, ref.storage.dtype)
    if len(data) < ref.storage.count * dtype.itemsize:
        raise CheckpointError(f"Storage {ref.storage.key!r:.40} is given two sizes.", hint=HOSTILE)
    if not data:
        return torch.empty(ref.shape, dtype=dtype)
    flat = torch.frombuffer(bytearray(data), dtype=dtype)
    value = torch.as_strided(flat, ref.shape, ref.stride, ref.offset)
    return value.contiguous() if value.numel() == flat.numel() else value.clone(memory_format=torch.contiguous_format)
