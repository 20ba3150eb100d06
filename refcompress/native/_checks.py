"""Fast paths of checking, for products so short that the reference's checks would take longer than the work.

What nearly always comes is recognised here in a fraction of the time, and needs no other check. All else goes to the
reference's functions of the same names, which refuse it or convert it.
"""

import numpy as np
from numpy import ndarray

from ..constants import LARGEST, SMALLEST_NORMAL
from ..formats import BSR, CSR, NM, Bitmask, Plain, Prepared, Quantized, Relative
from ..reference.csr import matrix
from ..reference.gemm import bfloat16, integers, products
from ..reference.quantize.requantization import MOST_SHIFT
from ..reference.sparse import product as sparse
from ._call import READY, pointer
from ._kernels import lib

SHORT = 2**29  # two sizes below it, of 16 bytes an element at most, have less than 2**63 bytes
F32, S8, U8, U16, S32 = map(np.dtype, (np.float32, np.int8, np.uint8, np.uint16, np.int32))  # one object for each
SPARSE = Bitmask, NM, Relative, BSR
SMALLEST, GREATEST = float(SMALLEST_NORMAL), float(LARGEST)
MOST_S32 = 2**31 - 1


def s8s8_arguments(x, w):
    if type(w) is Prepared:
        w = w.taken
    if _ready(x, S8) and _ready(w, S8) and x.shape[1] == w.shape[1] <= products.MAX_K_S8S8:
        return x, w
    return products.s8s8_arguments(x, w)


def u8s8_arguments(x, w):
    if type(w) is Prepared:
        w = w.taken
    if _ready(x, U8) and _ready(w, S8) and x.shape[1] == w.shape[1] <= products.MAX_K_U8S8:
        return x, w
    return products.u8s8_arguments(x, w)


def f32f32_arguments(x, w, transposed):
    if type(w) is Prepared:
        w = w.taken
    if _ready(x, F32) and _ready(w, F32):
        k = x.shape[1]
        if transposed is False and k == w.shape[1] or transposed is True and k == len(w) and w.shape[1] < SHORT:
            return x, w, transposed
    return products.f32f32_arguments(x, w, transposed)


def matmul_arguments(a, x):
    if type(a) is Prepared:
        a = a.taken
    if type(a) is CSR and _ready(x, F32) and a.shape[1] == len(x) and a.shape[0] < SHORT and x.shape[1] < SHORT:
        return a, x
    return matrix.matmul_arguments(a, x)


def sparse_arguments(a, x):
    if type(a) is Prepared:
        a = a.taken
    if type(a) in SPARSE and _ready(x, F32) and a.shape[1] == len(x) and a.shape[0] < SHORT and x.shape[1] < SHORT:
        return a, x
    return sparse.matmul_arguments(a, x)


def bf16_arguments(x, w):
    if type(w) is Prepared:
        w = w.taken
    a = x.patterns if type(x) is Plain and x.type == "bfloat16" else x
    b = w.patterns if type(w) is Plain and w.type == "bfloat16" else w
    if _ready(a, U16) and _ready(b, U16) and a.shape[1] == b.shape[1]:
        return a, b
    return bfloat16.bf16_arguments(x, w)


def requantized_arguments(x, w, bias, multiplier, shift, zero_point, lowest, highest):
    if type(w) is Prepared:
        w = w.taken
    if _ready(x, S8) and _ready(w, S8) and x.shape[1] == w.shape[1] <= products.MAX_K_S8S8:
        n, k = w.shape
        most = MOST_S32 - k * 2**14
        if (is_vector(bias, S32, n) and is_vector(multiplier, S32, n) and is_vector(shift, S32, n)
                and type(zero_point) is type(lowest) is type(highest) is int
                and -128 <= lowest <= zero_point <= highest <= 127
                and lib.rc_all_within_s32(n, pointer(bias), -most, most)
                and lib.rc_all_within_s32(n, pointer(multiplier), 0, MOST_S32)
                and lib.rc_all_within_s32(n, pointer(shift), 1 - MOST_SHIFT, MOST_SHIFT)):
            return x, w, bias, multiplier, shift, zero_point, lowest, highest
    return integers.requantized_arguments(x, w, bias, multiplier, shift, zero_point, lowest, highest)


def scaled_arguments(x, x_scale, w, bias):
    if type(w) is Prepared:
        w = w.taken
    if _ready(x, S8) and type(w) is Quantized and _ready(w.values, S8) and x.shape[1] == w.shape[1] and len(x) and (
            w.group is not None or w.scale.shape[1] == 1):
        n, k = w.shape
        if (k <= integers.MAX_K_SCALED and is_vector(x_scale, F32, len(x)) and (bias is None or is_vector(bias, F32, n))
                and lib.rc_all_within_f32(len(x), pointer(x_scale), SMALLEST, GREATEST)):
            return x, x_scale, w, bias, max(1, min(k if w.group is None else w.group, k))
    return integers.scaled_arguments(x, x_scale, w, bias)


def are_short(x, x_scale, n: int, k: int, most: int) -> bool:
    """Return whether rows of int8, and a float32 for each, need no check but that of the scales' values, in a product
    of at most so many multiply-adds.

    n, k : of the weight.
    """
    return (type(x) is type(x_scale) is ndarray and x.dtype is S8 and x_scale.dtype is F32
            and x.flags.num & x_scale.flags.num & READY == READY and len(shape := x.shape) == 2 and shape[1] == k
            and x_scale.shape == (m := shape[0],) and m * n * k <= most)


def are_short_layers(x, w, bias, multiplier, shift, most: int) -> bool:
    """Return whether the arrays of gemm_s8s8_requantized need no check but that they are contiguous and aligned, and
    that of the last three's values, in a product of at most so many multiply-adds."""
    return (type(x) is type(w) is type(bias) is type(multiplier) is type(shift) is ndarray
            and x.dtype is w.dtype is S8 and bias.dtype is multiplier.dtype is shift.dtype is S32
            and len(rows := x.shape) == len(outputs := w.shape) == 2 and (k := rows[1]) == outputs[1] <= most
            and bias.shape == multiplier.shape == shift.shape == (n := outputs[0],) and rows[0] * n * k <= most)


def is_vector(a, dtype: np.dtype, n: int) -> bool:
    """Return whether an array is one of n numbers of this type, as arguments.array would return it."""
    return type(a) is ndarray and a.dtype is dtype and a.shape == (n,) and a.flags.num & READY == READY


def is_ready(x) -> bool:
    """Return whether arguments.array would return this float32 matrix as it is, and any product with it has a size."""
    return (type(x) is ndarray and x.dtype is F32 and x.ndim == 2 and x.flags.num & READY == READY and len(x) < SHORT)


def _ready(a, dtype: np.dtype) -> bool:
    """Return whether arguments.array would return this matrix as it is, and any product with it has a size."""
    return (type(a) is ndarray and a.dtype is dtype and a.ndim == 2 and a.flags.num & READY == READY
            and len(a) < SHORT)
