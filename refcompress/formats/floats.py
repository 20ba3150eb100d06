"""Small floating-point formats, and blocks of them (or of integers) with a scale: MX and NF4 (nvfp4.py has NVFP4)."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .base import Format, block_shape, expand, rows_shape


@dataclass(frozen=True)
class FloatFormat:
    """A sign bit, ``exponent`` bits E, ``mantissa`` bits M (the fraction), in this order from the top of a code.

    E > 0 is the normal number (-1)^sign 2^(E - bias) (1 + M / 2^mantissa), E = 0 the subnormal
    (-1)^sign 2^(1 - bias) M / 2^mantissa. What the highest codes mean depends on ``special``: "ieee", the largest E is
    infinity (M = 0) and NaN; "nan", only the last code is special, a NaN; "none", all are numbers.
    """

    name: str
    exponent: int
    mantissa: int
    special: str

    @property
    def bias(self) -> int:
        """What is added to a number's exponent to give E."""
        return 2 ** (self.exponent - 1) - 1

    @property
    def bits(self) -> int:
        """The bits of a code, sign included."""
        return 1 + self.exponent + self.mantissa

    @property
    def dtype(self) -> np.dtype:
        """The dtype of codes: uint8 up to 8 bits (they fill the low ones), else uint16."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    @property
    def lowest(self) -> int:
        """The exponent of the smallest normal number, which the subnormal ones share."""
        return 1 - self.bias

    @property
    def sign(self) -> int:
        """The code that is the sign bit alone: -0."""
        return 1 << self.bits - 1

    @property
    def largest(self) -> int:
        """The code of the largest finite number; the next one, if it is below ``sign``, is what an overflow becomes."""
        specials = {"ieee": 1 << self.mantissa, "nan": 1, "none": 0}
        return self.sign - 1 - specials[self.special]

    @property
    def nan(self) -> int | None:
        """The one code of NaN that we write: positive, quiet (the fraction's first bit), no payload."""
        return {"ieee": self.largest + 1 | 1 << self.mantissa - 1, "nan": self.largest + 1, "none": None}[self.special]

    @property
    def maximum(self) -> float:
        """The largest finite number."""
        return float(self.values(np.array([self.largest], self.dtype))[0])

    def values(self, codes: np.ndarray) -> np.ndarray:
        """Return the numbers that codes (below 2**bits) stand for, as float32, which holds every one of them."""
        if not codes.size:  # of sizes whose float32 numbers can be counted, those in float64 perhaps cannot
            return np.zeros(arguments.shape(codes.shape, "codes", itemsize=4), np.float32)
        magnitude = codes.astype(np.int32) & self.sign - 1
        E, M = magnitude >> self.mantissa, magnitude & (1 << self.mantissa) - 1
        one = np.where(E > 0, 1 << self.mantissa, 0)  # a normal number's leading 1; a subnormal one has none
        values = np.ldexp((M + one).astype(np.float64), np.maximum(E, 1) - self.bias - self.mantissa)
        if self.special == "ieee":
            values = np.where(magnitude == self.largest + 1, np.inf, values)
        if self.special != "none":
            infinities = 1 if self.special == "ieee" else 0
            values = np.where(magnitude > self.largest + infinities, np.nan, values)
        return np.asarray(np.where(codes & self.sign, -values, values), dtype=np.float32)


FLOATS = {f.name: f for f in (
    FloatFormat("float16", 5, 10, "ieee"),
    FloatFormat("bfloat16", 8, 7, "ieee"),
    FloatFormat("fp8_e4m3", 4, 3, "nan"),
    FloatFormat("fp8_e5m2", 5, 2, "ieee"),
    FloatFormat("fp6_e2m3", 2, 3, "none"),
    FloatFormat("fp6_e3m2", 3, 2, "none"),
    FloatFormat("fp4_e2m1", 2, 1, "none"),
)}

MX_BLOCK = 32
MX_ELEMENTS = {
    "mxfp8_e4m3": FLOATS["fp8_e4m3"],
    "mxfp8_e5m2": FLOATS["fp8_e5m2"],
    "mxfp6_e2m3": FLOATS["fp6_e2m3"],
    "mxfp6_e3m2": FLOATS["fp6_e3m2"],
    "mxfp4_e2m1": FLOATS["fp4_e2m1"],
    "mxint8": None,  # int8 in units of 2**-6
}
E8M0_BIAS, E8M0_NAN = 127, 255

# The 16 levels of Dettmers et al. (2023), appendix E.
NF4_LEVELS = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0], dtype=np.float32)
NF4_LEVELS.flags.writeable = False


@dataclass(frozen=True, eq=False, repr=False)
class MX(Format):
    """Elements of a small format in blocks of 32 that share a power of two: the OCP's MX formats.

    value = 2^(scale - 127) * element, and NaN where scale is 255 (the format E8M0).

    codes : any shape of at least one dimension; int8 for "mxint8" (element = code / 64), else uint8 codes of the
    element's format. scales : uint8, one for each block. Blocks lie in rows as the groups of :class:`Quantized` do: the
    last size of scales is ceil(size of a row / 32).
    """

    codes: np.ndarray
    scales: np.ndarray
    format: str

    product = "gemm_f32mx"

    def __post_init__(self):
        self._set("format", arguments.choice(self.format, "format", MX_ELEMENTS))
        element = MX_ELEMENTS[self.format]
        codes = arguments.array(self.codes, "codes", np.int8 if element is None else np.uint8)
        if element is not None:
            codes_below(codes, element.bits)
        scales = arguments.array(self.scales, "scales", np.uint8)
        _one_a_block(scales, codes, MX_BLOCK)
        self._set("codes", codes)
        self._set("scales", scales)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of codes."""
        return self.codes.shape

    def dense(self) -> np.ndarray:
        """Return float32 2^(scale - 127) * element: exact, but for products beyond float32, which are infinite.

        Nothing that was encoded from float32 reaches so far.
        """
        element = MX_ELEMENTS[self.format]
        values = self.codes / np.float32(64) if element is None else element.values(self.codes)
        scales = expand(self.scales, self.shape, MX_BLOCK).astype(np.int32)
        with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
            product = np.ldexp(values, scales - E8M0_BIAS)
        return np.where(scales == E8M0_NAN, np.float32(np.nan), product)

    def describe(self) -> str:
        return f"{self.format}, blocks of {MX_BLOCK}"


@dataclass(frozen=True, eq=False, repr=False)
class NF4(Format):
    """4-bit codes of 16 levels, dense where a normal distribution is, in blocks that share a scale.

    value = scale * level[code].

    codes : any shape of at least one dimension, uint8 below 16. scales : float32, positive, finite, one for each block
    of ``block`` codes. Blocks lie in rows as the groups of :class:`Quantized` do.
    """

    codes: np.ndarray
    scales: np.ndarray
    block: int = 64

    product = "gemm_f32nf4"

    def __post_init__(self):
        self._set("block", arguments.integer(self.block, "block", 1))
        codes = codes_below(arguments.array(self.codes, "codes", np.uint8), 4)
        scales = arguments.finite(arguments.array(self.scales, "scales", np.float32), "scales")
        arguments.each(scales, "scales", scales > 0, "must be positive")
        _one_a_block(scales, codes, self.block)
        self._set("codes", codes)
        self._set("scales", scales)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of codes."""
        return self.codes.shape

    def dense(self) -> np.ndarray:
        """Return float32 scale * level, the product rounded once."""
        if not self.codes.size:  # no level is looked up for sizes whose float32 numbers cannot be counted
            return np.zeros(arguments.shape(self.shape, "codes", itemsize=4), np.float32)
        with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
            return NF4_LEVELS[self.codes] * expand(self.scales, self.shape, self.block)

    def describe(self) -> str:
        return f"nf4, blocks of {self.block}"


def codes_below(codes: np.ndarray, bits: int) -> np.ndarray:
    """Return uint8 codes; refuse the first that needs more than ``bits`` bits."""
    if bits < 8 and codes.size and codes.max() >= 1 << bits:  # the maximum first: it needs no array of booleans
        arguments.each(codes, "codes", codes < 1 << bits, f"must be below 2**{bits}")
    return codes


def _one_a_block(scales: np.ndarray, codes: np.ndarray, block: int) -> None:
    if codes.ndim == 0:
        raise RefcompressError("codes", "must have at least one dimension")
    wanted = block_shape(rows_shape(codes.shape, scales.ndim), block)
    if scales.shape != wanted:
        raise RefcompressError("scales", f"must have the shape {wanted}, not {scales.shape}")
