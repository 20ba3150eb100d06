"""The block types of ggml, which GGUF files hold: a number of weights that share scales, as a fixed number of bytes.

To be read in this order:

bits.py       how a byte is split into fields
plain.py      blocks of 32 integers and a scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
tables.py     blocks whose codes are numbers of a table: IQ4_NL, IQ4_XS, MXFP4, NVFP4
nested.py     blocks of 256 whose scales are quantized again: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K
ternary.py    blocks of 256 numbers -1, 0 and 1, and a scale: TQ1_0, TQ2_0
types.py      the table of all of them: their numbers in a file, their sizes, their decoders
blocks.py     GGMLBlocks, the format

A decoder takes the bytes of blocks, (blocks, bytes), and returns the numbers, (blocks, numbers). Each number is a sum
of at most two products. Each product is exact: a float16 has 11 bits, and the integers that it is multiplied by have at
most 13 together. So there is at most one rounding, that of the sum, and a machine that multiplies and adds in one step
gets the same bits.
"""

from .blocks import GGMLBlocks
from .types import GGML_TYPES, GGMLType

__all__ = ["GGMLBlocks", "GGMLType", "GGML_TYPES"]
