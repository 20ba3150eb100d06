"""Products of sparse weights as they are stored: with float32 columns, and with int8 rows by sums of integers.

Letters: a is sparse, m rows by k columns; x is dense, k by n; y = a @ x is m by n. The product of integers has the
letters of gemm_s8s8_scaled: x is m by k, w is n by k.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...constants import SMALLEST_NORMAL
from ...errors import ArgumentTypeError, LimitError, RefcompressError
from ...formats import NM, Bitmask, Quantized
from ...formats.kept import Kept
from ...formats.prepared import unprepared
from ..gemm.integers import MAX_K_SCALED, gemm_s8s8_scaled, of_outputs
from .bitmask import whole

__all__ = ["sparse_matmul", "sparse_s8s8"]


def sparse_matmul(a: Kept, x: ArrayLike) -> NDArray[np.float32]:
    """Multiply sparse weights, as they are stored, by a dense matrix: y = a @ x.

        y[i, j] = sum over the groups g of scale[i, g] * (sum over the stored p in g of number[i, p] * x[p, j])

    Parameters
    ----------
    a : Bitmask, NM, Relative or BSR of shape (m, k)
        A number is a float32, an integer or a value of the codebook. Without scales the group is the row and the scale
        1.
    x : (k, n) float32

    Returns
    -------
    (m, n) float32 : a stored zero multiplies (0 * NaN is NaN), what is not stored does not; without scales a
        zero is never -0.0
        Here products and sums are float64, rounded to float32 once. Native sums: ``sparse_sums`` in
        gemm/contract.py, one chain of fused multiply-adds for each group, and one over the groups.

    **Source** Han, Mao, Dally, EIE (2016, arXiv 1602.01528): products by compressed weights as they are stored.

    **Departs** order and width of the sums.

    Cost 2 nnz n operations.

    >>> from refcompress.reference.sparse import sparse_bitmask_pack
    >>> w, x = np.float32([[0, 2], [3, 0]]), np.float32([[1], [10]])
    >>> bool(np.all(sparse_matmul(sparse_bitmask_pack(w), x) == w @ x))
    True
    """
    a, x = matmul_arguments(a, x)
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        return sums(a, x).astype(np.float32)


def sparse_s8s8(x: NDArray[np.int8], x_scale: NDArray[np.float32], w: Kept,
                bias: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Multiply int8 inputs, each row with a scale, by sparse int8 weights as they are stored.

        y = gemm_s8s8_scaled(x, x_scale, the Quantized that w was made of, bias), bit for bit

    Parameters
    ----------
    x : (m, k) int8, with k at most 65,793
    x_scale : (m,) float32, finite, at least 2**-126
    w : Bitmask or NM of shape (n, k) with values of int8
    bias : None or (n,) float32

    Returns
    -------
    (m, n) float32
        Sums of integers are exact; what follows them is as in gemm_s8s8_scaled.

    **Source** as gemm_s8s8_scaled.

    **Departs** as gemm_s8s8_scaled.

    Cost 2 nnz m operations.

    >>> from refcompress.reference.sparse import sparse_bitmask_pack
    >>> w = sparse_bitmask_pack(Quantized(np.int8([[3, 0, -4]]), np.float32([[0.5]]), np.int8([[0]])))
    >>> sparse_s8s8(np.int8([[2, 9, 1]]), np.float32([0.25]), w).item() == 0.25 * 0.5 * (3 * 2 - 4 * 1)
    True
    """
    x, x_scale, w, bias = s8s8_arguments(x, x_scale, w, bias)
    return gemm_s8s8_scaled(x, x_scale, _integers(w), bias)


def sums(a: Kept, x: np.ndarray) -> NDArray[np.float64]:
    """Return a @ x in float64."""
    kept, y = a.kept, np.zeros((a.shape[0], x.shape[1]))
    numbers = np.split(a.numbers.astype(np.float64), np.cumsum(kept.sum(axis=1))[:-1])
    for i in np.flatnonzero(kept.any(axis=1)):
        columns = np.flatnonzero(kept[i])
        products = numbers[i][:, None] * x[columns].astype(np.float64)
        for g in np.unique(columns // a.segment):
            inner = products[columns // a.segment == g].sum(axis=0)
            y[i] += inner if a.scale is None else inner * np.float64(a.scale[i % len(a.scale), g])
    return y


def sparse(a, argument: str = "a") -> Kept:
    """Return ``a``, or what was prepared of it, if it is a sparse format of this family; refuse anything else."""
    a = unprepared(a)
    if not isinstance(a, Kept):
        raise ArgumentTypeError(argument, f"must be a Bitmask, an NM, a Relative or a BSR, not {type(a).__name__}")
    return a


def matmul_arguments(a, x) -> tuple[Kept, np.ndarray]:
    """Return the arguments of sparse_matmul, checked: what all implementations accept."""
    a = sparse(a)
    x = arguments.array(x, "x", np.float32, ndim=2)
    (m, k), (inputs, n) = a.shape, x.shape
    if inputs != k:
        raise RefcompressError("x", f"must have a row for each of the {k} columns of a, not {inputs}")
    arguments.shape((m, n), "y", itemsize=4)
    return a, x


def s8s8_arguments(x, x_scale, w, bias):
    """Return the arguments of sparse_s8s8, checked: what all implementations accept."""
    w = unprepared(w)
    if not isinstance(w, Bitmask | NM):
        raise ArgumentTypeError("w", f"must be a Bitmask or an NM with values of int8, not {type(w).__name__}")
    if w.scale is None:
        raise RefcompressError("w", f"must have values of int8, not {w.values.dtype.name}")
    x = arguments.array(x, "x", np.int8, ndim=2)
    (n, k), m = w.shape, len(x)
    if x.shape[1] != k:
        raise RefcompressError("x", f"must have a column for each of the {k} inputs of w, not {x.shape[1]}")
    if k > MAX_K_SCALED:
        raise LimitError("k", f"must be at most {MAX_K_SCALED} (the sum could leave int32), not {k}")
    x_scale = of_outputs(x_scale, "x_scale", np.float32, m, "a row of x")
    good = (x_scale >= SMALLEST_NORMAL) & np.isfinite(x_scale)
    arguments.each(x_scale, "x_scale", good, "must be 2**-126 to 2**128")
    if bias is not None:
        bias = of_outputs(bias, "bias", np.float32, n)
    return x, x_scale, w, bias


def _integers(w: Kept) -> Quantized:
    values = np.zeros(w.shape, np.int8)
    values[w.kept] = w.values
    return whole(w, values)  # type: ignore[return-value]  # of int8
