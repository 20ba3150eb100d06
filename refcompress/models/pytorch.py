"""Checkpoints of PyTorch (.pt, .pth, .bin, .ckpt) and TorchScript (.jit), without PyTorch; no pickle is run.

Since 1.6 torch.save writes a zip archive: ``data.pkl``, a pickle of the object with its tensors' shapes and strides,
and a member ``data/<key>`` for each storage, the elements that one or more tensors are views of. TorchScript writes the
same with more beside it. Its modules become dicts of their attributes, so that a tensor has the name of ``state_dict``.

**Source** PyTorch, torch/serialization.py and torch/_utils.py; for the archive, its notes on serialization semantics.
"""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..container.files import opening
from ..container.names import MAX_BYTES
from ..errors import CorruptError, RefcompressError
from . import archive, pickled
from .content import kind_of
from .elements import bits_of
from .pytorch_views import DTYPES, Storage, View, tensor_of, view_of
from .source import Source, within

MAX_PICKLE = 2**24  # bytes: a hundred thousand tensors take as many
MAX_LEFT_OUT = 1000  # names of values that are no tensors
MAX_DEPTH = 64  # of dicts in dicts
STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
}
UNTYPED = "UntypedStorage"
DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict",
         "__builtin__.dict")
LISTS = ("builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset", "torch.Size",
         "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_tensorlist", "torch.jit._pickle.build_doublelist",
         "torch.jit._pickle.build_boollist")
FIRST = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "_codecs.encode",
         "torch.jit._pickle.restore_type_tag", "torch.device", "numpy.dtype", "numpy.core.multiarray.scalar",
         "numpy._core.multiarray.scalar", "torch.serialization._get_layout")  # their first argument is all that counts
REBUILD = "torch._utils._rebuild_tensor"
WRAPPER = "torch._utils._rebuild_wrapper_subclass"
OF_TYPE = "torch._tensor._rebuild_from_type_v2"  # with a function, a class, what the function takes, and a state
FUNCTIONS = {*DICTS, *LISTS, *FIRST, REBUILD, REBUILD + "_v2", REBUILD + "_v3", "torch.storage.UntypedStorage", WRAPPER,
             OF_TYPE}
TORCHAO = "torchao."  # whose classes of tensors hold codes, scales and zero points, each a tensor: these are read
NARROW = tuple(f"{sign}int{bits}" for sign in ("u", "") for bits in range(1, 8))  # types that torchao's classes name
SCRIPT = "__torch__."  # how the names of a TorchScript file's own classes begin
REFUSED = {  # a part of a name: what it makes
    "_rebuild_qtensor": "a quantized tensor", "_rebuild_sparse": "a sparse tensor",
    "_rebuild_nested": "a nested tensor",
    "_rebuild_meta": "a tensor without elements (meta)", "_rebuild_wrapper": "a tensor of another class",
    "_rebuild_from_type": "a tensor of another class", "_rebuild_device_tensor": "a tensor of another device",
    "Storage": "a storage of elements that are not read here",
}


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the tensors of a checkpoint, each read when it is asked for.

    Parameters
    ----------
    path : a regular file, as torch.save writes it since 1.6, or torch.jit.save
    limit : the most bytes that one tensor may have

    Returns
    -------
    source : a tensor's name is the keys that lead to it, joined by ".". ``left_out`` names the values that are no
        tensors, ``metadata`` the element types among them. A tensor of a class of torchao is its parts, such as
        "0.weight.qdata" and "0.weight.scale". ``place`` is equal for tensors that are the same view of the same
        storage. Elements of a type that NumPy lacks come as Plain.

    Raises
    ------
    CorruptError : the file is damaged, a tensor reaches beyond its storage, or the pickle asks for what is no tensor.
    RefcompressError : a pickle without an archive, as torch.save wrote it before 1.6: the message says what to type.
    """
    limit = arguments.integer(limit, "limit", 0)
    with opening(path) as file:
        if kind_of(file) == "legacy":
            old, new = (json.dumps(str(each), ensure_ascii=False) for each in (
                file.path, Path(file.path).with_suffix(".zip.pth")))
            line = f'import torch; torch.save(torch.load({old}, map_location="cpu", weights_only=True), {new})'
            raise RefcompressError("path", "is a pickle without an archive, which only running it could read. PyTorch "
                                           f"writes it anew: python -c {shlex.quote(line)}")
        table = table_of(file)
        found = {name: within(tensor_of(name, view, table.byteorder, table.checked), limit)
                 for name, view in table.views.items()}
        return Source("torch", [file], found, table.types, left_out=table.left_out)


class NoTensor(CorruptError):
    """A pickle that asks for what no reader here makes; the archive around it may be whole."""


class Table(NamedTuple):
    """What the pickle of an archive says. left_out : name -> why it is no tensor; of many the first ones.

    byteorder : of the elements. checked : whether the archive has checksums. types : name -> an element type that the
    pickle has as a value, such as that which codes of torchao are meant to have.
    """

    records: "Records"
    views: dict[str, View]
    left_out: dict[str, str]
    byteorder: str
    checked: bool
    types: dict[str, str]


def table_of(file: files.Opened) -> Table:
    """Return the tensors of an archive as its pickle has them."""
    records = Records(file)
    data, byteorder, checked = records.table()
    found: dict[str, View] = {}
    left_out: dict[str, str] = {}
    types: dict[str, str] = {}
    letters = 0
    for name, value in leaves(pickled.value_of(data, records), len(data)):
        letters += len(name)
        if len(name) > MAX_BYTES or letters > 16 * len(data) or len(found) > len(data) // 32 + 1000:
            raise CorruptError("path", f"the names in the pickle of its tensors, {name[:40]!r} among them, are "
                                       "longer or more than its bytes can mean")
        if not isinstance(value, View):
            if isinstance(value, Known) and value.name.startswith("torch.") and name.endswith("dtype"):
                types[name] = value.name.removeprefix("torch.")
            if len(left_out) < MAX_LEFT_OUT:
                left_out[name] = "it is no tensor"
        elif name in found:
            raise CorruptError("path", f"two tensors have the name {name!r}")
        else:
            found[name] = value
    return Table(records, found, left_out, byteorder, checked, types)


@dataclass(frozen=True, slots=True)
class Known:
    """A name that the pickle may ask for."""

    name: str


class Records:
    """The members of an archive, and what its pickle may ask for."""

    def __init__(self, file: files.Opened):
        self.members: dict[str, archive.Member] = {}
        for member in archive.members(file):
            if member.name in self.members:
                raise CorruptError("path", f"member {member.name!r} is there twice")
            self.members[member.name] = member
        tables = [name for name in self.members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(tables) != 1:
            raise CorruptError("path", f"is no checkpoint of PyTorch: it has {len(tables)} members data.pkl, where one "
                                       "must be")
        self.prefix = tables[0].removesuffix("data.pkl")

    def table(self) -> tuple[bytes, str, bool]:
        """Return the pickle, the byte order of the elements, and whether the archive has checksums.

        torch.serialization.set_crc32_options(False) writes other numbers where checksums are. Then no member has its
        own, these small ones neither.
        """
        small = {}
        right = []
        for name in ("data.pkl", "byteorder", "version"):
            if (member := self.members.get(self.prefix + name)) is None:
                continue
            if member.size > MAX_PICKLE:
                raise CorruptError("path", f"member {member.name!r} has {member.size} bytes, at most {MAX_PICKLE} are "
                                           "read")
            unpacking = archive.Unpacking(member)
            small[name] = unpacking.take(member.size)
            right.append(unpacking.finish(checked=False))
        if len(set(right)) > 1:
            raise CorruptError("path", "some of its members do not have the checksum that the directory says")
        order = small.get("byteorder", b"little").decode("latin-1")
        if order not in ("little", "big"):
            raise CorruptError("path", f"says that its byte order is {order[:20]!r}, which is neither little nor big")
        return small["data.pkl"], order, right[0]

    def named(self, module: str, name: str):
        full = f"{module}.{name}"
        if module == "torch" and name in (*STORAGES, *DTYPES, *NARROW, UNTYPED) or full in FUNCTIONS:
            return Known(full)
        if module.startswith(SCRIPT):
            return Known(SCRIPT)
        if full.startswith(TORCHAO):
            return Known(TORCHAO)
        for part, said in REFUSED.items():
            if module in ("torch", "torch._utils", "torch.storage") and part in name:
                shown = full[:100] if full.isprintable() else repr(full[:100])
                raise NoTensor("path", f"asks for {shown}: {said}")
        raise NoTensor("path", f"asks for {full[:100]!r}, which is no tensor. No code is run, so a whole model "
                                   "is to be saved anew as its state_dict()")

    def called(self, function, arguments: tuple):
        if not isinstance(function, Known):
            raise CorruptError("path", f"calls a {type(function).__name__}")
        first = arguments[0] if arguments else None
        if function.name in (SCRIPT, TORCHAO):
            return pickled.Record()
        if function.name == OF_TYPE:
            return self.of_type(arguments)
        if function.name in DICTS:
            return first if isinstance(first, dict) else {}  # no copy, whose size no byte of the pickle would bound
        if function.name in LISTS:
            return first if isinstance(first, (list, tuple)) else []
        if function.name in FIRST:
            return first
        if function.name.startswith(REBUILD):
            return view_of(function.name.removeprefix(REBUILD), arguments)
        raise CorruptError("path", f"calls {function.name}, which is no function")

    def of_type(self, arguments: tuple) -> object:
        """Return a tensor of another class: the parts that its state names, or the tensor that it is made of."""
        function, kind, given, state = arguments if len(arguments) == 4 else (None, None, None, None)
        if not (isinstance(function, Known) and isinstance(kind, Known) and isinstance(given, tuple)):
            raise CorruptError("path", "has a tensor of another class that does not read")
        if function.name != WRAPPER:
            return self.called(function, given) if function.name != OF_TYPE else None
        record = pickled.Record()
        record.state = state[0] if isinstance(state, tuple) and state else state
        return record

    def outside(self, key) -> Storage:
        if not (isinstance(key, tuple) and len(key) == 5 and key[0] == "storage" and isinstance(key[1], Known)
                and isinstance(key[2], str) and isinstance(key[4], int)):
            raise CorruptError("path", "has a storage that is announced as none")
        known, member = key[1].name.rpartition(".")[2], self.members.get(f"{self.prefix}data/{key[2]}")
        if known not in STORAGES and known != UNTYPED:
            raise CorruptError("path", f"has a storage of type {known}, which is none")
        if member is None:
            raise CorruptError("path", f"has no member {f'{self.prefix}data/{key[2]}'!r}, which its tensors need")
        kind = STORAGES.get(known)
        if member.size != key[4] * (bits_of(kind) // 8 if kind else 1):
            raise CorruptError("path", f"member {member.name!r} has {member.size} bytes for {key[4]} elements of "
                                       f"{known}")
        return Storage(member, kind)


def leaves(value, most: int) -> Iterator[tuple[str, object]]:
    """Yield what lies in dicts and lists, with the keys that lead to it; at most so many (a pickle may share parts)."""
    left = most

    def walk(value, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
        nonlocal left
        left -= 1
        value = value.state if isinstance(value, pickled.Record) else value
        if left < 0 or len(path) > MAX_DEPTH:
            raise CorruptError("path", f"has parts within parts without end, or more than {MAX_DEPTH} deep")
        if isinstance(value, dict):
            for key, part in value.items():
                yield from walk(part, (*path, str(key)))
        elif isinstance(value, (list, tuple)):
            for at, part in enumerate(value):
                yield from walk(part, (*path, str(at)))
        else:
            yield ".".join(path) or "tensor", value

    return walk(value, ())
