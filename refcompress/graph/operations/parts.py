"""Parts of an array: slices, chosen entries, and an edge around it."""

import math
import sys
from typing import Any

import numpy as np

from ...errors import RefcompressError
from ..known import Known, Size
from ..sizes import UNKNOWN, added, differ, product
from ..use import Use
from .checks import axes_of, axis_of, ints, of_type, same_types
from .row import operation

__all__ = ["ROWS"]

Numbers = tuple[int, ...] | None
MOST_PARTS = 2**20  # of a split: each is a value of its own


def slice_(x: np.ndarray, begin: np.ndarray | None = None, end: np.ndarray | None = None,
           along: np.ndarray | None = None, step: np.ndarray | None = None, *, use: Use, starts: Numbers = None,
           ends: Numbers = None, axes: Numbers = None, steps: Numbers = None) -> np.ndarray:
    """Return x[starts:ends:steps] along some axes, by default the first ones.

    starts, ends, axes, steps : attributes, or the inputs after x. Negative starts and ends count from the end; what
    lies beyond an end is cut off.

    **Source** ONNX, Slice (13). **Departs** nothing.
    """
    first, last = ints(starts, begin, "starts") or [], ints(ends, end, "ends") or []
    places = ints(axes, along, "axes") or range(len(first))
    strides = ints(steps, step, "steps") or [1] * len(first)
    index = [slice(None)] * x.ndim
    for axis, a, b, by in zip(places, first, last, strides):
        index[axis] = _slice(a, b, by, x.shape[axis])
    return np.ascontiguousarray(x[tuple(index)]) if x.ndim else x


def _slice(a: int, b: int, by: int, size: int) -> slice:
    """Return ONNX's slice as Python's: a negative number counts from the end once, and then is clamped.

    So steps below 0 from a start in front of the first element begin at it, where Python's slice is empty.
    """
    a, b = (each + size if each < 0 else each for each in (a, b))
    if by > 0:
        return slice(min(max(a, 0), size), min(max(b, 0), size), by)
    b = min(max(b, -1), size - 1)
    return slice(min(max(a, 0), size - 1), None if b < 0 else b, by) if size else slice(0, 0)


def slice_shape(x: Known, begin: Known | None = None, end: Known | None = None, along: Known | None = None,
                step: Known | None = None, *, starts: Numbers, ends: Numbers, axes: Numbers, steps: Numbers) -> Known:
    first, last = ints(starts, begin, "starts", known=True), ints(ends, end, "ends", known=True)
    places, strides = ints(axes, along, "axes", known=True), ints(steps, step, "steps", known=True)
    if x.shape is None:
        return Known(x.type, None)
    if (starts is None and begin is None) or (ends is None and end is None):
        raise RefcompressError("starts", "and ends must be attributes or inputs")
    unknown = places is None and along is not None or strides is None and step is not None  # not even how many
    if first is None or last is None or unknown or UNKNOWN in (places or []):
        return Known(x.type, (UNKNOWN,) * len(x.shape))
    places = list(range(len(first))) if places is None else places
    strides = [1] * len(first) if strides is None else strides
    if not len(first) == len(last) == len(places) == len(strides):
        raise RefcompressError("starts", f"ends, axes and steps must be of one length, not {len(first)}, {len(last)}, "
                                         f"{len(places)} and {len(strides)}")
    sizes = list(x.shape)
    for axis, a, b, by in zip(axes_of(places, len(sizes)), first, last, strides):
        if by == 0:
            raise RefcompressError("steps", "must not be 0")
        sizes[axis] = _sliced(sizes[axis], a, b, by)
    return Known(x.type, tuple(sizes))


def _sliced(size: Size, a: Size, b: Size, by: Size) -> Size:
    """Return how many elements a slice has."""
    if isinstance(size, int) and isinstance(a, int) and isinstance(b, int) and isinstance(by, int):
        return len(range(*_slice(a, b, by, size).indices(size)))
    if by == 1 and a == 0 and isinstance(b, int) and b >= 2**31 - 1:
        return size
    if by == 1 and a == 0 and b == size != UNKNOWN:
        return size
    if by == 1 and isinstance(a, int) and a < 0 and isinstance(b, int) and b >= 2**31 - 1:
        return UNKNOWN  # -a, or less where x is smaller
    return UNKNOWN


def gather(x: np.ndarray, indices: np.ndarray, *, use: Use, axis: int = 0) -> np.ndarray:
    """Return the entries of x at indices along an axis: the axis is replaced by those of indices.

    Negative indices count from the end; one that is not there is refused.

    **Source** ONNX, Gather (13). **Departs** nothing.
    """
    size = x.shape[axis]
    wrong = (indices < -size) | (indices >= size)
    if np.any(wrong):
        raise RefcompressError("indices", f"must be in [{-size}, {size}), not {indices[wrong].flat[0]}"
                               if indices.ndim else f"must be in [{-size}, {size}), not {indices}")
    return np.take(x, indices, axis)


def gather_shape(x: Known, indices: Known, *, axis: int) -> Known:
    of_type(indices, "indices", "int64", "int32")
    if x.shape is None or indices.shape is None:
        return Known(x.type, None)
    axis = axis_of(axis, len(x.shape))
    return Known(x.type, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def split(x: np.ndarray, parts: np.ndarray | None = None, *, use: Use, axis: int = 0, sizes: Numbers = None,
          count: int = 0) -> tuple[np.ndarray, ...]:
    """Cut along an axis into parts of these sizes, or into ``count`` of one size, of which the last may be smaller.

    sizes : an attribute, or the second input. **Source** ONNX, Split (18). **Departs** nothing.
    """
    lengths = ints(sizes, parts, "sizes") or _equal(x.shape[axis], count)
    ends = np.cumsum(lengths)
    return tuple(np.ascontiguousarray(np.take(x, range(b - n, b), axis)) for n, b in zip(lengths, ends))


def _equal(size: int, count: int) -> list[int]:
    each = -(-size // count)
    return [min(each, size - i * each) for i in range(count)]


def split_shape(x: Known, parts: Known | None = None, *, axis: int, sizes: Numbers, count: int) -> tuple[Known, ...]:
    lengths = ints(sizes, parts, "sizes", known=True)
    if lengths is None and parts is not None:
        raise RefcompressError("sizes", "must be of a number that is known before a run")
    if lengths is None:
        if not 1 <= count <= MOST_PARTS:
            raise RefcompressError("sizes", f"must be an attribute or the second input; or count in [1, {MOST_PARTS}]")
        if x.shape is not None and isinstance(size := x.shape[axis_of(axis, len(x.shape))], int):
            if -(-size // count) * (count - 1) >= max(size, 1):
                raise RefcompressError("count", f"must cut {size} values into parts that are not empty, not {count}")
            lengths = _equal(size, count)
        else:
            lengths = [UNKNOWN] * count
    if x.shape is None:
        return tuple(Known(x.type, None) for _ in lengths)
    axis = axis_of(axis, len(x.shape))
    total: Size = 0
    for each in lengths:
        if isinstance(each, int) and each < 0:
            raise RefcompressError("sizes", f"must not be negative, not {each}")
        total = added(total, each)
    if differ(total, x.shape[axis]):
        raise RefcompressError("sizes", f"must add up to the {x.shape[axis]} values along axis {axis}, not to {total}")
    return tuple(Known(x.type, (*x.shape[:axis], each, *x.shape[axis + 1 :])) for each in lengths)


MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def pad(x: np.ndarray, widths: np.ndarray | None = None, constant: np.ndarray | None = None,
        along: np.ndarray | None = None, *, use: Use, pads: Numbers = None, value: float = 0.0,
        axes: Numbers = None, mode: str = "constant") -> np.ndarray:
    """Put values around x: widths at the beginning of each axis, then at the end of each; negative ones cut off.

    pads, axes : attributes, or the second and the fourth input; by default all axes. mode : "constant" (``value``, or
    the third input), "reflect" (the edge is not repeated), "edge" or "wrap".

    **Source** ONNX, Pad (19). **Departs** nothing.
    """
    found = ints(pads, widths, "pads") or []
    places = ints(axes, along, "axes")
    pairs = [(0, 0)] * x.ndim
    half = len(found) // 2
    for axis, pair in zip(range(x.ndim) if places is None else places, zip(found[:half], found[half:])):
        pairs[axis] = pair
    x = x[tuple(slice(max(-a, 0), size - max(-b, 0)) for (a, b), size in zip(pairs, x.shape))]
    pairs = [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode != "constant":
        return np.pad(x, pairs, mode)  # type: ignore[call-overload]
    filler = value if constant is None else np.asarray(constant).reshape(())
    return np.pad(x, pairs, constant_values=np.asarray(filler, x.dtype)[()])


def pad_shape(x: Known, widths: Known | None = None, constant: Known | None = None, along: Known | None = None, *,
              pads: Numbers, value: float, axes: Numbers, mode: str) -> Known:
    if mode not in MODES:
        raise RefcompressError("mode", f"must be one of {', '.join(MODES)}, not {mode!r}")
    if pads is None and widths is None:
        raise RefcompressError("pads", "must be an attribute or the second input")
    same_types(x=x, constant=constant)
    found, places = ints(pads, widths, "pads", known=True), ints(axes, along, "axes", known=True)
    if x.shape is None:
        return Known(x.type, None)
    if found is None or places is None and along is not None or UNKNOWN in (places or []):
        return Known(x.type, (UNKNOWN,) * len(x.shape))
    chosen = range(len(x.shape)) if places is None else axes_of(places, len(x.shape))
    if len(found) != 2 * len(chosen):
        raise RefcompressError("pads", f"must have {2 * len(chosen)} numbers, two an axis, not {len(found)}")
    sizes = list(x.shape)
    for axis, a, b in zip(chosen, found, found[len(chosen) :]):
        before = sizes[axis]
        sizes[axis] = added(added(before, a), b)
        cut = sum(-each for each in (a, b) if isinstance(each, int) and each < 0)
        if isinstance(before, int) and cut > before:
            raise RefcompressError("pads", f"cut off more than the {before} values along axis {axis}")
        wide = max([each for each in (a, b) if isinstance(each, int)], default=0)
        if mode == "reflect" and isinstance(before, int) and wide >= max(before, 1):
            raise RefcompressError("pads", f"reflect at most {before - 1} of {before} values along axis {axis}, "
                                           f"not {wide}")
    return Known(x.type, tuple(sizes))


def range_(start: np.ndarray, limit: np.ndarray, delta: np.ndarray, *, use: Use) -> np.ndarray:
    """Return start, start + delta, ... up to limit, without it. **Source** ONNX, Range. **Departs** nothing."""
    first, by = start.reshape(()), delta.reshape(())
    count = _steps(first.item(), limit.reshape(()).item(), by.item())
    return (first + np.arange(count).astype(start.dtype) * by).astype(start.dtype)


def _steps(start: float, limit: float, delta: float) -> int:
    """Return how many numbers a range has; of floats the quotient is rounded once before it is rounded up."""
    for name, each in (("start", start), ("limit", limit), ("delta", delta)):
        if not math.isfinite(each):
            raise RefcompressError(name, f"must be finite, not {each}")
    if not delta:
        raise RefcompressError("delta", "must not be 0")
    if isinstance(delta, int):
        return max(-((start - limit) // delta), 0)  # type: ignore[return-value]
    count = (limit - start) / delta
    if count > sys.maxsize:
        raise RefcompressError("delta", f"must not be so near 0: from {start} to {limit} are {count:.3g} numbers")
    return max(math.ceil(count), 0)


def range_shape(start: Known, limit: Known, delta: Known) -> Known:
    kind = same_types(start=start, limit=limit, delta=delta)
    for name, each in (("start", start), ("limit", limit), ("delta", delta)):
        if each.shape is not None and differ(product(each.shape), 1):
            raise RefcompressError(name, f"must be one value, not {each.shape}")
    values = [None if each.value is None else each.value.reshape(-1)[0] for each in (start, limit, delta)]
    if values[0] == 0 and values[2] == 1 and isinstance(values[1], str):
        return Known(kind, (values[1],))
    numbers: list[Any] = [each.item() if isinstance(each, np.generic) else each for each in values]
    if any(each is None or isinstance(each, str) for each in numbers):
        return Known(kind, (UNKNOWN,))
    return Known(kind, (_steps(*numbers),))


ROWS = (
    operation(slice_, slice_shape, name="slice"), operation(gather, gather_shape),
    operation(split, split_shape, outputs=None), operation(pad, pad_shape),
    operation(range_, range_shape, name="range"),
)
