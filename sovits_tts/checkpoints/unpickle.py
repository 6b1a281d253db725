"""Reads a pickle as data. Nothing in the file is ever imported, looked up or called.

A pickle is a small program, and Python's own unpickler runs it. This is another machine for the same opcodes, whose
values are numbers, strings, lists, dicts and the four classes below. A global is a name and stays one: the few names
a weight file needs have a fixed meaning here, and any other name is an error. It knows the opcodes that PyTorch
writes (protocol 2 and later) and no others.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sovits_tts.errors import CheckpointError

MAX_OPCODES = 5_000_000
MAX_DIMENSIONS = 8
MAX_SIZE = 1 << 40
MAX_DEPTH = 32
MAX_VALUES = 1_000_000
HOSTILE = "A weight file needs nothing of the kind and it may be an attack: get it again from a source you trust."
DAMAGED = "It is damaged or was not written by PyTorch: get it again."

_STORAGES = {
    "torch.HalfStorage": "float16", "torch.FloatStorage": "float32", "torch.DoubleStorage": "float64",
    "torch.BFloat16Storage": "bfloat16", "torch.LongStorage": "int64", "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16", "torch.CharStorage": "int8", "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
}  # fmt: skip
_PATHS = {"pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"}


@dataclass(frozen=True)
class Global:
    """The name of something in a Python module. Only compared, never resolved."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A block of numbers beside the pickle: `count` of type `dtype`."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class TensorRef:
    """Where a tensor lies: checked to stay inside its storage and to be no larger than it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass
class Record:
    """An instance of a class we know by name: its attributes, without the class."""

    class_name: str
    fields: dict[str, Any] = field(default_factory=dict)


class _Mark:
    pass


_MARK = _Mark()


def _hostile(what: str) -> NoReturn:
    raise CheckpointError(what, hint=HOSTILE)


def _damaged(what: str) -> NoReturn:
    raise CheckpointError(what, hint=DAMAGED)


def _natural(value: Any, what: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_SIZE:
        _hostile(f"It holds a tensor whose {what} is {value!r:.40}.")
    return value


def tensor_ref(storage: Any, offset: Any, shape: Any, stride: Any) -> TensorRef:
    """A tensor description after checks. Raises CheckpointError if it could reach outside its storage."""
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(stride, tuple):
        _hostile("It describes a tensor without a storage, a shape and a stride.")
    if len(shape) != len(stride) or len(shape) > MAX_DIMENSIONS:
        _hostile(f"It holds a tensor of {len(shape)} dimensions with {len(stride)} strides.")
    start = _natural(offset, "offset")
    sizes = tuple(_natural(size, "size") for size in shape)
    steps = tuple(_natural(step, "stride") for step in stride)
    count = 1
    for size in sizes:
        count *= size
    last = start + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if count > storage.count or (count and last >= storage.count):
        _hostile(f"It holds a tensor of shape {list(sizes)} in a storage of {storage.count} numbers.")
    return TensorRef(storage, start, sizes, steps)


class _Machine:
    """The stack, the memo and one method for each group of opcodes."""

    def __init__(self, is_record: Callable[[str], bool]) -> None:
        self.is_record = is_record
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        if not self.stack:
            _damaged("Its pickle takes a value from an empty stack.")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            _damaged(f"Its pickle expects a {kind.__name__} that is not there.")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        for position in range(len(self.stack) - 1, -1, -1):
            if self.stack[position] is _MARK:
                values = self.stack[position + 1 :]
                del self.stack[position:]
                return values
        _damaged("Its pickle closes a group that was never opened.")

    def set_items(self, flat: list[Any]) -> None:
        target = self.top(dict)
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, str | int):
                _hostile(f"It holds a dictionary with a key of type {type(key).__name__}.")
            target[key] = value

    def call(self, function: Any, arguments: Any) -> Any:
        """What REDUCE asks for, for the few names that have a meaning here."""
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            _hostile("It asks to call something that is not a function.")
        name = function.name
        if name == "collections.OrderedDict" and not arguments:
            return {}
        if name == "torch._utils._rebuild_tensor_v2" and len(arguments) in (6, 7):
            return tensor_ref(*arguments[:4])
        if name == "torch._utils._rebuild_parameter" and len(arguments) == 3 and isinstance(arguments[0], TensorRef):
            return arguments[0]
        if name in _PATHS and all(isinstance(part, str) for part in arguments):
            return "/".join(arguments)
        _hostile(f"It asks to call {name!r:.80}.")

    def new(self, kind: Any, arguments: Any) -> Any:
        """What NEWOBJ asks for."""
        if isinstance(kind, Global) and arguments == ():
            if self.is_record(kind.name):
                return Record(kind.name)
            if kind.name == "collections.OrderedDict":
                return {}
        _hostile(f"It asks to make a {getattr(kind, 'name', type(kind).__name__)!r:.80}.")

    def build(self, state: Any) -> None:
        """Attributes of the object on top. Those of a dictionary (PyTorch's `_metadata`) are not needed."""
        if not self.stack or not isinstance(self.stack[-1], Record | dict) or not isinstance(state, dict):
            _hostile("It sets attributes of something that has none.")
        target = self.stack[-1]
        if isinstance(target, Record):
            if not all(isinstance(key, str) for key in state):
                _hostile("It sets attributes that are not named by strings.")
            target.fields.update(state)

    def storage(self, identity: Any) -> Storage:
        if not (isinstance(identity, tuple) and len(identity) == 5 and identity[0] == "storage"):
            _hostile("It names an outside object that is not a storage.")
        _, kind, key, _, count = identity
        if not isinstance(kind, Global) or kind.name not in _STORAGES or not isinstance(key, str):
            _hostile(f"It holds a storage of kind {getattr(kind, 'name', kind)!r:.80}.")
        return Storage(key, _STORAGES[kind.name], _natural(count, "storage size"))

    def recall(self, index: Any) -> Any:
        if index not in self.memo:
            _damaged(f"Its pickle recalls entry {index}, which was never stored.")
        return self.memo[index]

    def step(self, name: str, argument: Any) -> None:
        """One opcode. Raises CheckpointError for one that weight files do not use."""
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _LITERALS:
            stack.append(argument)
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in _TUPLES:
            values = [self.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(values)))
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.top(object)
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.recall(argument))
        elif name == "GLOBAL":
            stack.append(Global(argument.replace(" ", ".", 1)))
        elif name not in ("PROTO", "FRAME", "STOP"):
            self.step_structure(name)

    def step_structure(self, name: str) -> None:
        stack = self.stack
        if name == "TUPLE":
            stack.append(tuple(self.pop_to_mark()))
        elif name == "APPEND":
            value = self.pop()
            self.top(list).append(value)
        elif name == "APPENDS":
            values = self.pop_to_mark()
            self.top(list).extend(values)
        elif name == "SETITEM":
            value, key = self.pop(), self.pop()
            self.set_items([key, value])
        elif name == "SETITEMS":
            flat = self.pop_to_mark()
            if len(flat) % 2:
                _damaged("Its pickle sets a key without a value.")
            self.set_items(flat)
        elif name == "STACK_GLOBAL":
            attribute, module = self.pop(), self.pop()
            if not isinstance(module, str) or not isinstance(attribute, str):
                _hostile("It names a global by something other than strings.")
            stack.append(Global(f"{module}.{attribute}"))
        elif name == "REDUCE":
            arguments, function = self.pop(), self.pop()
            stack.append(self.call(function, arguments))
        elif name == "NEWOBJ":
            arguments, kind = self.pop(), self.pop()
            stack.append(self.new(kind, arguments))
        elif name == "BUILD":
            self.build(self.pop())
        elif name == "BINPERSID":
            stack.append(self.storage(self.pop()))
        else:
            _hostile(f"Its pickle uses the opcode {name}.")


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "MARK": _MARK}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(data: bytes, is_record: Callable[[str], bool] = lambda name: False) -> Any:
    """The value a pickle describes, as plain Python values, `TensorRef`s and `Record`s.

    is_record: says which class names (`module.Class`) stand for a plain record of attributes
    Raises CheckpointError for anything else than a weight file's pickle. Never runs what the file says.
    """
    machine = _Machine(is_record)
    end = 0
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(data)):
            if count >= MAX_OPCODES:
                _hostile(f"Its pickle has more than {MAX_OPCODES} steps.")
            machine.step(opcode.name, argument)
            end = (position or 0) + 1
    except (ValueError, UnicodeError, OverflowError) as error:  # what genops raises on malformed bytes
        raise CheckpointError("Its pickle cannot be read.", hint=DAMAGED) from error
    value = machine.pop()
    if machine.stack or end != len(data):
        _damaged("Its pickle leaves something over.")
    _check_tree(value)
    return value


def _check_tree(value: Any) -> None:
    """Refuses values that contain themselves, are nested deeply, or unfold to very many through the memo."""
    left = MAX_VALUES
    todo: list[tuple[Any, int]] = [(value, 0)]
    while todo:
        item, depth = todo.pop()
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            _hostile("It holds values nested too deeply or repeated too often.")
        children: Iterable[Any] = ()
        if isinstance(item, Record):
            children = item.fields.values()
        elif isinstance(item, dict):
            children = item.values()
        elif isinstance(item, list | tuple):
            children = item
        elif isinstance(item, Global | Storage | _Mark):
            _hostile("It holds a bare function, class or storage.")
        todo.extend((child, depth + 1) for child in children)
