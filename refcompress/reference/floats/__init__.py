"""The floats family."""

from .blocks import floats_mx_decode, floats_mx_encode, floats_nf4_decode, floats_nf4_encode
from .codes import floats_decode, floats_encode

__all__ = [
    "floats_mx_decode", "floats_mx_encode", "floats_nf4_decode", "floats_nf4_encode",
    "floats_decode", "floats_encode",
]
