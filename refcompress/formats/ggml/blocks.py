"""Blocks of weights as ggml keeps them."""

import math
from dataclasses import dataclass

import numpy as np

from ... import arguments
from ...errors import RefcompressError
from ..base import Format
from .types import GGML_TYPES


@dataclass(frozen=True, eq=False, repr=False)
class GGMLBlocks(Format):
    """Blocks of weights as ggml keeps them, bit for bit.

    data : uint8, a row for each block. type : a name in GGML_TYPES, such as "Q4_K". shape : of the weights, at least
    one dimension; the last size is a multiple of the numbers in a block.

    Blocks are segments of the last axis, in C order.
    """

    data: np.ndarray
    type: str
    shape: tuple[int, ...]

    def __post_init__(self):
        data = arguments.array(self.data, "data", np.uint8)
        block = GGML_TYPES[arguments.choice(self.type, "type", GGML_TYPES)]
        shape = arguments.shape(self.shape, itemsize=4)
        if not shape or shape[-1] % block.numbers:
            raise RefcompressError("shape", f"must have a last size that is a multiple of {block.numbers} for "
                                            f"{block.name}, not {shape}")
        full = (math.prod(shape) // block.numbers, block.nbytes)
        if data.shape != full:
            raise RefcompressError("data", f"must have the shape {full}, not {data.shape}")
        self._set("data", data)
        self._set("type", block.name)
        self._set("shape", shape)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of ``dense``."""
        return np.dtype(np.float32)

    def dense(self) -> np.ndarray:
        """Return the float32 numbers that ggml decodes; the sign and payload of a NaN mean nothing."""
        return GGML_TYPES[self.type].values(self.data).reshape(self.shape)

    def describe(self) -> str:
        return f"blocks of {GGML_TYPES[self.type].numbers}, {self.type} of ggml"
