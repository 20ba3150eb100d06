"""Core ML's programs (.mlpackage): weights that constexpr operations make of integers, or of indices and a table.

    constexpr_blockwise_shift_scale   number = scale * (data - offset), scales of blocks of the same rank
    constexpr_lut_to_dense            number = table[index], a table for all or for each block

The package is a folder. The program is a protobuf, and large values lie in weights/weight.bin, each behind 64 bytes
that say where. The arithmetic is that of the program's type: where it is float16, weights are rounded to it first.

**Source** coremltools 9.0: proto/MIL_pb2.py (numbers of fields), optimize/_utils.py (quantize_weight_by_dtype).
"""

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from ...container.files import Opened
from ...errors import CorruptError, LimitError
from ...models.protobuf import BYTES, VARINT, Message, Walker
from .stored import F16, F32, Arrays, Integers, Rule, Site, Stored
from .types import blocks_of, reduced, rounding, spread

__all__ = ["Package", "is_package"]

PROGRAM, WEIGHTS = "Data/com.apple.CoreML/model.mlmodel", "Data/com.apple.CoreML/weights/weight.bin"
BLOB = "@model_path/weights/weight.bin"
SENTINEL = b"\xef\xbe\xad\xde"
KINDS: dict[int, tuple[str, int]] = {10: ("float16", 16), 11: ("float32", 32), 21: ("int8", 8), 25: ("int4", 4),
                                     31: ("uint8", 8), 35: ("uint4", 4), 36: ("uint2", 2), 37: ("uint1", 1),
                                     38: ("uint6", 6), 39: ("uint3", 3)}
LINEAR, PALETTE = "constexpr_blockwise_shift_scale", "constexpr_lut_to_dense"
MAX_OPERATIONS, MAX_IMMEDIATE = 2**18, 2**20


@dataclass
class Value:
    """A tensor of a program: its type and shape, and its bytes, or where they lie."""

    kind: str = ""
    bits: int = 0
    shape: tuple[int, ...] = ()
    raw: bytes | None = None
    file: str = ""
    offset: int = 0


@dataclass
class Operation:
    type: str = ""
    inputs: dict[str, Value] = field(default_factory=dict)
    output: str = ""


class Package:
    """A package that is open. Refusals name the files by "path"."""

    def __init__(self, path: str, limit: int):
        self.path, self._limit = path, limit
        self._program = Opened(os.path.join(path, PROGRAM))
        try:
            self._weights = Opened(os.path.join(path, WEIGHTS)) if os.path.exists(os.path.join(path, WEIGHTS)) else None
        except BaseException:
            self._program.close()
            raise
        self._walker = Walker(self._program)

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, *error) -> None:
        for each in (self._program, self._weights):
            if each is not None:
                each.close()

    def sha256(self) -> str:
        """Return the SHA-256 of the digests of the program and of its weights."""
        both = hashlib.sha256()
        for file in (self._program, self._weights):
            one = hashlib.sha256()
            for start in range(0, file.size if file else 0, 2**24):
                one.update(file.read(start, min(2**24, file.size - start)) if file else b"")
            both.update(one.digest())
        return both.hexdigest()

    def sites(self) -> Iterator[Site]:
        """Yield the weights of the main program that are made of integers or of a table."""
        for operation in self._operations():
            if operation.type == LINEAR and {"data", "scale"} <= operation.inputs.keys():
                yield Site(operation.output, (), partial(self._linear, operation))
            elif operation.type == PALETTE and {"indices", "lut"} <= operation.inputs.keys():
                groups = math.prod(operation.inputs["lut"].shape[:-2])
                for group in range(min(groups, MAX_OPERATIONS)):
                    name = operation.output + (f"[{group}]" if groups > 1 else "")
                    yield Site(name, (), partial(self._palette, operation, group, name))

    # The program -------------------------------------------------------------------------------------------------

    def _inside(self, message: Message, *numbers: int) -> Iterator[Message]:
        """Yield the messages that a path of field numbers leads to."""
        if not numbers:
            yield message
            return
        for f in self._walker.fields(message):
            if f.number == numbers[0] and f.wire == BYTES:
                yield from self._inside(self._walker.inside(message, f, "a message"), *numbers[1:])

    def _operations(self) -> Iterator[Operation]:
        # program, its functions (a map), their blocks (a map), and their operations
        for count, message in enumerate(self._inside(self._walker.whole, 502, 2, 2, 3, 2, 3)):
            if count == MAX_OPERATIONS:
                raise LimitError("path", f"{self._program.path!r} has more than {MAX_OPERATIONS} operations")
            operation = Operation(self._text(message, 1))
            if operation.type in (LINEAR, PALETTE):
                for entry in self._inside(message, 2):
                    for value in self._inside(entry, 2, 1, 2):
                        operation.inputs[self._text(entry, 1)] = self._value(value)
                for output in self._inside(message, 3):
                    operation.output = self._text(output, 1)
                yield operation

    def _text(self, message: Message, number: int) -> str:
        text = ""
        for f in self._walker.fields(message):
            if f.number == number:
                text = self._walker.text(f, "a name")
        return text

    def _integers(self, message: Message, number: int) -> list[int]:
        return [f.value for f in self._walker.fields(message) if f.number == number and f.wire == VARINT]

    def _value(self, message: Message) -> Value:
        value = Value()
        for tensor in self._inside(message, 2, 1):
            number = (self._integers(tensor, 1) or [0])[-1]
            value.kind, value.bits = KINDS.get(number, (f"type {number}", 0))
            value.shape = tuple((self._integers(size, 1) or [0])[-1] for size in self._inside(tensor, 3, 1))
        for tensor in self._inside(message, 3, 1):
            for f in self._walker.fields(tensor):
                if f.number in (1, 7):
                    for part in self._inside(tensor, f.number):
                        for each in self._walker.fields(part):
                            data = self._walker.bytes(each, "an immediate value", MAX_IMMEDIATE)
                            value.raw = data
        for blob in self._inside(message, 5):
            value.file, value.offset = self._text(blob, 1), (self._integers(blob, 2) or [0])[-1]
        return value

    def _array(self, value: Value, name: str) -> np.ndarray:
        """Return a tensor: floats as they are, integers of few bits as uint8 or int8."""
        count = math.prod(value.shape)
        nbytes = -(-count * value.bits // 8)
        if not value.bits or len(value.shape) > 32 or count >= 2**48:
            raise CorruptError("path", f"tensor {name!r} is of {value.kind or 'no type'} and shape {value.shape}")
        if nbytes > self._limit:
            raise LimitError("limit", f"tensor {name!r} has {nbytes} bytes, the limit is {self._limit}")
        raw = value.raw if value.raw is not None else self._blob(value, name, nbytes)
        if len(raw) < nbytes:
            raise CorruptError("path", f"tensor {name!r} has {len(raw)} bytes, its shape {value.shape} says {nbytes}")
        data = np.frombuffer(raw, np.uint8, nbytes)
        if value.bits >= 8:
            return data.view(np.dtype(value.kind).newbyteorder("<")).reshape(value.shape)
        stream = np.unpackbits(data, bitorder="little")[: count * value.bits].reshape(count, value.bits)
        codes = (stream << np.arange(value.bits, dtype=np.uint8)).sum(1, dtype=np.uint8).reshape(value.shape)
        return codes if value.kind[0] == "u" else ((codes ^ 8).astype(np.int8) - np.int8(8))

    def _blob(self, value: Value, name: str, nbytes: int) -> bytes:
        if value.file != BLOB or self._weights is None:
            raise CorruptError("path", f"tensor {name!r} lies in {value.file!r}, which is no file of the package")
        head = bytes(self._weights.read(value.offset, 64))
        size, start = (int.from_bytes(head[i : i + 8], "little") for i in (8, 16))
        if head[:4] != SENTINEL or size < nbytes:
            raise CorruptError("path", f"tensor {name!r} is not at byte {value.offset} of {self._weights.path!r}, or "
                                       f"has fewer than {nbytes} bytes there")
        return bytes(self._weights.read(start, nbytes))

    # The two operations -------------------------------------------------------------------------------------------

    def _linear(self, operation: Operation) -> list[Stored]:
        name = operation.output
        codes, scale = (self._array(operation.inputs[key], name) for key in ("data", "scale"))
        offset = self._array(operation.inputs["offset"], name) if "offset" in operation.inputs else None
        kind, bits = operation.inputs["data"].kind, operation.inputs["data"].bits
        blocks = blocks_of(codes.shape, scale.shape)
        if blocks is None or len(scale.shape) != codes.ndim or scale.dtype.kind != "f" or codes.dtype.kind == "f" \
                or offset is not None and offset.shape != scale.shape:
            raise CorruptError("path", f"tensor {name!r} of shape {codes.shape} has scales of shape {scale.shape}")
        arrays = {"codes": codes, "scale": scale} | ({} if offset is None else {"zero_point": offset})
        low = 0 if kind[0] == "u" else -(1 << bits - 1)
        step = spread(scale.astype(np.float64), blocks, codes.shape)
        zero = np.zeros(1) if offset is None else -step * spread(offset.astype(np.float64), blocks, codes.shape)
        rules = tuple(Rule(f"coremltools {kind}, {how}", SAYS[how], partial(
            linear, bits=bits, low=low, how=how, blocks=blocks, scale=scale, offset=offset)) for how in SAYS)
        return [Stored(name, f"Core ML {kind}", codes.shape, arrays, codes.astype(np.int16) - low,
                       Integers(low, low + (1 << bits) - 1), step, rules, zero)]

    def _palette(self, operation: Operation, group: int, name: str) -> list[Stored]:
        indices, lut = (self._array(operation.inputs[key], name) for key in ("indices", "lut"))
        grid = lut.shape[:-2]
        if lut.ndim != indices.ndim + 2 or lut.shape[-1] != 1 or lut.dtype.kind != "f" or indices.dtype != np.uint8 \
                or any(n % max(g, 1) for n, g in zip(indices.shape, grid)) \
                or indices.size and indices.max() >= lut.shape[-2]:
            raise CorruptError("path", f"tensor {name!r} of shape {indices.shape} has tables of shape {lut.shape}")
        place = np.unravel_index(group, grid)
        part = tuple(slice(i * (n // g), (i + 1) * (n // g)) for i, n, g in zip(place, indices.shape, grid))
        table = lut[place].reshape(-1).astype(np.float64)
        if not np.isfinite(table).all():
            raise CorruptError("path", f"tensor {name!r} has a table with a number that is not finite")
        levels, ranks = np.unique(table, return_inverse=True)
        codes = np.ascontiguousarray(indices[part])
        to = rounding(lut.dtype.name)
        return [Stored(name, f"Core ML palette of {len(table)}", indices.shape, {"codes": codes}, ranks[codes], levels,
                       np.ones(1), (), loss=F16 if lut.dtype == np.float16 else F32,
                       arranged=lambda w: np.ascontiguousarray(to(w[part])))]


SAYS = {"symmetric": "scale = 2 max|w| / (2^bits - 2); codes w / scale, ties to even, plus half the range where they "
                     "have no sign; each result in the program's type",
        "linear": "scale = (max(w, 0) - min(w, 0)) / (2^bits - 1), zero point (lowest max - highest min) / (max - "
                  "min); codes w / scale + zero point, ties to even; each result in the program's type"}


def linear(w: np.ndarray, *, bits: int, low: int, how: str, blocks: tuple[int, ...], scale: np.ndarray, offset
           ) -> Arrays | None:
    """Return codes, scales and zero points."""
    if not w.size or not np.isfinite(w).all():
        return None
    to = rounding(scale.dtype.name)
    w = to(w)
    bottom, top = low, low + (1 << bits) - 1
    least, most = reduced(np.minimum, w, blocks), reduced(np.maximum, w, blocks)
    if how == "symmetric":
        bottom, top = (bottom + 1, top) if low else (bottom, top - 1)
        most = np.maximum(np.abs(least), np.abs(most))
        least = -most
        zero = np.full(least.shape, np.float32(0 if low else top // 2))
    else:
        least, most = np.minimum(least, 0), np.maximum(most, 0)
        zero = to(to(to(bottom * most) - to(top * least)) / to(most - least))
        zero = np.clip(np.rint(zero), bottom, top)
    found = to(to(most - least) / np.float32(top - bottom))
    steps = np.rint(to(w / spread(found, blocks, w.shape)))
    codes = np.clip(to(steps + spread(zero, blocks, w.shape)), bottom, top)
    integer = np.int8 if low else np.uint8
    arrays = {"codes": codes.astype(integer), "scale": found.astype(scale.dtype).reshape(scale.shape)}
    return arrays | ({} if offset is None else {"zero_point": zero.astype(integer).reshape(scale.shape)})


def is_package(path: str) -> bool:
    return Path(path).suffix.lower() == ".mlpackage" and os.path.isdir(path)
