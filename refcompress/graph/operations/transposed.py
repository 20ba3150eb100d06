"""Transposed convolutions: a kernel is put on the output for each value of the input."""

import math
from typing import Any

import numpy as np

from ...errors import RefcompressError
from ..known import Known
from ..sizes import UNKNOWN, added, multiplied, product
from ..use import Use, Weight
from ..weights import decoded
from .checks import same_size
from .row import operation
from .windows import Pads, checked_groups, checked_kernel

__all__ = ["ROWS", "transposed_sizes"]

Numbers = tuple[int, ...]


def conv_transposed(x: np.ndarray, weight: Weight, bias: np.ndarray | None = None, *, use: Use, strides: Numbers = (),
                    pads: Pads = (), dilations: Numbers = (), groups: int = 1, output_pads: Numbers = (),
                    output_sizes: Numbers = ()) -> np.ndarray:
    """Put a kernel on the output for each value of the input: the gradient of a convolution by its input.

        y[i, g m' + o, r strides[0] + a dilations[0] - pads[0], ...] += x[i, c, r, ...] weight[c, o, a, ...]

    Parameters
    ----------
    x : (n, c, *sizes) float32, with 1, 2 or 3 sizes
    weight : (c, m / groups, *kernel), float32 or a compressed format, which is decoded
    bias : None or (m,) float32
    strides, dilations, groups : as for conv
    pads : what is cut off the output at the beginning of each axis, then at the end of each; or "same_upper" or
        "same_lower": so much that the output has size * stride values
    output_pads : values more at the end of each axis. output_sizes : the sizes of the output; pads follow from them.

    Returns
    -------
    (n, m, *sizes) float32 : stride (size - 1) + dilation (kernel - 1) + 1 + output_pad - pads along each axis
        Each product of channels is that of gemm_f32f32. They are added in float64 in the order of the kernel, then the
        bias, and rounded once.

    **Source** ONNX, ConvTranspose; Zeiler et al., Deconvolutional Networks (2010). **Departs** nothing.
    """
    dense = decoded(weight, use)
    (n, c, *sizes), (_, m, *kernel) = x.shape, dense.shape
    axes = len(kernel)
    strides, dilations = tuple(strides) or (1,) * axes, tuple(dilations) or (1,) * axes
    begins, target = transposed_sizes(sizes, kernel, strides, pads, dilations, output_pads, output_sizes)
    full = [s * (size - 1) + d * (k - 1) + 1 for size, k, s, d in zip(sizes, kernel, strides, dilations)]
    room = [max(a, b + p) for a, b, p in zip(full, target, begins)]
    total = np.zeros((n, groups * m, *room))
    inputs = c // groups
    product = use("gemm_f32f32")
    for g in range(groups):
        x_rows = np.moveaxis(x[:, g * inputs : (g + 1) * inputs], 1, -1).reshape(n * math.prod(sizes), inputs)
        matrix = np.ascontiguousarray(dense[g * inputs : (g + 1) * inputs].reshape(inputs, m * math.prod(kernel)))
        found = product(np.ascontiguousarray(x_rows), matrix, transposed=True).reshape(n, *sizes, m, *kernel)
        for place in np.ndindex(*kernel):
            where = tuple(slice(a * d, a * d + s * (size - 1) + 1, s)
                          for a, d, s, size in zip(place, dilations, strides, sizes))
            part = found[(..., *place)]  # (n, *sizes, m)
            total[(slice(None), slice(g * m, (g + 1) * m), *where)] += np.moveaxis(part, -1, 1)
    kept: Any = (..., *(slice(p, p + size) for p, size in zip(begins, target)))
    y = total[kept]
    if bias is not None:
        y = y + bias.reshape(-1, *(1,) * axes)
    return np.ascontiguousarray(y.astype(np.float32))


def transposed_sizes(sizes, kernel, strides, pads, dilations, output_pads, wanted) -> tuple[list, list]:
    """Return what is cut off at the beginning of each axis, and the sizes of the output."""
    axes = len(kernel)
    extra = tuple(output_pads) or (0,) * axes
    begins, target = [], []
    for axis, (size, k, s, d) in enumerate(zip(sizes, kernel, strides, dilations)):
        full = s * (size - 1) + d * (k - 1) + 1 + extra[axis]
        if isinstance(pads, str) or wanted:
            out = wanted[axis] if wanted else size * s
            cut = full - out
            upper = pads != "same_lower" if isinstance(pads, str) else False
            # What is odd of the pads goes where "same" has it for a convolution; ONNX's rule for output_shape.
            begins.append(max(cut // 2 if upper else cut - cut // 2, 0))
            target.append(out)
        else:
            begin, end = (pads[axis], pads[axis + axes]) if pads else (0, 0)
            begins.append(begin)
            target.append(full - begin - end)
    return begins, target


def conv_transposed_shape(x: Known, weight: Known, bias: Known | None = None, *, strides: Numbers, pads: Pads,
                          dilations: Numbers, groups: int, output_pads: Numbers, output_sizes: Numbers) -> Known:
    kernel = checked_kernel(x, weight, bias, strides, pads, dilations)
    if kernel is None:
        return Known("float32", None)
    c, m = weight.sizes[:2]
    checked_groups(groups, c, "weight", "inputs")
    same_size(bias, "bias", 0, multiplied(m, groups), "as the weight has outputs in all groups")
    for name, values in (("output_pads", output_pads), ("output_sizes", output_sizes)):
        if values and len(values) != len(kernel):
            raise RefcompressError(name, f"must have {len(kernel)} numbers, one an axis of the kernel, not "
                                         f"{len(values)}")
    if x.shape is None:
        return Known("float32", None)
    same_size(x, "x", 1, c, "as the weight has inputs")
    axes = len(kernel)
    if any(isinstance(k, str) for k in kernel):
        return Known("float32", (x.shape[0], multiplied(m, groups), *[UNKNOWN] * axes))
    strides, dilations = tuple(strides) or (1,) * axes, tuple(dilations) or (1,) * axes
    sizes = [1 if isinstance(size, str) else size for size in x.shape[2:]]
    _, target = transposed_sizes(sizes, kernel, strides, pads, dilations, output_pads, output_sizes)
    for axis, size in enumerate(x.shape[2:]):
        if size == 0:
            raise RefcompressError("x", f"must have a value along axis {axis + 2}")
        if isinstance(size, str):
            target[axis] = _open(size, strides[axis], target[axis], bool(output_sizes))
        elif target[axis] < 1:
            raise RefcompressError("pads", f"must leave a value of the output along axis {axis}, not {target[axis]}")
    return Known("float32", (x.shape[0], multiplied(m, groups), *target))


def _open(size: str, stride: int, of_one: int, given: bool):
    """Return the size of the output for an open size of the input; of_one is that for a size of 1."""
    return of_one if given else added(multiplied(size, stride), of_one - stride)


def conv_transposed_cost(x: Known, weight: Known, bias: Known | None, y: Known, **attributes):
    return product((2, *x.sizes, *weight.sizes[1:]))


ROWS = (operation(conv_transposed, conv_transposed_shape, weight=1, cost=conv_transposed_cost),)
