"""The elements of a value as raw_data has them, rounded where the model has another type of floats."""

import numpy as np

from ...constants import LARGEST
from ...errors import ArgumentTypeError
from ...formats import Plain, is_array_format
from ...reference import floats_encode
from ..elements import bits_of, packed

ROUNDED_STEP = 2**20  # numbers rounded at a time


def raw(value, type: str, argument: str) -> np.ndarray:
    """Return the bytes that raw_data has for a value: uint8.

    Numbers of another type are rounded to float16, bfloat16, float32 or float64, ties to even, and what is beyond
    (infinity too) becomes the largest number. To any other type nothing is converted.
    """
    if isinstance(value, Plain) and value.type == type:
        patterns = value.patterns
    else:
        a = value.dense() if is_array_format(value) else np.asarray(value)
        patterns = a if a.dtype.name == type else _rounded(a, type, argument)
        if type == "bool":
            patterns = patterns != 0  # memory may hold other bytes than 0 and 1
    if bits_of(type) < 8:
        return packed(patterns.reshape(-1), bits_of(type))
    little = np.ascontiguousarray(patterns, patterns.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8)


def _rounded(a: np.ndarray, type: str, argument: str) -> np.ndarray:
    """Return numbers of another type: an array of it, or the patterns of bfloat16."""
    if a.dtype.kind != "f" or type not in ("float16", "bfloat16", "float32", "float64"):
        raise ArgumentTypeError(argument, f"must be of type {type}, which the model has, not {a.dtype.name}")
    if type == "float64":
        return a.astype(np.float64)
    rounded = np.empty(a.size, np.float32 if type == "float32" else np.uint16)
    flat = a.reshape(-1)
    for start in range(0, a.size, ROUNDED_STEP):
        part = np.clip(flat[start : start + ROUNDED_STEP], -LARGEST, LARGEST).astype(np.float32)
        rounded[start : start + ROUNDED_STEP] = part if type == "float32" else floats_encode(part, type)
    return rounded
