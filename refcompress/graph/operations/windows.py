"""Where a kernel lies on an image: strides, pads and dilations as convolution and pooling know them."""

from collections.abc import Sequence

import numpy as np

from ...errors import RefcompressError
from ..known import Known, Size
from ..sizes import UNKNOWN, added, divided
from .checks import float32, rank

__all__ = ["Pads", "checked_groups", "checked_kernel", "checked_window", "output_size", "output_sizes", "resolved",
           "sides", "two_axes"]

Pads = tuple[int, ...] | str  # begin of each axis, then end of each; or "same_upper", "same_lower"
SAME = ("same_upper", "same_lower")


def sides(pads: Pads, axes: int, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int],
          dilations: Sequence[int]) -> tuple[int, ...]:
    """Return pads as numbers, for an input of these sizes.

    "same_upper" pads so that the output has ceil(size / stride) values an axis; what is odd of the pads lies at the
    end, with "same_lower" at the beginning.
    """
    if not isinstance(pads, str):
        return tuple(pads) or (0,) * (2 * axes)
    begins, ends = [], []
    for size, k, s, d in zip(sizes, kernel, strides, dilations):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        half = total // 2
        begins.append(half if pads == "same_upper" else total - half)
        ends.append(total - begins[-1])
    return (*begins, *ends)


def resolved(x_shape: tuple[int, ...], kernel: Sequence[int], strides: Sequence[int], pads: Pads,
             dilations: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return strides, pads and dilations of each axis, for an input (n, c, *sizes); what is empty is the default."""
    axes = len(kernel)
    strides, dilations = tuple(strides) or (1,) * axes, tuple(dilations) or (1,) * axes
    return strides, sides(pads, axes, x_shape[2:], kernel, strides, dilations), dilations


def checked_window(kernel: Sequence[Size], strides: Sequence[int], pads: Pads, dilations: Sequence[int]) -> None:
    """Refuse numbers of a window that are too few, too many or out of range."""
    axes = len(kernel)
    for i, each in enumerate(kernel):
        if isinstance(each, int) and each < 1:
            raise RefcompressError(f"kernel[{i}]", f"must be at least 1, not {each}")
    for name, values, least in (("strides", strides, 1), ("dilations", dilations, 1)):
        if values and len(values) != axes:
            raise RefcompressError(name, f"must have {axes} numbers, one an axis of the kernel, not {len(values)}")
        for i, each in enumerate(values):
            if each < least:
                raise RefcompressError(f"{name}[{i}]", f"must be at least {least}, not {each}")
    if isinstance(pads, str):
        if pads not in SAME:
            raise RefcompressError("pads", f"must be numbers, {' or '.join(SAME)}, not {pads!r}")
        return
    if pads and len(pads) != 2 * axes:
        raise RefcompressError("pads", f"must have {2 * axes} numbers, two an axis of the kernel, not {len(pads)}")
    for i, each in enumerate(pads):
        if each < 0:
            raise RefcompressError(f"pads[{i}]", f"must not be negative, not {each}")


def checked_kernel(x: Known, weight: Known, bias: Known | None, strides: Sequence[int], pads: Pads,
                   dilations: Sequence[int]) -> tuple[Size, ...] | None:
    """Return the sizes of the kernel that a convolution's weight has, None where they are not known; refuse types,
    ranks and numbers that do not fit."""
    float32(x=x, weight=weight, bias=bias)
    rank(weight, "weight", 3, 4, 5)
    rank(bias, "bias", 1)
    if weight.shape is None:
        return None
    rank(x, "x", len(weight.shape))
    checked_window(weight.shape[2:], strides, pads, dilations)
    return weight.shape[2:]


def checked_groups(groups: int, channels: Size, argument: str, what: str) -> None:
    """Refuse a number of groups that does not divide the channels of an input, whose name is ``argument``."""
    if groups < 1:
        raise RefcompressError("groups", f"must be at least 1, not {groups}")
    if isinstance(channels, int) and channels % groups:
        raise RefcompressError(argument, f"must have {what} that {groups} groups divide, not {channels}")


def output_size(size: Size, k: int, stride: int, begin: int, end: int, dilation: int, ceil: bool = False) -> Size:
    """Return how often a kernel fits along an axis.

    ceil : a last place that reaches beyond the pads counts too, if it begins on the input or in the pads in front.
    """
    width = dilation * (k - 1) + 1
    room = added(size, begin + end - width)
    if isinstance(room, int) and room < 0:
        raise RefcompressError("kernel", f"must fit {size} values and their pads: it needs {-room} more")
    if not ceil:
        return added(divided(room, stride), 1)
    if width < end + stride:  # a last place could begin beyond the input
        return divided(added(size, begin + stride - 1), stride)
    return added(divided(added(room, stride - 1), stride), 1)


def output_sizes(sizes: Sequence[Size], kernel: Sequence[Size], strides: Sequence[int], pads: Pads,
                 dilations: Sequence[int], ceil: bool = False) -> tuple[Size, ...]:
    """Return the sizes of an output for those of an input."""
    axes = len(kernel)
    strides, dilations = tuple(strides) or (1,) * axes, tuple(dilations) or (1,) * axes
    found = []
    for axis, (size, k, s, d) in enumerate(zip(sizes, kernel, strides, dilations)):
        if isinstance(pads, str):
            found.append(divided(added(size, s - 1), s))
        elif isinstance(k, str):
            found.append(UNKNOWN)
        else:
            begin, end = (pads[axis], pads[axis + axes]) if pads else (0, 0)
            found.append(output_size(size, k, s, begin, end, d, ceil))
    return tuple(found)


def two_axes(x: np.ndarray, *windows: tuple[int, ...]) -> tuple:
    """Return images with one axis as images of one row, and with them their kernel, strides, pads and dilations.

    Of (n, c, columns) is made (n, c, 1, columns).
    """
    kernel, strides, pads, dilations = windows
    begin, end = pads
    return x[:, :, None], (1, *kernel), (1, *strides), (0, begin, 0, end), (1, *dilations)
