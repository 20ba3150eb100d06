"""The table of ggml's block types."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import nested, plain, tables, ternary

STEP = 2**16  # numbers decoded at a time: what lies between the steps stays in a cache of 2 MiB


@dataclass(frozen=True)
class GGMLType:
    """One block type.

    name : as in GGML_TYPES. number : of the type in a GGUF file. numbers, nbytes : of one block. decode : the numbers
    of blocks, (blocks, nbytes) uint8 to (blocks, numbers) float32.
    """

    name: str
    number: int
    numbers: int
    nbytes: int
    decode: Callable[[np.ndarray], np.ndarray]

    @property
    def step(self) -> int:
        """The blocks that are decoded at a time."""
        return STEP // self.numbers

    def values(self, data: np.ndarray) -> np.ndarray:
        """Return the numbers of blocks, a step at a time."""
        values = np.empty((len(data), self.numbers), np.float32)
        for begin in range(0, len(data), self.step):
            self.decode_into(values, data, begin)
        return values

    def decode_into(self, values: np.ndarray, data: np.ndarray, begin: int) -> None:
        """Write the numbers of the step of blocks that starts at ``begin``.

        The arithmetic is IEEE 754's: scales that are infinite or NaN give what they give in ggml.
        """
        with np.errstate(all="ignore"):
            values[begin : begin + self.step] = self.decode(data[begin : begin + self.step])


GGML_TYPES: dict[str, GGMLType] = {type.name: type for type in (
    GGMLType("Q4_0", 2, 32, 18, plain.q4_0),
    GGMLType("Q4_1", 3, 32, 20, plain.q4_1),
    GGMLType("Q5_0", 6, 32, 22, plain.q5_0),
    GGMLType("Q5_1", 7, 32, 24, plain.q5_1),
    GGMLType("Q8_0", 8, 32, 34, plain.q8_0),
    GGMLType("Q2_K", 10, 256, 84, nested.q2_k),
    GGMLType("Q3_K", 11, 256, 110, nested.q3_k),
    GGMLType("Q4_K", 12, 256, 144, nested.q4_k),
    GGMLType("Q5_K", 13, 256, 176, nested.q5_k),
    GGMLType("Q6_K", 14, 256, 210, nested.q6_k),
    GGMLType("IQ4_NL", 20, 32, 18, tables.iq4_nl),
    GGMLType("IQ4_XS", 23, 256, 136, tables.iq4_xs),
    GGMLType("TQ1_0", 34, 256, 54, ternary.tq1_0),
    GGMLType("TQ2_0", 35, 256, 66, ternary.tq2_0),
    GGMLType("MXFP4", 39, 32, 17, tables.mxfp4),
    GGMLType("NVFP4", 40, 64, 36, tables.nvfp4),
)}
