"""Images of another size."""

import math

import numpy as np

from ...errors import RefcompressError
from ..known import Known, Size
from ..sizes import UNKNOWN, divided, multiplied
from ..use import Use
from .checks import axes_of, ints, of_type
from .row import operation

__all__ = ["ROWS", "resize_steps", "resized_along"]

MODES = ("nearest", "linear", "cubic")
COORDINATES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
POLICIES = ("stretch", "not_larger", "not_smaller")


def resize(x: np.ndarray, factors: np.ndarray | None = None, wanted: np.ndarray | None = None, *, use: Use,
           scales: tuple[float, ...] | None = None, sizes: tuple[int, ...] | None = None,
           axes: tuple[int, ...] | None = None, mode: str = "nearest", coordinates: str = "half_pixel",
           rounding: str = "round_prefer_floor", cubic: float = -0.75, exclude_outside: bool = False,
           aspect: str = "stretch") -> np.ndarray:
    """Give axes other sizes: a value of the output is that at the place of x from which it comes, or a mix.

        half_pixel      u = (i + 1/2) / scale - 1/2;    pytorch_half_pixel : the same, but 0 for an output of size 1
        asymmetric      u = i / scale;    align_corners : u = i (size of x - 1) / (scale size of x - 1)

    Parameters
    ----------
    x : float32, or for "nearest" any type
    scales, or sizes : attributes, or the second and the third input; one a named axis, by default all
    mode : "nearest" (rounding says which neighbour), "linear" (between two), "cubic" (of four, with the coefficient
        ``cubic``; exclude_outside : those beyond an edge do not count, else the edge stands for them)
    coordinates, rounding : as above, and half_pixel_symmetric
    aspect : "stretch", or one scale for all axes, so that no size is larger ("not_larger") or smaller ("not_smaller")
        than sizes say

    Returns
    -------
    of x's type : an axis at a time, from the first; mixes are summed in float64 and rounded to float32 once behind all

    **Source** ONNX, Resize (19); cubic: Keys 1981. **Departs** antialias and tf_crop_and_resize are refused.
    """
    kind = x.dtype
    for step in resize_steps(x.shape, factors, wanted, scales, sizes, axes, aspect):
        x = resized_along(x, *step, mode, coordinates, rounding, cubic, exclude_outside)
    return np.ascontiguousarray(x.astype(kind))


def resize_steps(shape, factors, wanted, scales, sizes, axes, aspect: str) -> list[tuple[int, int, float, float]]:
    """Return for each axis that is resized: the axis, its size, its scale, and the size before it is rounded down."""
    places, target, by = _target(shape, ints(axes, None, "axes"),
                                 scales if scales is not None else None if factors is None else factors.tolist(),
                                 ints(sizes, wanted, "sizes"), aspect)
    exact = aspect == "stretch" and (sizes is not None or wanted is not None)
    return [(axis, size, scale, size if exact else scale * shape[axis])
            for axis, size, scale in zip(places, target, by)]


def resized_along(x: np.ndarray, axis: int, size: int, scale: float, length: float, mode: str, coordinates: str,
                  rounding: str, cubic: float, exclude_outside: bool) -> np.ndarray:
    """Return x with another size along one axis; mixes are float64."""
    if size == x.shape[axis] and scale == 1:
        return x
    u = _coordinates(coordinates, size, x.shape[axis], scale, length)
    if mode == "nearest":
        return np.take(x, np.clip(_rounded(u, rounding), 0, x.shape[axis] - 1), axis)
    x = x.astype(np.float64)
    left = np.floor(u).astype(np.int64)
    taps, weights = _mix(mode, u - left, cubic)
    indices = left + np.array(taps)[:, None]
    if exclude_outside:
        weights = np.where((indices >= 0) & (indices < x.shape[axis]), weights, 0.0)
        weights = weights / weights.sum(0)
    across = (-1, *(1,) * (x.ndim - 1 - axis))
    return sum(np.take(x, np.clip(i, 0, x.shape[axis] - 1), axis) * w.reshape(across)
               for i, w in zip(indices, weights))


def _target(shape, axes, scales, sizes, aspect: str) -> tuple[list[int], list[int], list[float]]:
    """Return the axes that change, their sizes and their scales."""
    places = list(range(len(shape)) if axes is None else axes_of(axes, len(shape)))
    if sizes is None:
        return places, [math.floor(shape[axis] * s) for axis, s in zip(places, scales)], list(map(float, scales))
    each = [size / shape[axis] for axis, size in zip(places, sizes)]
    if aspect != "stretch":
        one = min(each) if aspect == "not_larger" else max(each)
        each = [one] * len(places)
        sizes = [math.floor(one * shape[axis] + 0.5) for axis in places]
    return places, list(sizes), each


def _coordinates(how: str, size: int, of: int, scale: float, length: float) -> np.ndarray:
    """Return for each place of an output of ``size`` the place in an input of size ``of`` from which it comes.

    length : the output's size before it is rounded down, scale * of.
    """
    i = np.arange(size, dtype=np.float64)
    whole = length == size  # then a place is a quotient of integers, rounded once: exact where it is an integer itself
    if how == "asymmetric":
        return i * of / size if whole else i / scale
    if how == "align_corners":
        return i * (of - 1) / (length - 1) if length != 1 else np.zeros(size)
    if how == "pytorch_half_pixel" and size == 1:
        return np.zeros(1)
    offset = of / 2 * (1 - size / length) if how == "half_pixel_symmetric" else 0.0
    return ((2 * i + 1) * of - size) / (2 * size) if whole else offset + (i + 0.5) / scale - 0.5


def _rounded(u: np.ndarray, how: str) -> np.ndarray:
    if how == "floor":
        return np.floor(u).astype(np.int64)
    if how == "ceil":
        return np.ceil(u).astype(np.int64)
    return (np.ceil(u - 0.5) if how == "round_prefer_floor" else np.floor(u + 0.5)).astype(np.int64)


def _mix(mode: str, t: np.ndarray, a: float) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the neighbours that are mixed, counted from the left one, and a weight for each of them."""
    if mode == "linear":
        return (0, 1), np.stack([1 - t, t])

    def near(d):
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d):
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return (-1, 0, 1, 2), np.stack([far(1 + t), near(t), near(1 - t), far(2 - t)])


def resize_shape(x: Known, factors: Known | None = None, wanted: Known | None = None, *,
                 scales: tuple[float, ...] | None, sizes: tuple[int, ...] | None, axes: tuple[int, ...] | None,
                 mode: str, coordinates: str, rounding: str, cubic: float, exclude_outside: bool,
                 aspect: str) -> Known:
    for name, value, allowed in (("mode", mode, MODES), ("coordinates", coordinates, COORDINATES),
                                 ("rounding", rounding, ROUNDINGS), ("aspect", aspect, POLICIES)):
        if value not in allowed:
            raise RefcompressError(name, f"must be one of {', '.join(allowed)}, not {value!r}")
    if mode != "nearest":
        of_type(x, "x", "float32")
    given = [name for name, value in (("scales", scales), ("factors", factors), ("sizes", sizes), ("wanted", wanted))
             if value is not None]
    if len(given) != 1:
        raise RefcompressError("scales", f"or sizes must be given, once, as an attribute or an input, not {given}")
    if x.shape is None:
        return Known(x.type, None)
    if factors is not None:
        of_type(factors, "factors", "float32")
    places = range(len(x.shape)) if axes is None else axes_of(axes, len(x.shape))
    target = ints(sizes, wanted, "sizes", known=True) if scales is None and factors is None else None
    if factors is not None and factors.value is not None:
        scales = tuple(factors.value.reshape(-1).tolist())
    result: list[Size] = list(x.shape)
    if scales is None and target is None or aspect != "stretch":
        return Known(x.type, tuple(UNKNOWN if axis in places else size for axis, size in enumerate(result)))
    numbers = scales if scales is not None else target or []
    if len(numbers) != len(places):
        raise RefcompressError("scales" if scales is not None else "sizes",
                               f"must have {len(places)} numbers, one an axis, not {len(numbers)}")
    for axis, each in zip(places, numbers):
        if isinstance(each, str):
            result[axis] = each
        elif not 0 < each < math.inf:
            raise RefcompressError("scales" if scales is not None else "sizes",
                                   f"must be above 0 and finite, not {each}")
        elif result[axis] == 0:
            raise RefcompressError("x", f"must have a value along axis {axis}, which is resized")
        else:
            result[axis] = int(each) if scales is None else _scaled(result[axis], each)
    return Known(x.type, tuple(result))


def _scaled(size: Size, scale: float) -> Size:
    if isinstance(size, int):
        return math.floor(size * scale)
    if scale == int(scale):
        return multiplied(size, int(scale))
    return divided(size, int(1 / scale)) if 1 / scale == int(1 / scale) else UNKNOWN


ROWS = (operation(resize, resize_shape),)
