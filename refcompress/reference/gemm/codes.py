"""Products of int8 inputs, each row with a scale, by weights of 4 bits: sums of integers, scaled by groups in float32.

The inputs are quantized: ``gemm_f32s4`` and ``gemm_f32lut4`` are the products of float32 inputs by the same weights.

Letters: x is the input, m rows of k; w the weight, n outputs by k inputs; y is m by n.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import LimitError, RefcompressError
from ...formats import Packed, Shared
from ...formats.base import expand
from ..quantize.integers import quantize_s8
from .contract import fma
from .integers import x_scales
from .narrow import narrow_weight
from .products import same_k

__all__ = ["gemm_s8s4", "gemm_s8lut4"]

MAX_GROUP_S4 = 1_118_481  # the most products of at most 128 * 15 in magnitude that an int32 holds
MAX_GROUP_LUT4 = 132_104  # of at most 128 * 127


def gemm_s8s4(x: NDArray[np.int8], x_scale: NDArray[np.float32], w: Packed) -> NDArray[np.float32]:
    """Multiply int8 inputs, each row with a scale, by integers of 4 bits with scales, by sums of integers.

        acc[i, j, g] = sum over the inputs p of group g of x[i, p] * (values[j, p] - zero_point[j, g])
        y[i, j]      = x_scale[i] * sum over g of scale[j, g] * acc[i, j, g]

    Parameters
    ----------
    x : (m, k) int8
    x_scale : (m,) float32, finite, at least 2**-126
        Those of ``quantize_s8(x, axis=0)``.
    w : Packed of 4 bits, of shape (n, k), with a scale for all, for each output or for each group of inputs
        A group has at most 1,118,481 inputs: no sum of it can leave int32. A scale for each input is refused.

    Returns
    -------
    (m, n) float32
        Sums of integers are exact. acc becomes a float32 (exactly below 2**24). Then one chain from +0.0, g ascending:
        total = fma(acc, scale, total); and y = total * x_scale. NaN and infinity follow IEEE arithmetic.

    **Source** Frantar et al., GPTQ (2023, arXiv 2210.17323), for groups of 4 bits; Dettmers et al., LLM.int8() (2022,
    arXiv 2208.07339), section 2.1, for the scales of rows.

    **Departs** both at once; the order of the sums.

    Cost 2 m n k operations.

    >>> w = Packed(np.uint8([[0x1E, 0x07]]), (1, 3), 4, np.float32([[0.5, 2]]), np.int8([[1, 0]]), group=2)
    >>> x, x_scale = np.int8([[2, 10, 1]]), np.float32([0.25])
    >>> w.values.tolist(), gemm_s8s4(x, x_scale, w).item() == 0.25 * (0.5 * (2 * -3 + 10 * 0) + 2 * 7)
    ([[-2, 1, 7]], True)
    """
    x, x_scale, w, group = s8s4_arguments(x, x_scale, w)
    steps = w.values.astype(np.int64) - expand(w.zero_point, w.shape, w.group)
    return _by_groups(x, x_scale, steps, np.broadcast_to(w.scale, (len(steps), w.scale.shape[1])), group)


def gemm_s8lut4(x: NDArray[np.int8], x_scale: NDArray[np.float32], w: Shared) -> NDArray[np.float32]:
    """Multiply int8 inputs, each row with a scale, by codes of 4 bits, whose codebook is quantized to int8.

        values, scale = quantize_s8(codebook): one scale for a codebook, symmetric
        acc[i, j]     = sum over p of x[i, p] * values[codes[j, p]]
        y[i, j]       = x_scale[i] * scale * acc[i, j]
        or, with a codebook for each row or group, sums over the groups as in gemm_s8s4

    Parameters
    ----------
    x, x_scale : as for :func:`gemm_s8s4`
    w : Shared of shape (n, k) with at most 16 values in a codebook, pruned or not
        A codebook serves at most 132,104 inputs of a row: no sum of it can leave int32.

    Returns
    -------
    (m, n) float32 : in the order of :func:`gemm_s8s4`, where a codebook's inputs are a group

    **Source** Han et al., Deep Compression (2016, arXiv 1510.00149), section 3, for weights that share values.

    **Departs** the codebook and the inputs are quantized.

    Cost 2 m n k operations.

    >>> w = Shared(np.uint8([[0, 1, 1]]), np.float32([-127, 64]))
    >>> gemm_s8lut4(np.int8([[2, 10, 1]]), np.float32([0.5]), w).tolist()
    [[225.0]]
    """
    x, x_scale, w, group = s8lut4_arguments(x, x_scale, w)
    return _by_groups(x, x_scale, *quantized_codebook(w), group)


def quantized_codebook(w: Shared) -> tuple[np.ndarray, np.ndarray]:
    """Return the int8 that stands for each weight, and the scales of groups: (n, 1 or the number of groups)."""
    n, k = w.shape
    values, scale = quantized_values(w)
    if w.codebook.ndim == 1:
        return values[0, w.codes] if w.codes.size else np.zeros((n, k), np.int8), np.broadcast_to(scale, (n, 1))
    groups = w.codebook.shape[1]
    group = np.arange(k) // (w.group or max(k, 1))
    steps = values.reshape(n, groups, -1)[np.arange(n)[:, None], group, w.codes] if w.codes.size else w.codes
    return steps.astype(np.int8), scale.reshape(n, groups)


def quantized_values(w: Shared) -> tuple[np.ndarray, np.ndarray]:
    """Return the int8 of each codebook, a row each, and their scales."""
    *books, c = w.codebook.shape
    q = quantize_s8(w.codebook.reshape(math.prod(books), c), axis=0)
    return q.values, q.scale


def s8s4_arguments(x, x_scale, w) -> tuple[np.ndarray, np.ndarray, Packed, int]:
    """Return the arguments of gemm_s8s4, checked, and the inputs of a group: what both implementations accept."""
    w = s4_weight(w)
    x, x_scale = _inputs(x, x_scale, w)
    return x, x_scale, w, _group(w, w.group)


def s8lut4_arguments(x, x_scale, w) -> tuple[np.ndarray, np.ndarray, Shared, int]:
    """Return the arguments of gemm_s8lut4, checked, and the inputs of a group: what both implementations accept."""
    w = lut4_weight(w)
    x, x_scale = _inputs(x, x_scale, w)
    return x, x_scale, w, _group(w, w.group)


def s4_weight(w, argument: str = "w") -> Packed:
    """Return the weight of gemm_s8s4, or refuse it; of a Prepared the one that was prepared."""
    w = narrow_weight("gemm_f32s4", w, argument)
    if w.group is None and w.scale.shape[1] != 1:
        raise RefcompressError(argument, "must not have a scale for each input: no sum of integers can be scaled by it")
    return _limited(w, MAX_GROUP_S4, argument)


def lut4_weight(w, argument: str = "w") -> Shared:
    """Return the weight of gemm_s8lut4, or refuse it; of a Prepared the one that was prepared."""
    return _limited(narrow_weight("gemm_f32lut4", w, argument), MAX_GROUP_LUT4, argument)


def _limited(w, most: int, argument: str):
    if (group := _group(w, w.group)) > most:
        raise LimitError(argument, f"must have at most {most} inputs in a group (a sum could leave int32), not {group}")
    return w


def _group(w, group: int | None) -> int:
    k = w.shape[1]
    return max(1, min(k if group is None else group, k))


def _inputs(x, x_scale, w) -> tuple[np.ndarray, np.ndarray]:
    x = arguments.array(x, "x", np.int8, ndim=2)
    same_k(x, w)
    return x, x_scales(x_scale, len(x))


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def _by_groups(x, x_scale, steps, scale, group: int) -> NDArray[np.float32]:
    y = np.zeros((len(x), len(steps)), np.float32)
    for g, first in enumerate(range(0, x.shape[1], group)):
        part = slice(first, first + group)
        acc = x[:, part].astype(np.int64) @ steps[:, part].astype(np.int64).T
        y = fma(acc.astype(np.int32).astype(np.float32), scale[:, g], y)
    return y * x_scale[:, None]
