"""Tensors of PyTorch as views of a storage: where their elements lie, and how they are read in C order."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import arguments
from ..arguments import MAX_NDIM
from ..errors import CorruptError
from . import archive
from .elements import bits_of, value_of
from .source import Tensor, Value

MAX_REPEATED = 2**20  # elements of a tensor that repeats those of a smaller storage, as expand makes them
DTYPES = {  # of PyTorch: element types
    "float64": "float64", "float32": "float32", "float16": "float16", "bfloat16": "bfloat16", "int64": "int64",
    "int32": "int32", "int16": "int16", "int8": "int8", "uint64": "uint64", "uint32": "uint32", "uint16": "uint16",
    "uint8": "uint8", "bool": "bool", "complex64": "complex64", "float8_e4m3fn": "fp8_e4m3", "float8_e5m2": "fp8_e5m2",
    "float8_e8m0fnu": "fp8_e8m0", "float8_e4m3fnuz": "fp8_e4m3fnuz", "float8_e5m2fnuz": "fp8_e5m2fnuz",
    "float4_e2m1fn_x2": "fp4_e2m1",
}


@dataclass(frozen=True, slots=True)
class Storage:
    """The member that a storage is, and the element type of the tensors that are views of it (None: they say it)."""

    member: archive.Member
    kind: str | None


@dataclass(frozen=True, slots=True)
class View:
    """A tensor as the pickle has it: offset and strides count elements."""

    storage: Storage
    kind: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def view_of(version: str, given: tuple) -> View:
    """Return a tensor from what _rebuild_tensor, _v2 or _v3 is called with: storage, offset, sizes, strides, ..."""
    try:
        storage, offset, shape, strides, *rest = given
        kind = storage.kind
        if version == "_v3":  # the type of the elements stands where others have their metadata
            kind, rest[2:3] = DTYPES[rest[2].name.removeprefix("torch.")], []
        words = rest[2] if len(rest) > 2 else None
        sizes, steps = arguments.shape(shape), tuple(arguments.integer(step, "stride", 0) for step in strides)
        offset = arguments.integer(offset, "offset", 0)
        bits = bits_of(kind)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise CorruptError("path", f"has a tensor that does not read: {' '.join(str(error).split())[:200]}") from None
    if words:
        raise CorruptError("path", "has a tensor that is a conjugated or negated view of its storage: "
                                   "resolve_conj() and resolve_neg() make one that is not")
    if len(sizes) != len(steps) or len(sizes) > MAX_NDIM:
        raise CorruptError("path", f"has a tensor of {len(sizes)} sizes and {len(steps)} strides")
    last = offset + sum((size - 1) * step for size, step in zip(sizes, steps)) if math.prod(sizes) else 0
    elements = storage.member.size // max(1, bits // 8)
    if math.prod(sizes) and last >= elements:
        raise CorruptError("path", f"has a tensor of shape {sizes} and strides {steps} from element {offset} on: it "
                                   f"reaches beyond the {elements} elements of {storage.member.name!r}")
    if math.prod(sizes) > max(elements, MAX_REPEATED):
        raise CorruptError("path", f"has a tensor of shape {sizes} that repeats the {elements} elements of "
                                   f"{storage.member.name!r}; contiguous() makes one that does not")
    return View(storage, kind, offset, sizes, steps)


def tensor_of(name: str, view: View, byteorder: str, checked: bool) -> Tensor:
    """Return a tensor of a file; fp4 has two elements in a byte, and its last axis is twice as long as PyTorch says."""
    member = view.storage.member
    shape = (*view.shape[:-1], 2 * view.shape[-1]) if view.kind == "fp4_e2m1" and view.shape else view.shape
    size = math.prod(shape) * bits_of(view.kind) // 8
    place = (member.file.path, member.name, view.kind, view.offset, view.shape, view.strides)
    return Tensor(name, shape, view.kind, size, partial(read, name, view, shape, byteorder, checked), place)


def read(name: str, view: View, shape: tuple[int, ...], byteorder: str, checked: bool) -> Value:
    """Return the elements of a view in C order: its part of the storage is read, then reordered where it must be."""
    item = max(1, bits_of(view.kind) // 8)
    count: int = math.prod(view.shape)
    in_order = [math.prod(view.shape[axis + 1 :]) for axis in range(len(view.shape))]
    fill = partial(fill_from, view.storage.member, view.offset * item, checked)
    if any(size > 1 and step != wanted for size, step, wanted in zip(view.shape, view.strides, in_order)) \
            and count:
        part = np.empty(1 + sum((size - 1) * step for size, step in zip(view.shape, view.strides)), f"u{item}")
        fill(part.view(np.uint8).data)
        strided = np.lib.stride_tricks.as_strided(part, view.shape, [step * item for step in view.strides])
        fill = partial(copy, np.ascontiguousarray(strided))
    return value_of(fill, shape, view.kind, name, byteorder)


def copy(elements: np.ndarray, view: memoryview) -> None:
    view[:] = elements.reshape(-1).view(np.uint8).data


def fill_from(member: archive.Member, start: int, checked: bool, view: memoryview) -> None:
    """Read the bytes of a storage from ``start`` on; its checksum is compared where all of it is read."""
    whole = len(view) == member.size
    if not len(view):
        return
    if member.method == archive.STORED and not whole:
        member.file.fill(member.start + start, view)
        return
    unpacking = archive.Unpacking(member)
    unpacking.skip(start)
    unpacking.fill(view)
    if whole:
        unpacking.finish(checked)
