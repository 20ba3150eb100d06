"""Weights of any format as the operations take them: as a matrix, as some of its rows, as one convolution of several.

What can be done with the stored form is done with it; what cannot is decoded, and the run's report says so.
"""

import math

import numpy as np

from ..formats import (
    CSR,
    LowRank,
    Packed,
    Quantized,
    Shared,
    is_array_format,
)
from ..formats.arranged import Arranged
from ..formats.base import matrix_shape
from .use import Use, Weight, as_array

__all__ = ["as_matrix", "as_rows", "decoded", "row_block", "rows_of", "turned"]


def decoded(weight: Weight, use: Use) -> np.ndarray:
    """Return a weight as an array; the report says what was decoded."""
    array = as_array(weight)
    if array is not None or not is_array_format(weight):
        return array  # type: ignore[return-value]
    use.say(f"decoded from {type(weight.layer if isinstance(weight, Arranged) else weight).__name__}")
    return weight.dense()


def as_matrix(weight: Weight, use: Use) -> Weight:
    """Return a weight (m, ...) as the matrix of its first axis by all others, in the same format where that can be."""
    shape = weight.shape
    if isinstance(weight, Arranged):
        layer, arrangement = weight.layer, weight.arrangement
        if arrangement.axes == tuple(range(len(shape))) and matrix_shape(layer.shape) == matrix_shape(shape):
            return as_matrix(layer, use)
        return as_matrix(decoded(weight, use), use)
    if len(shape) == 2:
        return weight
    matrix = (shape[0], math.prod(shape[1:]))
    if isinstance(weight, np.ndarray):
        return weight.reshape(matrix)
    if isinstance(weight, Shared):
        return Shared(weight.codes.reshape(matrix), weight.codebook)
    if isinstance(weight, Quantized | Packed) and (scales := _matrix_scales(weight)) is not None:
        scale, zero_point = scales
        if isinstance(weight, Packed):
            return Packed(weight.data, matrix, weight.bits, scale, zero_point, weight.group)
        return Quantized(weight.values.reshape(matrix), scale, zero_point, weight.group)
    return decoded(weight, use).reshape(matrix)


def _matrix_scales(weight: Quantized | Packed) -> tuple[np.ndarray, np.ndarray] | None:
    """Return scales and zero points for the matrix of a weight; None where its groups are not those of a matrix."""
    shape = weight.shape
    if weight.group is not None:
        return (weight.scale, weight.zero_point) if weight.scale.ndim == 2 else None
    return _scales(weight.scale, shape), _scales(weight.zero_point, shape)


def _scales(a: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if all(size == 1 for size in a.shape[1:]):
        return a.reshape(a.shape[0], 1)
    return np.broadcast_to(a, (a.shape[0], *shape[1:])).reshape(a.shape[0], -1)


def as_rows(weight: Weight, use: Use) -> Weight:
    """Return a weight (..., k) as the matrix of all other axes by its last, in the same format where that can be."""
    shape = weight.shape
    if len(shape) == 2:
        return as_matrix(weight, use)
    matrix = (math.prod(shape[:-1]), shape[-1])
    if isinstance(weight, np.ndarray):
        return weight.reshape(matrix)
    if isinstance(weight, Shared):
        return Shared(weight.codes.reshape(matrix), weight.codebook)
    if isinstance(weight, Quantized) and weight.group is None and weight.scale.shape[-1] in (1, shape[-1]):
        scale, zero_point = (np.broadcast_to(a, (*shape[:-1], a.shape[-1])).reshape(matrix[0], -1)
                             for a in (weight.scale, weight.zero_point))
        return Quantized(weight.values.reshape(matrix), scale, zero_point)
    if isinstance(weight, Quantized | Packed) and weight.group is not None and shape[-1] % weight.group == 0 and \
            weight.scale.shape[0] == shape[0]:
        scale, zero_point = (a.reshape(matrix[0], -1) for a in (weight.scale, weight.zero_point))
        if isinstance(weight, Quantized):
            return Quantized(weight.values.reshape(matrix), scale, zero_point, weight.group)
        if shape[-1] * weight.bits % 8 == 0:
            return Packed(weight.data.reshape(matrix[0], -1), matrix, weight.bits, scale, zero_point, weight.group)
    return decoded(weight, use).reshape(matrix)


def turned(weight: Weight, use: Use) -> Weight | None:
    """Return a compressed weight (k, m) as (m, k), in the same format where that can be; None for what is decoded."""
    if isinstance(weight, Arranged):
        layer, arrangement = weight.layer, weight.arrangement
        return layer if arrangement.axes == (1, 0) and layer.shape == arrangement.shape else None
    if isinstance(weight, Shared):
        return Shared(np.ascontiguousarray(weight.codes.T), weight.codebook)
    if isinstance(weight, Quantized) and weight.group is None:
        a, b, c = (np.ascontiguousarray(part.T) for part in (weight.values, weight.scale, weight.zero_point))
        return Quantized(a, b, c)
    if isinstance(weight, LowRank):
        return LowRank(weight.vt.T, weight.s, weight.u.T)
    return None


def row_block(weight: Weight, start: int, stop: int, use: Use) -> Weight:
    """Return the rows from start to stop of a matrix, in the same format where that can be."""
    if (start, stop) == (0, weight.shape[0]) or isinstance(weight, np.ndarray):
        return weight if (start, stop) == (0, weight.shape[0]) else weight[start:stop]  # type: ignore[index]
    if isinstance(weight, Shared):
        return Shared(weight.codes[start:stop], weight.codebook)
    if isinstance(weight, CSR):
        return weight.rows(start, stop)
    if isinstance(weight, LowRank):
        return LowRank(weight.u[start:stop], weight.s, weight.vt)
    if isinstance(weight, Quantized | Packed):
        scale, zero_point = (a if a.shape[0] == 1 else a[start:stop] for a in (weight.scale, weight.zero_point))
        if isinstance(weight, Packed):
            return Packed(weight.data[start:stop], (stop - start, weight.shape[1]), weight.bits, scale, zero_point,
                          weight.group)
        return Quantized(weight.values[start:stop], scale, zero_point, weight.group)
    return decoded(weight, use)[start:stop]


def rows_of(weight: Weight, indices: np.ndarray, use: Use) -> np.ndarray:
    """Return rows of a matrix, decoded: of a format that has rows only these."""
    if isinstance(weight, Arranged):
        weight = as_matrix(weight, use)
    if isinstance(weight, Shared):
        return Shared(weight.codes[indices], weight.codebook).dense()
    if isinstance(weight, Quantized | Packed):
        scale, zero_point = (a if a.shape[0] == 1 else a[indices] for a in (weight.scale, weight.zero_point))
        if isinstance(weight, Packed):
            shape = (len(indices), weight.shape[1])
            return Packed(weight.data[indices], shape, weight.bits, scale, zero_point, weight.group).dense()
        return Quantized(weight.values[indices], scale, zero_point, weight.group).dense()
    if isinstance(weight, LowRank):
        return LowRank(weight.u[indices], weight.s, weight.vt).dense()
    return np.take(decoded(weight, use), indices, 0)
