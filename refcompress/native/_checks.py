"""Fast paths of checking, for products so short that the reference's checks would take longer than the work.

What nearly always comes is recognised here in a fraction of the time, and needs no other check. All else goes to the
reference's functions of the same names, which refuse it or convert it.
"""

import numpy as np

from ..formats import CSR, Quantized
from ..reference.csr import matrix
from ..reference.gemm import products
from ._call import READY

SHORT = 2**29  # two sizes below it, of 16 bytes an element at most, have less than 2**63 bytes
F32, S8, U8 = np.dtype(np.float32), np.dtype(np.int8), np.dtype(np.uint8)  # NumPy has one object for each


def s8s8_arguments(x, w):
    if _ready(x, S8) and _ready(w, S8) and x.shape[1] == w.shape[1] <= products.MAX_K_S8S8:
        return x, w
    return products.s8s8_arguments(x, w)


def u8s8_arguments(x, w):
    if _ready(x, U8) and _ready(w, S8) and x.shape[1] == w.shape[1] <= products.MAX_K_U8S8:
        return x, w
    return products.u8s8_arguments(x, w)


def f32s8_arguments(x, w):
    if _ready(x, F32) and type(w) is Quantized and _ready(w.values, S8) and x.shape[1] == w.shape[1]:
        return x, w
    return products.f32s8_arguments(x, w)


def f32f32_arguments(x, w, transposed):
    if transposed is False and _ready(x, F32) and _ready(w, F32) and x.shape[1] == w.shape[1]:
        return x, w, transposed
    return products.f32f32_arguments(x, w, transposed)


def matmul_arguments(a, x):
    if type(a) is CSR and _ready(x, F32) and a.shape[1] == len(x) and a.shape[0] < SHORT and x.shape[1] < SHORT:
        return a, x
    return matrix.matmul_arguments(a, x)


def is_ready(x) -> bool:
    """Return whether arguments.array would return this float32 matrix as it is."""
    return _ready(x, F32)


def _ready(a, dtype: np.dtype) -> bool:
    """Return whether arguments.array would return this matrix as it is, and any product with it has a size."""
    return (type(a) is np.ndarray and a.dtype is dtype and a.ndim == 2 and a.flags.num & READY == READY
            and len(a) < SHORT)
