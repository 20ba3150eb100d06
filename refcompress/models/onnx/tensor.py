"""A TensorProto: what it says about itself, where its elements lie, and how they are read.

**Source** ONNX, onnx.proto of release 1.23, message TensorProto: numbers of types and fields, packing of narrow types.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ... import arguments
from ...arguments import MAX_NDIM
from ...container.files import Opened
from ...errors import CorruptError, LimitError, RefcompressError
from ...formats import ELEMENT_TYPES, Plain
from ..elements import bits_of, packed, unpacked, value_of
from ..protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, Message, Walker
from ..source import Value

DIMS, DATA_TYPE, SEGMENT, STRINGS, NAME, RAW, EXTERNAL, LOCATION = 1, 2, 3, 6, 8, 9, 13, 14  # fields
FLOATS, INT32S, INT64S, DOUBLES, UINT64S = 4, 5, 7, 10, 11  # fields that hold elements one by one
WIRES = {FLOATS: FIXED32, INT32S: VARINT, INT64S: VARINT, DOUBLES: FIXED64, UINT64S: VARINT}
WIDTH = {FLOATS: 4, DOUBLES: 8}
STRING, COMPLEX128 = 8, 15
MAX_WORDS = 2**24  # bytes: models of speech and writing have their whole vocabulary in the metadata
TYPES: dict[int, tuple[str, int]] = {  # TensorProto.DataType -> our name, and the field where raw_data is not used
    1: ("float32", FLOATS), 2: ("uint8", INT32S), 3: ("int8", INT32S), 4: ("uint16", INT32S), 5: ("int16", INT32S),
    6: ("int32", INT32S), 7: ("int64", INT64S), 9: ("bool", INT32S), 10: ("float16", INT32S), 11: ("float64", DOUBLES),
    12: ("uint32", UINT64S), 13: ("uint64", UINT64S), 14: ("complex64", FLOATS), 16: ("bfloat16", INT32S),
    17: ("fp8_e4m3", INT32S), 18: ("fp8_e4m3fnuz", INT32S), 19: ("fp8_e5m2", INT32S), 20: ("fp8_e5m2fnuz", INT32S),
    21: ("uint4", INT32S), 22: ("int4", INT32S), 23: ("fp4_e2m1", INT32S), 24: ("fp8_e8m0", INT32S),
    25: ("uint2", INT32S), 26: ("int2", INT32S), 27: ("fp6_e2m3", INT32S), 28: ("fp6_e3m2", INT32S),
}
NUMBERS = {name: number for number, (name, _) in TYPES.items()}


@dataclass(eq=False)
class Proto:
    """What a TensorProto says. typed : field of elements -> the bytes that they take. external : key -> value."""

    message: Message
    name: str = ""
    dims: list[int] = field(default_factory=list)
    data_type: int = 0
    raw: Field | None = None
    typed: dict[int, int] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    is_external: bool = False
    has_segment: bool = False

    @property
    def left_out(self) -> str | None:
        """Why the tensor is not read; None where it is."""
        if self.has_segment:
            return "it is a segment of a larger tensor"
        if self.data_type in TYPES:
            return None
        names = {STRING: "strings", COMPLEX128: "of type complex128"}
        return f"its elements are {names.get(self.data_type, f'of type {self.data_type}, which means nothing here')}"

    @property
    def type(self) -> str:
        return TYPES[self.data_type][0]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dims)


def proto(walker: Walker, message: Message) -> Proto:
    """Return what a TensorProto says; CorruptError or LimitError where it contradicts itself."""
    p = Proto(message)
    for f in walker.fields(message):
        if f.number == DIMS:
            _dims(walker, f, p)
        elif f.number == DATA_TYPE:
            walker.expect(f, "a data_type", VARINT)
            p.data_type = f.value % 2**32
        elif f.number == SEGMENT:
            p.has_segment = True
        elif f.number == NAME:
            p.name = walker.text(f, "the name of a tensor")
        elif f.number == RAW:
            walker.expect(f, "raw_data", BYTES)
            if p.raw is not None:
                raise walker.corrupt(f"has raw_data twice in the tensor at byte {message.start}")
            p.raw = f
        elif f.number == EXTERNAL:
            key, value = pair(walker, walker.inside(message, f, "external_data"))
            p.external[key] = value
        elif f.number == LOCATION:
            walker.expect(f, "a data_location", VARINT)
            p.is_external = f.value == 1
        elif f.number in WIRES:
            walker.expect(f, "elements of a tensor", BYTES, WIRES[f.number])
            if (f.end - f.start) % WIDTH.get(f.number, 1):
                raise walker.corrupt(f"has elements at byte {f.start} that are cut off")
            p.typed[f.number] = p.typed.get(f.number, 0) + f.end - f.start
    return p


def _dims(walker: Walker, f: Field, p: Proto) -> None:
    walker.expect(f, "the sizes of a tensor", VARINT, BYTES)
    at = f.start
    while at < f.end:
        size, at = walker.varint(at, f.end)
        if size >= 2**63:
            raise walker.corrupt(f"has a tensor of a negative size, {size - 2**64}, at byte {f.tag}")
        if len(p.dims) == MAX_NDIM:
            raise LimitError("path", f"{walker.opened.path!r} has a tensor of more than {MAX_NDIM} dimensions at byte "
                                     f"{f.tag}")
        p.dims.append(size)


def pair(walker: Walker, message: Message) -> tuple[str, str]:
    """Return a StringStringEntryProto."""
    key, value = "", ""
    for f in walker.fields(message):
        if f.number == 1:
            key = walker.text(f, "a key")
        elif f.number == 2:
            value = walker.text(f, "a value", MAX_WORDS)
    return key, value


@dataclass(frozen=True)
class Elements:
    """The elements of a tensor that is checked: ``opened`` has them at ``start`` as raw_data has, or, where it is None,
    they lie in the field ``number``."""

    walker: Walker
    proto: Proto
    name: str
    count: int
    nbytes: int
    opened: Opened | None
    start: int = 0

    def read(self) -> Value:
        """Return the tensor."""
        p, bits = self.proto, bits_of(self.proto.type)
        fill = self._fill if self.opened is None else partial(self.opened.fill, self.start)
        if bits >= 8:
            return value_of(fill, p.shape, p.type, self.name)
        data = np.zeros(-(-self.nbytes // 3) * 3 if bits == 6 else self.nbytes, np.uint8)  # whole patterns
        fill(data[: self.nbytes].data)
        return Plain(unpacked(data, bits)[: self.count].reshape(p.shape), p.type)

    def _fill(self, view: memoryview) -> None:
        """Write the elements of the typed field into bytes, as raw_data would have them."""
        p, number, done = self.proto, TYPES[self.proto.data_type][1], 0
        parts = (f for f in self.walker.fields(p.message) if f.number == number)
        if number not in WIDTH:
            view[:] = self._integers(parts).data
            return
        for f in parts:
            self.walker.opened.fill(f.start, view[done : done + f.end - f.start])
            done += f.end - f.start

    def _integers(self, parts: Iterator[Field]) -> np.ndarray:
        """Return the elements of int32_data, int64_data or uint64_data as raw_data would have them, as uint8."""
        p, width = self.proto, bits_of(self.proto.type)
        is_packed = width in (2, 4)  # such elements lie in bytes, and each byte is a number
        numbers = self.walker.numbers(parts, self.nbytes if is_packed else self.count, f"elements of {self.name!r}")
        if width == 64:
            return numbers.astype("<u8", copy=False).view(np.uint8)
        if TYPES[p.data_type][1] == INT32S:  # of which the low 32 bits count; a negative one is sign-extended
            numbers = numbers.astype(np.uint32).view(np.int32)
        pattern = ELEMENT_TYPES[p.type].pattern.newbyteorder("<")
        stored = 8 if is_packed else width  # bits of a number
        lowest = 0 if width == 6 or numbers.dtype == np.uint64 else -(1 << stored - 1)
        wrong = (numbers > 2**stored - 1) | (numbers < lowest)
        if wrong.any():
            raise CorruptError("path", f"{self.walker.opened.path!r}: tensor {self.name!r} has "
                                       f"{numbers[np.argmax(wrong)]} where {stored} bits must do")
        numbers = numbers.astype(pattern)
        return packed(numbers, width) if width == 6 else numbers.view(np.uint8)


def elements(walker: Walker, p: Proto, name: str, place: Callable[[Proto, int], tuple[Opened, int]]) -> Elements:
    """Return where the elements of a tensor lie; refuse one whose bytes are more or fewer than its shape says.

    place : the file and the offset of an external tensor of so many bytes
    """
    path, width = walker.opened.path, bits_of(p.type)

    def corrupt(rule: str) -> CorruptError:
        return CorruptError("path", f"{path!r}: tensor {name!r} {rule}")

    try:
        shape = arguments.shape(p.dims, itemsize=ELEMENT_TYPES[p.type].pattern.itemsize)
    except RefcompressError as error:
        raise LimitError("path", f"{path!r}: tensor {name!r}: {error.rule}") from None
    count = math.prod(shape)
    nbytes = -(-count * width // 8)
    number = TYPES[p.data_type][1]
    sources = [*(n for n, size in p.typed.items() if size), *([RAW] if p.raw is not None else []),
               *([EXTERNAL] if p.is_external else [])]
    if len(sources) > 1 or sources and sources[0] not in (number, RAW, EXTERNAL):
        raise corrupt(f"has its elements in the fields {sources} where one of {number}, {RAW} and {EXTERNAL} must be")
    if p.is_external:
        opened, start = place(p, nbytes)
        return Elements(walker, p, name, count, nbytes, opened, start)
    if p.raw is not None:
        if p.raw.end - p.raw.start != nbytes:
            raise corrupt(f"has {p.raw.end - p.raw.start} bytes of raw_data, its shape {shape} says {nbytes}")
        return Elements(walker, p, name, count, nbytes, walker.opened, p.raw.start)
    there = p.typed.get(number, 0)
    numbers = nbytes if width in (2, 4) else count
    if there != nbytes if number in WIDTH else not numbers <= there <= 10 * numbers:
        raise corrupt(f"has {there} bytes of elements, too few or too many for its shape {shape}")
    return Elements(walker, p, name, count, nbytes, None)


__all__ = ["Elements", "NUMBERS", "Proto", "TYPES", "elements", "pair", "proto"]
