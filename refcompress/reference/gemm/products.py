"""Dense products, most of them with 8-bit integers: y = x @ w.T, the weight stored as linear layers store it.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n. Where a product is float32, a
native implementation sums in the order that contract.py writes out.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import arguments
from ...errors import RefcompressError
from ...formats import Quantized
from ...formats.prepared import unprepared
from ..quantize.integers import quantized

__all__ = ["gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "gemm_f32f32"]

MAX_K_S8S8 = 131_071  # the most products of at most 2**14 (-128 * -128) that an int32 holds: 2**31 / 2**14, less one
MAX_K_U8S8 = 65_793  # the most products of at most 255 * 128 in magnitude


def gemm_f32f32(x: ArrayLike, w: ArrayLike, *, transposed: bool = False) -> NDArray[np.float32]:
    """Multiply float32 by float32: what a layer costs that is not compressed.

        y[i, j] = sum over p of x[i, p] * w[j, p];    transposed: y[i, j] = sum over p of x[i, p] * w[p, j]

    Parameters
    ----------
    x : (m, k) float32
    w : (n, k) float32, or with transposed=True (k, n): then y = x @ w
    transposed : bool

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic; zeros where k is 0
        Here products and sums are float64, p ascending, rounded to float32 once. Native sums: ``contract.f32f32_sums``.

    **Source** the definition of the product.

    **Departs** nothing.

    Cost 2 m n k operations.

    >>> x, w = np.float32([[1, 2]]), np.float32([[3, 4], [-5, 6]])
    >>> gemm_f32f32(x, w).tolist(), gemm_f32f32(x, w, transposed=True).tolist()
    ([[11.0, 7.0]], [[-7.0, 16.0]])
    """
    x, w, transposed = f32f32_arguments(x, w, transposed)
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        w = w.astype(np.float64) if transposed else w.T.astype(np.float64)
        y = np.zeros((x.shape[0], w.shape[1]))
        for p in range(x.shape[1]):
            y += np.multiply.outer(x[:, p].astype(np.float64), w[p])  # exact products: 24 bits times 24
        return y.astype(np.float32)


def gemm_s8s8(x: ArrayLike, w: ArrayLike, *, x_zero_point: int = 0) -> NDArray[np.int32]:
    """Multiply int8 by int8, exactly.

        y[i, j] = sum over p of (x[i, p] - x_zero_point) * w[j, p]

    Parameters
    ----------
    x : (m, k) int8, with any k: up to 131,071 inputs (with a zero point 65,793) no sum can leave int32, and a longer
        sum that does is refused
    w : (n, k) int8
    x_zero_point : the int8 of x that stands for 0, as in asymmetric quantization

    Returns
    -------
    (m, n) int32 : exact, so the order of summation does not matter; zeros where k is 0

    **Source** Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference (2018, arXiv 1712.05877), section 2.3, eq. 9.

    **Departs** nothing.

    Cost 2 m n k operations.

    >>> x, w = np.int8([[1, 2]]), np.int8([[3, 4], [-5, 6]])
    >>> gemm_s8s8(x, w).tolist()
    [[11, 7]]
    """
    x, w = s8s8_arguments(x, w)
    zero_point = input_zero_point(x_zero_point, x.dtype)
    return in_int32((x.astype(np.int64) - zero_point) @ w.astype(np.int64).T)


def gemm_u8s8(x: ArrayLike, w: ArrayLike, *, x_zero_point: int = 0) -> NDArray[np.int32]:
    """Multiply uint8 by int8, exactly.

        y[i, j] = sum over p of (x[i, p] - x_zero_point) * w[j, p]

    Parameters
    ----------
    x : (m, k) uint8, with any k: up to 65,793 inputs no sum can leave int32, and a longer sum that does is refused
    w : (n, k) int8
    x_zero_point : the uint8 of x that stands for 0

    Returns
    -------
    (m, n) int32 : as gemm_s8s8

    **Source** as gemm_s8s8.

    **Departs** nothing.

    Cost 2 m n k operations.

    >>> gemm_u8s8(np.uint8([[255, 1]]), np.int8([[-128, 1]])).tolist()
    [[-32639]]
    """
    x, w = u8s8_arguments(x, w)
    zero_point = input_zero_point(x_zero_point, x.dtype)
    return in_int32((x.astype(np.int64) - zero_point) @ w.astype(np.int64).T)


def gemm_f32s8(x: ArrayLike, w: Quantized) -> NDArray[np.float32]:
    """Multiply float32 inputs by int8 weights with scales, without making the weights float32 first.

        y[i, j] = sum over p of x[i, p] * scale[j, p] * (values[j, p] - zero_point[j, p])
        scale and zero_point broadcast to the shape of values

    Parameters
    ----------
    x : (m, k) float32
    w : Quantized of shape (n, k), int8, with any of its scales: per tensor, output, input or group

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, so infinity times a zero weight is NaN; zeros where k is 0
        Here products and sums are float64, p ascending, rounded to float32 once. Native sums: ``contract.f32s8_sums``.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.1, eq. 1, for the weights.

    **Departs** the inputs stay float32.

    Cost 2 m n k operations.

    >>> w = Quantized(np.int8([[3, -4]]), np.float32([[0.5]]), np.int8([[1]]))
    >>> x = np.float32([[2, 10]])
    >>> gemm_f32s8(x, w).item() == (x @ w.dense().T).item() == -23
    True
    """
    x, w = f32s8_arguments(x, w)
    # Exact in float64: 24 bits of scale times 9 of the difference.
    weight = w.expand(w.scale).astype(np.float64) * (w.values.astype(np.int64) - w.expand(w.zero_point))
    y = np.zeros((x.shape[0], w.shape[0]))
    with np.errstate(all="ignore"):  # IEEE arithmetic is the promise, whatever np.seterr says
        for p in range(x.shape[1]):
            y += np.multiply.outer(x[:, p].astype(np.float64), weight[:, p])
        return y.astype(np.float32)


def s8s8_arguments(x, w) -> tuple[np.ndarray, np.ndarray]:
    """Return the arguments of gemm_s8s8, checked: what both implementations accept."""
    return _integers(x, np.int8, w)


def u8s8_arguments(x, w) -> tuple[np.ndarray, np.ndarray]:
    """Return the arguments of gemm_u8s8, checked: what both implementations accept."""
    return _integers(x, np.uint8, w)


def input_zero_point(x_zero_point, dtype: np.dtype) -> int:
    """Return the zero point of inputs of an integer type, checked."""
    limits = np.iinfo(dtype)
    return arguments.integer(x_zero_point, "x_zero_point", int(limits.min), int(limits.max))


def f32s8_arguments(x, w) -> tuple[np.ndarray, Quantized]:
    """Return the arguments of gemm_f32s8, checked: what both implementations accept."""
    x, w = arguments.array(x, "x", np.float32, ndim=2), unprepared(w)
    quantized(w, np.int8, "w")
    if len(w.shape) != 2:
        raise RefcompressError("w", f"must have 2 dimensions, not {len(w.shape)}")
    return same_k(x, w)


def f32f32_arguments(x, w, transposed) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the arguments of gemm_f32f32, checked: what both implementations accept."""
    x = arguments.array(x, "x", np.float32, ndim=2)
    w = arguments.array(unprepared(w), "w", np.float32, ndim=2)
    transposed = arguments.boolean(transposed, "transposed")
    same_k(x, w.T if transposed else w)
    return x, w, transposed


def _integers(x, dtype, w) -> tuple[np.ndarray, np.ndarray]:
    x = arguments.array(x, "x", dtype, ndim=2)
    w = arguments.array(unprepared(w), "w", np.int8, ndim=2)
    return same_k(x, w)


def in_int32(sums: np.ndarray) -> NDArray[np.int32]:
    """Return sums of int64 as int32, or refuse the first that leaves it."""
    fits = (sums >= -(2**31)) & (sums < 2**31)
    return arguments.each(sums, "y", fits, "must fit an int32").astype(np.int32)


def same_k(x, w):
    """Return x and w if their inner lengths are the same, and their product has a size."""
    (m, k), (n, inputs) = x.shape, w.shape
    if k != inputs:
        raise RefcompressError("x", f"must have a column for each of the {inputs} inputs of w, not {k}")
    arguments.shape((m, n), "y", itemsize=4)
    return x, w
