"""What a layer of integer weights computes with: its weight as rows, the windows of its inputs as rows, its rules.

**No sum leaves int32.** In a static product inputs less their zero point are at most 255, and weights at most 128 in
magnitude: a product is below 2^15, and the sum of k products and a bias b below k 2^15 + abs(b). A node whose
k 2^15 + abs(b) is above 2^31 - 1 is refused.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...errors import ArgumentTypeError, RefcompressError
from ...formats import Packed, Prepared, Quantized
from ...reference.quantize.requantization import quantize_multiplier
from ..use import Use
from .grids import LARGEST_SUM, checked_grids, checked_ratio
from .tiles import Tile, patches_of, tiles
from .windows import output_sizes

__all__ = ["UNIT_ROOM", "Integers", "Layer", "channels_behind", "checked_dynamic", "checked_layer", "checked_rows",
           "dynamic_parts", "layers_of", "products_of_windows"]

Integers = Quantized | Packed
UNIT_ROOM = 2**15  # more than the magnitude of a product of an input less its zero point, and a weight


class Layer(NamedTuple):
    """What a layer on integers computes with: values (m, k) int8, and for each output a bias, a multiplier, a shift.

    values : an array, or what the implementation packed of it.
    """

    values: np.ndarray | Prepared
    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray


def layers_of(weight: Integers, bias: np.ndarray | None, x_scale: float, x_zero_point: int, y_scale: float, groups: int,
              use: Use, product: str = "gemm_s8s8_requantized", kernel: tuple[int, ...] = ()) -> list[Layer]:
    """Return what a layer computes with, for each group of channels; its bias includes the zero point of the inputs.

        sum of (x - x_zero_point) w + bias = sum of x w + (bias - x_zero_point * sum of w)

    Values of kernels lie in the order of products_of_windows. product : what multiplies by them. kernel : the shape of
    the values of one output, where that product takes no rows.
    """
    def make() -> list[Layer]:
        m = weight.shape[0]
        values = channels_behind(weight.values)
        whole = -x_zero_point * values.sum(axis=1, dtype=np.int64) + (0 if bias is None else bias)
        scale = np.broadcast_to(weight.scale.reshape(-1), m).astype(np.float64)
        parts = values, whole.astype(np.int32), *quantize_multiplier(x_scale * scale / y_scale)
        split = [parts] if groups == 1 else zip(*(np.split(part, groups) for part in parts))
        return [Layer(use.packed(product, rows.reshape(len(rows), *kernel) if kernel else rows), *others)
                for rows, *others in split]

    return use.once(weight, f"layer of {use.node}", make)


def dynamic_parts(weight: Integers, groups: int, use: Use) -> list[Quantized | Prepared]:
    """Return the weight of a dynamic layer, a byte a value, as matrices, one for each group of channels."""
    def make() -> list[Quantized | Prepared]:
        m = weight.shape[0]
        if weight.group is None:
            scale, zero_point = (np.broadcast_to(each.reshape(-1, 1), (m, 1)) for each in (weight.scale,
                                                                                          weight.zero_point))
        else:
            scale, zero_point = weight.scale, weight.zero_point
        split = [np.split(each, groups) for each in (channels_behind(weight.values), scale, zero_point)]
        return [use.packed("gemm_s8s8_scaled", Quantized(values, s, z, weight.group)) for values, s, z in zip(*split)]

    return use.once(weight, f"{groups} groups", make)


def products_of_windows(image: np.ndarray, kernel, window, groups: int, m: int, dtype, fill: int, product: str,
                        arguments: Callable[[np.ndarray, int, slice], tuple[tuple, dict]], use: Use) -> np.ndarray:
    """Return the products of the windows of images (n, rows, columns, c) as (n, places..., m), tile by tile.

    product : the operation. arguments : what it takes for the rows of a group of channels, the group's number and the
    images that they are of. The values of a row lie in the order (kernel rows, kernel columns, channels).
    """
    strides, pads, dilations = window
    n, *sizes, c = image.shape
    places: Any = output_sizes(sizes, kernel, strides, pads, dilations)
    alone = math.prod(kernel) == math.prod(strides) == 1 and not any(pads)
    whole = [Tile(slice(0, n), slice(0, places[0]), slice(0, places[1]))]
    parts = whole if alone else list(tiles(n, places, image.itemsize * c * math.prod(kernel)))

    def rows_under(tile: Tile) -> np.ndarray:
        if alone:
            return image.reshape(n * math.prod(places), c)
        return patches_of(image, tile, kernel, strides, pads, dilations, use, fill=fill, layout="nhwc")

    if parts == whole and groups == 1:  # a single product, which gives all
        args, kwargs = arguments(rows_under(whole[0]), 0, whole[0].images)
        return use(product)(*args, **kwargs).reshape(n, *places, m)
    y = use.empty((n, *places, m), dtype)
    for tile in parts:
        rows = rows_under(tile)
        cells = rows.reshape(len(rows), math.prod(kernel), groups, c // groups)
        for g in range(groups):
            part = rows if groups == 1 else use.contiguous(cells[:, :, g]).reshape(len(rows), rows.shape[1] // groups)
            args, kwargs = arguments(part, g, tile.images)
            to = y[tile.images, tile.rows, tile.columns, g * m // groups : (g + 1) * m // groups]
            use.into(to, product, *args, **kwargs)
            if groups > 1:
                use.forget(part)
        if not alone:
            use.forget(rows)
    return y


def channels_behind(values: np.ndarray) -> np.ndarray:
    """Return kernels (m, c, ...) as rows (m, k) in the order of products_of_windows."""
    return np.ascontiguousarray(np.moveaxis(values, 1, -1)).reshape(len(values), math.prod(values.shape[1:]))


def _weight_checked(weight, groups_of_inputs: bool) -> int:
    """Return how many inputs each output of an integer weight has, or refuse the weight."""
    if not isinstance(weight, Integers) or weight.values.dtype != np.int8:
        raise ArgumentTypeError("weight", "must be a tensor of the model, Quantized of int8 or Packed, not "
                                          f"{type(weight).__name__}")
    m = weight.shape[0]
    sizes = (1, m) if len(weight.scale) == m else (1,)
    if weight.group is None and weight.scale.size not in sizes:
        raise RefcompressError("weight", f"must have one scale, or one an output, not the shape {weight.scale.shape}")
    if weight.group is not None and not groups_of_inputs:
        raise RefcompressError("weight", "must not have scales of groups: their sums have no common unit")
    return math.prod(weight.shape[1:])


def checked_rows(weight) -> int:
    """Refuse a weight that no static layer takes; return how many inputs each of its outputs has."""
    k = _weight_checked(weight, groups_of_inputs=False)
    if weight.zero_point.any():
        raise RefcompressError("weight", "must have zero points of 0")
    return k


def checked_layer(x, weight, bias=None, *, x_scale, x_zero_point, y_scale, y_zero_point, lowest, highest, **window):
    """Refuse tensors and attributes of a static layer that break a rule."""
    k = checked_rows(weight)
    checked_grids(x_scale=x_scale, x_zero_point=x_zero_point, y_scale=y_scale, y_zero_point=y_zero_point,
                  lowest=lowest, highest=highest)
    largest = k * UNIT_ROOM
    if bias is not None:
        if not isinstance(bias, np.ndarray) or bias.dtype != np.int32:
            raise ArgumentTypeError("bias", "must be a tensor of the model, int32")
        largest += int(np.abs(bias.astype(np.int64)).max(initial=0))
    if largest > LARGEST_SUM:
        raise RefcompressError("bias", f"and {k} products may add up to {largest}, beyond int32")
    checked_ratio(x_scale * weight.scale.astype(np.float64) / y_scale)


def checked_dynamic(x, weight, bias=None, **window):
    """Refuse tensors of a dynamic layer that break a rule."""
    k = _weight_checked(weight, groups_of_inputs=not window)
    if k * UNIT_ROOM > LARGEST_SUM:
        raise RefcompressError("weight", f"has {k} inputs, whose products may leave int32")
