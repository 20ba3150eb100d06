"""How wide numbers are in files, without any array: the bits of each type of element, and the blocks of ggml."""

from typing import NamedTuple

__all__ = ["BITS", "BLOCKS", "Block"]

BITS = {  # of one element; formats/element_types.py says what the types are
    "bool": 8, "int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64,
    "float16": 16, "float32": 32, "float64": 64, "complex64": 64,
    "bfloat16": 16, "fp8_e4m3": 8, "fp8_e5m2": 8, "fp8_e8m0": 8, "fp8_e4m3fnuz": 8, "fp8_e5m2fnuz": 8,
    "fp6_e2m3": 6, "fp6_e3m2": 6, "fp4_e2m1": 4, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2,
}


class Block(NamedTuple):
    """A type of block of ggml: its number in a GGUF file, and the numbers and bytes of one block."""

    number: int
    numbers: int
    nbytes: int


BLOCKS = {
    "Q4_0": Block(2, 32, 18), "Q4_1": Block(3, 32, 20), "Q5_0": Block(6, 32, 22), "Q5_1": Block(7, 32, 24),
    "Q8_0": Block(8, 32, 34), "Q2_K": Block(10, 256, 84), "Q3_K": Block(11, 256, 110), "Q4_K": Block(12, 256, 144),
    "Q5_K": Block(13, 256, 176), "Q6_K": Block(14, 256, 210), "IQ4_NL": Block(20, 32, 18),
    "IQ4_XS": Block(23, 256, 136), "TQ1_0": Block(34, 256, 54), "TQ2_0": Block(35, 256, 66), "MXFP4": Block(39, 32, 17),
    "NVFP4": Block(40, 64, 36),
}
