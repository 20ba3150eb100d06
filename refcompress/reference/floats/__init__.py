"""Small floating-point numbers. To be read in this order:

codes.py    one number at a time: float32 to float16, bfloat16, fp8, fp6 and fp4, by exponent and rounded steps
blocks.py   blocks that share a scale: MX, whose scale is a power of two, and NF4, whose 16 levels stand in a table
nvfp4.py    NVFP4: blocks whose scales are small numbers themselves, and share a scale
"""

from .blocks import floats_mx_decode, floats_mx_encode, floats_nf4_decode, floats_nf4_encode
from .codes import floats_decode, floats_encode
from .nvfp4 import floats_nvfp4_decode, floats_nvfp4_encode

__all__ = [
    "floats_encode", "floats_decode",
    "floats_mx_encode", "floats_mx_decode", "floats_nf4_encode", "floats_nf4_decode",
    "floats_nvfp4_encode", "floats_nvfp4_decode",
]
