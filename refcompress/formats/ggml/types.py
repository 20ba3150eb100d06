"""The table of ggml's block types."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...widths import BLOCKS
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


DECODERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Q4_0": plain.q4_0, "Q4_1": plain.q4_1, "Q5_0": plain.q5_0, "Q5_1": plain.q5_1, "Q8_0": plain.q8_0,
    "Q2_K": nested.q2_k, "Q3_K": nested.q3_k, "Q4_K": nested.q4_k, "Q5_K": nested.q5_k, "Q6_K": nested.q6_k,
    "IQ4_NL": tables.iq4_nl, "IQ4_XS": tables.iq4_xs, "TQ1_0": ternary.tq1_0, "TQ2_0": ternary.tq2_0,
    "MXFP4": tables.mxfp4, "NVFP4": tables.nvfp4,
}
GGML_TYPES: dict[str, GGMLType] = {name: GGMLType(name, *BLOCKS[name], decode) for name, decode in DECODERS.items()}
