"""Weights of any format as the operations take them: as a matrix, as some of its rows, as one convolution of several.

What can be done with the stored form is done with it; what cannot is decoded, and the run's report says so.
"""

import math

import numpy as np

from ..formats import Packed, Prepared, Quantized, Shared, is_array_format
from ..formats.arranged import Arranged
from ..formats.base import matrix_shape
from .rows import in_rows, some_rows, turned_matrix
from .use import Use, Weight, as_array

__all__ = ["as_matrix", "as_rows", "decoded", "row_block", "rows_of", "turned"]


def decoded(weight: Weight, use: Use) -> np.ndarray:
    """Return a weight as an array; the report says what was decoded."""
    array = as_array(weight)
    if array is not None or not is_array_format(weight):
        return array  # type: ignore[return-value]
    use.say(f"decoded from {type(weight.layer if isinstance(weight, Arranged) else weight).__name__}")
    return use.once(weight, "decoded", lambda: as_float32(weight.dense()))


def as_float32(a: np.ndarray) -> np.ndarray:
    """Return an array of float16, of which products take every number as float32, as that; any other as it is."""
    return a.astype(np.float32) if a.dtype == np.float16 else a


def unpacked(weight: Weight) -> Weight:
    """Return a weight without what was packed of it: to be cut or turned."""
    return weight.weight if isinstance(weight, Prepared) else weight


def as_matrix(weight: Weight, use: Use) -> Weight:
    """Return a weight (m, ...) as the matrix of its first axis by all others, in the same format where that can be."""
    shape = weight.shape
    if len(shape) == 2 and not isinstance(weight, Arranged):
        return weight
    weight = unpacked(weight)
    if isinstance(weight, Arranged):
        layer, arrangement = weight.layer, weight.arrangement
        if arrangement.axes == tuple(range(len(shape))) and matrix_shape(layer.shape) == matrix_shape(shape):
            return as_matrix(layer, use)
        return as_matrix(decoded(weight, use), use)
    matrix = (shape[0], math.prod(shape[1:]))
    if isinstance(weight, np.ndarray):
        return weight.reshape(matrix)
    if isinstance(weight, Shared):
        return Shared(weight.codes.reshape(matrix), weight.codebook, weight.group)
    if isinstance(weight, Quantized | Packed) and (scales := _matrix_scales(weight)) is not None:
        scale, zero_point = scales
        if isinstance(weight, Packed):
            return Packed(weight.data, matrix, weight.bits, scale, zero_point, weight.group)
        return Quantized(weight.values.reshape(matrix), scale, zero_point, weight.group)
    found = in_rows(weight, matrix)
    return decoded(weight, use).reshape(matrix) if found is None else found


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
    matrix, weight = (math.prod(shape[:-1]), shape[-1]), unpacked(weight)
    if isinstance(weight, np.ndarray):
        return weight.reshape(matrix)
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
    found = in_rows(weight, matrix)
    return decoded(weight, use).reshape(matrix) if found is None else found


def turned(weight: Weight, use: Use) -> Weight | None:
    """Return a compressed weight (k, m) as (m, k), in the same format where that can be; None for what is decoded."""
    weight = unpacked(weight)
    if isinstance(weight, Arranged):
        layer, arrangement = weight.layer, weight.arrangement
        return layer if arrangement.axes == (1, 0) and layer.shape == arrangement.shape else None
    return None if isinstance(weight, np.ndarray) else turned_matrix(weight, use)


def row_block(weight: Weight, start: int, stop: int, use: Use) -> Weight:
    """Return the rows from start to stop of a matrix, in the same format where that can be."""
    if (start, stop) == (0, weight.shape[0]):
        return weight
    weight = unpacked(weight)
    if isinstance(weight, np.ndarray):
        return weight[start:stop]
    found = some_rows(weight, slice(start, stop))
    return decoded(weight, use)[start:stop] if found is None else found


def rows_of(weight: Weight, indices: np.ndarray, use: Use) -> np.ndarray:
    """Return rows of a matrix, decoded: of a format that has rows only these."""
    weight = unpacked(weight)
    if isinstance(weight, Arranged):
        weight = as_matrix(weight, use)
    found = None if isinstance(weight, np.ndarray) or as_array(weight) is not None else some_rows(weight, indices)
    return np.take(decoded(weight, use), indices, 0) if found is None else as_float32(found.dense())
