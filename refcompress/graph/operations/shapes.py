"""The same values in another shape or order."""

import math

import numpy as np

from ...errors import RefcompressError
from ..known import Known, Size
from ..sizes import UNKNOWN, added, broadcast, differ, multiplied, product, quotient
from ..use import Use
from .checks import axes_of, axis_of, ints, same_size, same_types
from .row import operation

__all__ = ["ROWS"]

Numbers = tuple[int, ...] | None


def reshape(x: np.ndarray, sizes: np.ndarray | None = None, *, use: Use, shape: Numbers = None,
            zero_is_zero: bool = False) -> np.ndarray:
    """Give the values another shape, in C order. shape : an attribute, or the second input.

    A size of -1 is what is left over. A size of 0 is x's at that place, or with zero_is_zero 0.

    **Source** ONNX, Reshape (14). **Departs** nothing.
    """
    wanted = ints(shape, sizes, "shape") or []
    if not zero_is_zero:
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    return np.ascontiguousarray(x).reshape(wanted)


def reshape_shape(x: Known, sizes: Known | None = None, *, shape: Numbers, zero_is_zero: bool) -> Known:
    if shape is None and sizes is None:
        raise RefcompressError("shape", "must be an attribute or the second input")
    wanted = ints(shape, sizes, "shape", known=True)
    if wanted is None:
        return Known(x.type, None)
    for i, size in enumerate(wanted):
        if isinstance(size, int) and size < -1:
            raise RefcompressError(f"shape[{i}]", f"must be at least -1, not {size}")
        if size == 0 and not zero_is_zero:
            if x.shape is None:
                wanted[i] = UNKNOWN
            elif i >= len(x.shape):
                raise RefcompressError(f"shape[{i}]", f"is 0, and x has only {len(x.shape)} dimensions")
            else:
                wanted[i] = x.shape[i]
    if wanted.count(-1) > 1:
        raise RefcompressError("shape", f"must have one size -1 at most, not {tuple(wanted)}")
    if x.shape is None:
        return Known(x.type, tuple(UNKNOWN if size == -1 else size for size in wanted))
    if -1 in wanted:
        others = [size for size in wanted if size != -1]
        rest = quotient(x.shape, others)
        total, part = product(x.shape), product(others)
        if isinstance(total, int) and isinstance(part, int) and (part == 0 or total % part):
            raise RefcompressError("shape", f"{tuple(wanted)} does not hold the {total} values of x {x.shape}")
        wanted[wanted.index(-1)] = rest
    elif differ(product(x.shape), product(wanted)):
        raise RefcompressError("shape", f"{tuple(wanted)} does not hold the {product(x.shape)} values of x {x.shape}")
    return Known(x.type, tuple(wanted))


def flatten(x: np.ndarray, *, use: Use, axis: int = 1) -> np.ndarray:
    """Make a matrix: the axes in front of ``axis`` by the others. **Source** ONNX, Flatten. **Departs** nothing."""
    axis = axis + x.ndim if axis < 0 else axis
    return np.ascontiguousarray(x).reshape(math.prod(x.shape[:axis]), -1 if x.size else math.prod(x.shape[axis:]))


def flatten_shape(x: Known, *, axis: int) -> Known:
    if x.shape is None:
        return Known(x.type, (UNKNOWN, UNKNOWN))
    axis = len(x.shape) if axis == len(x.shape) else axis_of(axis, len(x.shape))
    return Known(x.type, (product(x.shape[:axis]), product(x.shape[axis:])))


def transpose(x: np.ndarray, *, use: Use, axes: Numbers = None) -> np.ndarray:
    """Put the axes in another order, by default the reverse. **Source** ONNX, Transpose. **Departs** nothing."""
    return np.ascontiguousarray(np.transpose(x, axes))


def transpose_shape(x: Known, *, axes: Numbers) -> Known:
    if x.shape is None:
        return Known(x.type, None if axes is None else (UNKNOWN,) * len(axes))
    order = range(len(x.shape))[::-1] if axes is None else axes_of(axes, len(x.shape))
    if len(order) != len(x.shape):
        raise RefcompressError("axes", f"must name each of the {len(x.shape)} axes once, not {axes}")
    return Known(x.type, tuple(x.shape[axis] for axis in order))


def squeeze(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None) -> np.ndarray:
    """Leave out axes of size 1: those named, by default all. axes : an attribute, or the second input.

    **Source** ONNX, Squeeze (13). **Departs** nothing.
    """
    found = ints(axes, of, "axes")
    return np.squeeze(x, None if found is None else tuple(found))


def squeeze_shape(x: Known, of: Known | None = None, *, axes: Numbers) -> Known:
    given = axes is not None or of is not None
    found = ints(axes, of, "axes", known=True)
    if x.shape is None or given and (found is None or UNKNOWN in found):
        return Known(x.type, None)
    if not given:
        if any(isinstance(size, str) for size in x.shape):
            return Known(x.type, None)
        return Known(x.type, tuple(size for size in x.shape if size != 1))
    left = axes_of(found or [], len(x.shape))
    for axis in left:
        if differ(x.shape[axis], 1):
            raise RefcompressError("axes", f"names axis {axis} of x {x.shape}, whose size is not 1")
    return Known(x.type, tuple(size for axis, size in enumerate(x.shape) if axis not in left))


def unsqueeze(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None) -> np.ndarray:
    """Add axes of size 1 at these places of the result. axes : an attribute, or the second input.

    **Source** ONNX, Unsqueeze (13). **Departs** nothing.
    """
    return np.expand_dims(x, tuple(ints(axes, of, "axes") or ()))


def unsqueeze_shape(x: Known, of: Known | None = None, *, axes: Numbers) -> Known:
    if axes is None and of is None:
        raise RefcompressError("axes", "must be an attribute or the second input")
    found = ints(axes, of, "axes", known=True)
    if x.shape is None or found is None:
        return Known(x.type, None)
    dimensions = len(x.shape) + len(found)
    if UNKNOWN in found:
        return Known(x.type, (UNKNOWN,) * dimensions)
    new, sizes = axes_of(found, dimensions), iter(x.shape)
    return Known(x.type, tuple(1 if axis in new else next(sizes) for axis in range(dimensions)))


def expand(x: np.ndarray, sizes: np.ndarray | None = None, *, use: Use, shape: Numbers = None) -> np.ndarray:
    """Repeat values along axes of size 1, so that x and ``shape`` are broadcast. shape : an attribute, or an input.

    **Source** ONNX, Expand (13). **Departs** nothing.
    """
    return np.ascontiguousarray(np.broadcast_to(x, np.broadcast_shapes(x.shape, ints(shape, sizes, "shape") or ())))


def expand_shape(x: Known, sizes: Known | None = None, *, shape: Numbers) -> Known:
    wanted = ints(shape, sizes, "shape", known=True)
    if x.shape is None or wanted is None:
        return Known(x.type, None)
    try:
        return Known(x.type, broadcast(x.shape, tuple(wanted)))
    except ValueError as error:
        raise RefcompressError("shape", f"{tuple(wanted)} for x {x.shape}: {error}") from None


def tile(x: np.ndarray, times: np.ndarray | None = None, *, use: Use, repeats: Numbers = None) -> np.ndarray:
    """Repeat the whole array along each axis. repeats : an attribute, or the second input.

    **Source** ONNX, Tile. **Departs** nothing.
    """
    return np.tile(x, ints(repeats, times, "repeats") or ())


def tile_shape(x: Known, times: Known | None = None, *, repeats: Numbers) -> Known:
    found = ints(repeats, times, "repeats", known=True)
    if x.shape is None or found is None:
        return Known(x.type, None)
    if len(found) != len(x.shape):
        raise RefcompressError("repeats", f"must have {len(x.shape)} numbers, one an axis of x, not {len(found)}")
    for i, each in enumerate(found):
        if isinstance(each, int) and each < 0:
            raise RefcompressError(f"repeats[{i}]", f"must not be negative, not {each}")
    return Known(x.type, tuple(multiplied(size, count) for size, count in zip(x.shape, found)))


def concat(*values: np.ndarray, use: Use, axis: int) -> np.ndarray:
    """Put arrays behind each other along an axis. **Source** ONNX, Concat. **Departs** nothing."""
    return np.concatenate(values, axis)


def concat_shape(*values: Known, axis: int) -> Known:
    kind = same_types(**{f"values[{i}]": each for i, each in enumerate(values)})
    shapes = [each.shape for each in values if each.shape is not None]
    if not shapes:
        return Known(kind, None)
    first = shapes[0]
    axis = axis_of(axis, len(first))
    total: Size = 0
    sizes = list(first)
    for i, each in enumerate(values):
        if each.shape is None:
            total = UNKNOWN
            continue
        if len(each.shape) != len(first):
            raise RefcompressError(f"values[{i}]", f"must have {len(first)} dimensions as the others, not "
                                                   f"{len(each.shape)}")
        for other in range(len(first)):
            if other != axis:
                same_size(each, f"values[{i}]", other, sizes[other], "as the others have")
                sizes[other] = each.shape[other] if isinstance(sizes[other], str) else sizes[other]
        total = added(total, each.shape[axis])
    sizes[axis] = total
    return Known(kind, tuple(sizes))


ROWS = (
    operation(reshape, reshape_shape), operation(flatten, flatten_shape), operation(transpose, transpose_shape),
    operation(squeeze, squeeze_shape), operation(unsqueeze, unsqueeze_shape), operation(expand, expand_shape),
    operation(tile, tile_shape), operation(concat, concat_shape, least=1),
)
