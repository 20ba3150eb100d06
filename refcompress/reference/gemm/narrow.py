"""What the products of float32 inputs by narrow weights share: what they accept, and what they compute.

The law of all of them: the result is that of gemm_f32f32 with the weights as float32 numbers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import MX, NF4, NVFP4, ArrayFormat, Format, Packed, Plain, Shared, is_array_format
from ...formats.plain import PRODUCTS
from ...formats.prepared import unprepared
from .products import gemm_f32f32, same_k

FP8 = tuple(name for name, op in PRODUCTS.items() if op == "gemm_f32fp8")

# By the operation: the class of its weights, what must be true of one, and that in words.
ACCEPTED: dict[str, tuple[type[Format], Callable[[Any], bool], str]] = {
    "gemm_f32s4": (Packed, lambda w: w.bits == 4, "a Packed of 4 bits"),
    "gemm_f32lut4": (Shared, lambda w: w.codebook.shape[-1] <= 16, "a Shared with at most 16 values in a codebook"),
    "gemm_f32lut8": (Shared, lambda w: w.codes.dtype == np.uint8, "a Shared with at most 256 values in a codebook"),
    "gemm_f32nf4": (NF4, lambda w: True, "an NF4"),
    "gemm_f32f16": (Plain, lambda w: w.type == "float16", "a Plain of float16"),
    "gemm_f32bf16": (Plain, lambda w: w.type == "bfloat16", "a Plain of bfloat16"),
    "gemm_f32fp8": (Plain, lambda w: w.type in FP8, f"a Plain of {', '.join(FP8[:-1])} or {FP8[-1]}"),
    "gemm_f32mx": (MX, lambda w: True, "an MX"),
    "gemm_f32nvfp4": (NVFP4, lambda w: True, "an NVFP4"),
}


def decoded_product(x: np.ndarray, w: ArrayFormat) -> NDArray[np.float32]:
    """Return the product with the weights decoded: sums in float64, p ascending, rounded to float32 once."""
    return gemm_f32f32(x, decoded(w))


def decoded(w: ArrayFormat) -> NDArray[np.float32]:
    """Return the weights as float32 numbers: exactly those of ``dense``, also where it returns float16."""
    with np.errstate(invalid="ignore"):  # a signalling NaN of float16
        return w.dense().astype(np.float32, copy=False)


def narrow_arguments(op: str, x, w) -> tuple[np.ndarray, ArrayFormat]:
    """Return the arguments of a product by narrow weights, checked: what both implementations accept."""
    x = arguments.array(x, "x", np.float32, ndim=2)
    return same_k(x, narrow_weight(op, w))


def narrow_weight(op: str, w, argument: str = "w") -> ArrayFormat:
    """Return the weight of a product by narrow weights, or refuse it; of a Prepared the one that was prepared."""
    kind, good, words = ACCEPTED[op]
    w = unprepared(w)
    if not isinstance(w, kind) or not is_array_format(w):
        raise ArgumentTypeError(argument, f"must be {words}, not {type(w).__name__}")
    if not good(w):
        raise ArgumentTypeError(argument, f"must be {words}, not {w.describe()}")
    if len(w.shape) != 2:
        raise RefcompressError(argument, f"must have 2 dimensions, not {len(w.shape)}")
    return w
