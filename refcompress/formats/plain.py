"""An array of any type of element, kept bit for bit."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import ArgumentTypeError
from .base import Format
from .element_types import ELEMENT_TYPES

PRODUCTS = {"float16": "gemm_f32f16", "bfloat16": "gemm_f32bf16", "fp8_e4m3": "gemm_f32fp8", "fp8_e5m2": "gemm_f32fp8",
            "fp8_e4m3fnuz": "gemm_f32fp8", "fp8_e5m2fnuz": "gemm_f32fp8"}


@dataclass(frozen=True, eq=False, repr=False)
class Plain(Format):
    """An array of any type of element, kept bit for bit: payloads of NaNs and the sign of zero too.

    patterns : any shape, the bit patterns of the elements: uint8, uint16, uint32 or uint64, as the type says; of a type
    below 8 bits they fill the low bits of a byte. type : a name in ELEMENT_TYPES, such as "bfloat16".
    """

    patterns: np.ndarray
    type: str

    def __post_init__(self):
        self._set("type", arguments.choice(self.type, "type", ELEMENT_TYPES))
        element = ELEMENT_TYPES[self.type]
        patterns = arguments.array(self.patterns, "patterns", element.pattern)
        bits = 1 if self.type == "bool" else element.bits
        if bits < 8 and patterns.size and patterns.max() >= 1 << bits:
            arguments.each(patterns, "patterns", patterns < 1 << bits, f"must be below 2**{bits} for {self.type}")
        self._set("patterns", patterns)

    @classmethod
    def of(cls, a: np.ndarray) -> "Plain":
        """Return an array of one of NumPy's types, kept bit for bit.

        >>> Plain.of(np.array([-0.0, np.nan], np.float32)).dense().tobytes().hex()
        '000000800000c07f'
        """
        name = np.asarray(a).dtype.name
        if name not in ELEMENT_TYPES or ELEMENT_TYPES[name].numpy is None:
            raise ArgumentTypeError("a", f"must be an array of a type in ELEMENT_TYPES, not {name}")
        a = arguments.array(a, "a", np.dtype(name))
        if name == "bool":
            return cls((a.view(np.uint8) != 0).view(np.uint8), name)  # memory may hold other bytes than 0 and 1
        return cls(a.reshape(-1).view(ELEMENT_TYPES[name].pattern).reshape(a.shape), name)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.patterns.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of ``dense``."""
        return ELEMENT_TYPES[self.type].dense

    @property
    def product(self) -> str | None:
        return PRODUCTS.get(self.type)

    def dense(self) -> np.ndarray:
        """Return the numbers: of NumPy's own type, else as float32, int8 or uint8, which hold all of them exactly."""
        return np.asarray(ELEMENT_TYPES[self.type].values(self.patterns))  # NumPy makes a scalar of a 0-d array

    def describe(self) -> str:
        return f"{self.type}, bit for bit"
