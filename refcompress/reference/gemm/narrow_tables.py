"""Products of float32 inputs by integers of 4 bits with scales, and by codes of values in a table.

Each is gemm_f32f32 of the inputs and of the weights as float32 numbers; a native implementation makes those numbers
where it multiplies them, and never as a whole.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...formats import NF4, Packed, Shared
from .narrow import decoded_product, narrow_arguments

__all__ = ["gemm_f32s4", "gemm_f32lut4", "gemm_f32lut8", "gemm_f32nf4"]


def gemm_f32s4(x: ArrayLike, w: Packed) -> NDArray[np.float32]:
    """Multiply float32 inputs by integers of 4 bits with scales.

        y[i, j] = sum over p of x[i, p] * w[j, p],    w[j, p] = scale[j, p] * (values[j, p] - zero_point[j, p])
        scale and zero_point broadcast to the shape of values

    Parameters
    ----------
    x : (m, k) float32
    w : Packed of 4 bits, of shape (n, k), with any of its scales: per tensor, output, input or group

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** Jacob et al. (2018, arXiv 1712.05877), section 2.1, eq. 1, for the weights.

    **Departs** the inputs stay float32.

    Cost 2 m n k operations.

    >>> w = Packed(np.uint8([[0x1E, 0x07]]), (1, 3), 4, np.float32([[0.5]]), np.int8([[1]]))
    >>> w.values.tolist(), gemm_f32s4(np.float32([[2, 10, 1]]), w).tolist()
    ([[-2, 1, 7]], [[0.0]])
    """
    return decoded_product(*narrow_arguments("gemm_f32s4", x, w))


def gemm_f32lut4(x: ArrayLike, w: Shared) -> NDArray[np.float32]:
    """Multiply float32 inputs by codes of 4 bits, each of which stands for a value of a codebook.

        y[i, j] = sum over p of x[i, p] * codebook[codes[j, p]]
        or, with a codebook for each row or group, that of row j and of the group of p

    Parameters
    ----------
    x : (m, k) float32
    w : Shared of shape (n, k) with at most 16 values in a codebook, pruned or not

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** Han et al., Deep Compression (2016, arXiv 1510.00149), section 3: weights that share values.

    **Departs** codebooks of rows and groups.

    Cost 2 m n k operations.

    >>> w = Shared(np.uint8([[0, 1, 1]]), np.float32([-1.5, 2]))
    >>> gemm_f32lut4(np.float32([[2, 10, 1]]), w).tolist()
    [[19.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32lut4", x, w))


def gemm_f32lut8(x: ArrayLike, w: Shared) -> NDArray[np.float32]:
    """Multiply float32 inputs by codes of 8 bits, each of which stands for a value of a codebook.

        y[i, j] = sum over p of x[i, p] * codebook[codes[j, p]]
        or, with a codebook for each row or group, that of row j and of the group of p

    Parameters
    ----------
    x : (m, k) float32
    w : Shared of shape (n, k) with at most 256 values in a codebook, pruned or not

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``. Native sums: ``contract.narrow_sums``.

    **Source** as :func:`gemm_f32lut4`.

    **Departs** as :func:`gemm_f32lut4`.

    Cost 2 m n k operations.

    >>> w = Shared(np.uint8([[0, 16, 16]]), np.arange(17, dtype=np.float32))
    >>> gemm_f32lut8(np.float32([[2, 10, 1]]), w).tolist()
    [[176.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32lut8", x, w))


def gemm_f32nf4(x: ArrayLike, w: NF4) -> NDArray[np.float32]:
    """Multiply float32 inputs by NF4: codes of 16 levels, in blocks that share a scale.

        y[i, j] = sum over p of x[i, p] * w[j, p],    w[j, p] = scale[j, block of p] * level[codes[j, p]], rounded

    Parameters
    ----------
    x : (m, k) float32
    w : NF4 of shape (n, k), with any block

    Returns
    -------
    (m, n) float32 : NaN and infinity follow IEEE arithmetic, nothing is skipped; zeros where k is 0
        As ``gemm_f32f32`` of x and ``w.dense()``: weights are decoded and rounded first, which shows where they are
        subnormal. Native sums: ``contract.narrow_sums``.

    **Source** Dettmers et al., QLoRA (2023, arXiv 2305.14314), appendix E for the levels.

    **Departs** scales stay float32: there is no double quantization.

    Cost 2 m n k operations.

    >>> w = NF4(np.uint8([[0, 7, 15]]), np.float32([[3]]))
    >>> gemm_f32nf4(np.float32([[2, 10, 1]]), w).tolist()
    [[-3.0]]
    """
    return decoded_product(*narrow_arguments("gemm_f32nf4", x, w))
