"""Integers of few bits, side by side."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .base import Format, matrix_shape
from .quantized import Quantized, counted, grid


@dataclass(frozen=True, eq=False, repr=False)
class Packed(Format):
    """A Quantized whose values take ``bits`` bits each: weight = scale * (value - zero_point).

    data : uint8, a row of ceil(size * bits / 8) bytes for each row of ``size`` values. shape : at least one dimension.
    bits : 1 to 7. scale, zero_point, group : as in Quantized, with zero points that the bits can hold (0 for a single
    bit).

    Rows lie along the last axis. An array of more than two axes is the matrix of its first axis by all others. Each row
    begins with a byte of its own. Value p takes the bits from p * bits on, counted from the lowest bit of the row's
    first byte: of two 4-bit values in a byte the first is the low half, as in ONNX. Bits left over are 0. Values are
    two's complement, but a single bit is 1 for +1 and 0 for -1.
    """

    data: np.ndarray
    shape: tuple[int, ...]
    bits: int
    scale: np.ndarray
    zero_point: np.ndarray
    group: int | None = None

    def __post_init__(self):
        data = arguments.array(self.data, "data", np.uint8)
        shape = arguments.shape(self.shape, itemsize=8)
        bits = arguments.integer(self.bits, "bits", 1, 7)
        if not shape:
            raise RefcompressError("shape", "must have at least one dimension")
        *outer, size = matrix_shape(shape)
        full = (*outer, -(-size * bits // 8))
        if data.shape != full:
            raise RefcompressError("data", f"must have the shape {full}, not {data.shape}")
        spare = -size * bits % 8
        if spare and data.size:
            good = data[..., -1] >> 8 - spare == 0
            if not good.all():
                each = np.ones(full, dtype=bool)
                each[..., -1] = good
                arguments.each(data, "data", each, f"must end in {spare} bits of 0")
        self._set("data", data)
        self._set("shape", shape)
        self._set("bits", bits)
        checked = grid(shape, np.dtype(np.int8), self.scale, self.zero_point, self.group)
        zero_point, half = checked["zero_point"], 2 ** (bits - 1) if bits > 1 else 0
        held = (zero_point >= -half) & (zero_point <= max(half - 1, 0))
        arguments.each(zero_point, "zero_point", held, f"must be in {-half}..{max(half - 1, 0)}")
        for name in ("scale", "zero_point", "group"):
            self._set(name, checked[name])

    @property
    def product(self) -> str:
        return "gemm_f32s4" if self.bits == 4 else "gemm_f32s8"

    @property
    def values(self) -> np.ndarray:
        """The values as int8."""
        count = matrix_shape(self.shape)[-1] * self.bits
        each = np.unpackbits(self.data, axis=-1, count=count, bitorder="little").reshape(*self.shape, self.bits)
        codes = np.packbits(each, axis=-1, bitorder="little").reshape(self.shape).astype(np.int8)
        if self.bits == 1:
            return 2 * codes - 1
        half = np.int8(1 << self.bits - 1)
        return (codes ^ half) - half

    def dense(self) -> np.ndarray:
        """Return float32 scale * (value - zero_point), as Quantized does."""
        return Quantized(self.values, self.scale, self.zero_point, self.group).dense()

    def operand(self, operation: Callable[[str], Callable]) -> Format:
        """Return what the product reads: integers of 4 bits as they are, others a byte each."""
        return self if self.bits == 4 else operation("quantize_unpack")(self)

    def describe(self) -> str:
        return f"{self.bits} bit{'s' * (self.bits != 1)}, {counted(self.scale)}, packed"
