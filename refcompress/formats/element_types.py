"""The types of elements that files of models hold: those of NumPy, and the narrow ones that NumPy lacks.

A type is known by its name. Whatever its type is, an element is a bit pattern in an unsigned integer. A pattern of
fewer than 8 bits lies in the low bits of a byte; the bits above it are 0.

**Source** IEEE 754-2019 (float16, float32, float64); Kalamkar et al., A Study of BFLOAT16 for Deep Learning Training
(2019, arXiv 1905.12322); OCP 8-bit Floating Point Specification (OFP8) 1.0 (fp8_e4m3, fp8_e5m2); OCP Microscaling
Formats (MX) 1.0 (fp8_e8m0, fp6, fp4); ONNX, technical details "Float stored in 8 bits" (fp8_e4m3fnuz, fp8_e5m2fnuz).
"""

from dataclasses import dataclass

import numpy as np

from ..widths import BITS
from .floats import E8M0_BIAS, E8M0_NAN, FLOATS

__all__ = ["ELEMENT_TYPES", "ElementType"]


@dataclass(frozen=True)
class ElementType:
    """One type of element.

    name : as in ELEMENT_TYPES. bits : of one element. numpy : the dtype that NumPy has for it, or None.
    """

    name: str
    bits: int
    numpy: np.dtype | None = None

    @property
    def pattern(self) -> np.dtype:
        """The unsigned integer that a bit pattern lies in: uint8, uint16, uint32 or uint64."""
        return np.dtype(f"u{max(1, self.bits // 8)}")

    @property
    def dense(self) -> np.dtype:
        """The dtype of an array of these numbers: NumPy's own, else the narrowest one here that holds all of them."""
        if self.numpy is not None:
            return self.numpy
        return np.dtype({"i": "int8", "u": "uint8"}.get(self.name[0], "float32"))

    def values(self, patterns: np.ndarray) -> np.ndarray:
        """Return the numbers that bit patterns stand for, every one exactly, as an array of dtype ``dense``.

        NumPy's types are a view of the same bits. 2^-127, the lowest number of fp8_e8m0, is a subnormal float32.
        """
        if self.name == "bool":
            return patterns != 0
        if self.numpy is not None:
            return patterns.view(self.numpy)
        if self.name in FLOATS:
            return FLOATS[self.name].values(patterns)
        if self.name == "fp8_e8m0":
            exponent = np.where(patterns == E8M0_NAN, 0, patterns.astype(np.int32) - E8M0_BIAS)
            with np.errstate(under="ignore"):
                values = np.ldexp(np.float32(1), exponent)
            return np.where(patterns == E8M0_NAN, np.float32(np.nan), values)
        if self.name in FNUZ:
            return _fnuz(patterns, *FNUZ[self.name])
        if self.name[0] == "u":
            return patterns.copy()
        sign = np.uint8(1 << self.bits - 1)
        return ((patterns ^ sign).astype(np.int16) - sign).astype(np.int8)


def _fnuz(patterns: np.ndarray, mantissa: int, bias: int) -> np.ndarray:
    """Return the numbers of an FP8 type without infinities and -0, whose one NaN is the pattern of -0."""
    magnitude = patterns.astype(np.int32) & 127
    exponent, fraction = magnitude >> mantissa, magnitude & (1 << mantissa) - 1
    one = np.where(exponent > 0, 1 << mantissa, 0)  # a normal number's leading 1; a subnormal one has none
    values = np.ldexp((fraction + one).astype(np.float32), np.maximum(exponent, 1) - bias - mantissa)
    return np.where(patterns == 128, np.float32(np.nan), np.where(patterns & 128, -values, values)).astype(np.float32)


FNUZ = {"fp8_e4m3fnuz": (3, 8), "fp8_e5m2fnuz": (2, 16)}  # bits of the fraction, bias of the exponent
NAMES_OF_NUMPY = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16",
                  "float32", "float64", "complex64")

ELEMENT_TYPES: dict[str, ElementType] = {
    name: ElementType(name, bits, np.dtype(name) if name in NAMES_OF_NUMPY else None) for name, bits in BITS.items()}
