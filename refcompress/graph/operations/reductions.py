"""Sums, means and the largest along axes."""

import math

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..sizes import UNKNOWN
from ..use import Use
from .checks import axes_of, axis_of, ints
from .row import operation

__all__ = ["ROWS"]

Numbers = tuple[int, ...] | None


def _axes(x: np.ndarray, axes: Numbers, of: np.ndarray | None, none_is_none: bool) -> tuple[int, ...]:
    found = tuple(ints(axes, of, "axes") or ())
    return found or (() if none_is_none else tuple(range(x.ndim)))


def _sum(x: np.ndarray, axes: tuple[int, ...], keep: bool) -> np.ndarray:
    """Return sums, of floats in float64 and of integers in their own type."""
    kind = np.float64 if x.dtype.kind == "f" else x.dtype
    return np.asarray(np.sum(np.ascontiguousarray(x), axes, dtype=kind, keepdims=keep))


def reduce_sum(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None, keep: bool = True,
               none_is_none: bool = False) -> np.ndarray:
    """Sum along axes, by default all. axes : an attribute, or the second input. keep : the axes stay, with size 1.

    Floats are added in float64, in NumPy's order, and rounded once. none_is_none : without axes nothing is summed.

    **Source** ONNX, ReduceSum (13). **Departs** nothing.
    """
    return _sum(x, _axes(x, axes, of, none_is_none), keep).astype(x.dtype)


def reduce_mean(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None, keep: bool = True,
                none_is_none: bool = False) -> np.ndarray:
    """Return the mean along axes: the sum in float64 over the count, rounded once. Axes as in reduce_sum.

    **Source** ONNX, ReduceMean (18). **Departs** nothing.
    """
    along = _axes(x, axes, of, none_is_none)
    count = math.prod(x.shape[axis] for axis in along)
    with np.errstate(all="ignore"):
        return (_sum(x, along, keep) / count).astype(x.dtype)


def reduce_max(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None, keep: bool = True,
               none_is_none: bool = False) -> np.ndarray:
    """Return the largest value along axes; NaN where there is one. Axes as in reduce_sum.

    **Source** ONNX, ReduceMax (18). **Departs** nothing.
    """
    along = _axes(x, axes, of, none_is_none)
    return np.max(x, along, keepdims=keep, initial=_lowest(x.dtype)) if along else x


def reduce_min(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None, keep: bool = True,
               none_is_none: bool = False) -> np.ndarray:
    """Return the smallest value along axes; NaN where there is one. Axes as in reduce_sum.

    **Source** ONNX, ReduceMin (18). **Departs** nothing.
    """
    along = _axes(x, axes, of, none_is_none)
    return np.min(x, along, keepdims=keep, initial=_highest(x.dtype)) if along else x


def reduce_product(x: np.ndarray, of: np.ndarray | None = None, *, use: Use, axes: Numbers = None, keep: bool = True,
                   none_is_none: bool = False) -> np.ndarray:
    """Multiply along axes, floats in float64 and rounded once. Axes as in reduce_sum.

    **Source** ONNX, ReduceProd (18). **Departs** nothing.
    """
    kind = np.float64 if x.dtype.kind == "f" else x.dtype
    return np.prod(x, _axes(x, axes, of, none_is_none), dtype=kind, keepdims=keep).astype(x.dtype)


def _lowest(kind: np.dtype):
    return -np.inf if kind.kind == "f" else False if kind.kind == "b" else np.iinfo(kind).min


def _highest(kind: np.dtype):
    return np.inf if kind.kind == "f" else True if kind.kind == "b" else np.iinfo(kind).max


def reduced_shape(x: Known, of: Known | None = None, *, axes: Numbers, keep: bool, none_is_none: bool) -> Known:
    given = axes is not None or of is not None
    found = ints(axes, of, "axes", known=True)
    if x.shape is None:
        return Known(x.type, None)
    if given and (found is None or UNKNOWN in found):
        return Known(x.type, (UNKNOWN,) * len(x.shape) if keep else None)
    along = axes_of(found, len(x.shape)) if found else () if none_is_none else tuple(range(len(x.shape)))
    sizes = [(1 if axis in along else size) for axis, size in enumerate(x.shape) if keep or axis not in along]
    return Known(x.type, tuple(sizes))


def argmax(x: np.ndarray, *, use: Use, axis: int = 0, keep: bool = True) -> np.ndarray:
    """Return the index of the largest value along an axis, the lowest on ties, int64. **Source** ONNX, ArgMax (13).

    **Departs** nothing.
    """
    found = np.argmax(x, axis).astype(np.int64)
    return np.expand_dims(found, axis) if keep else found


def argmax_shape(x: Known, *, axis: int, keep: bool) -> Known:
    if x.shape is None:
        return Known("int64", None)
    axis = axis_of(axis, len(x.shape))
    if x.shape[axis] == 0:
        raise RefcompressError("x", f"must have a value along axis {axis}")
    return Known("int64", (*x.shape[:axis], *([1] * keep), *x.shape[axis + 1 :]))


ROWS = (
    *(operation(each, reduced_shape) for each in (reduce_sum, reduce_mean, reduce_max, reduce_min, reduce_product)),
    operation(argmax, argmax_shape),
)
