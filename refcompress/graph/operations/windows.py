"""The windows that a convolution or a pooling sees of an array: any number of spatial axes."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...errors import RefcompressError
from ..known import Size

__all__ = ["windows", "windows_shape"]


def windows(x: np.ndarray, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int],
            dilations: Sequence[int], fill) -> np.ndarray:
    """Return a view (n, c, places..., kernel...) of x (n, c, ...), padded with ``fill``.

    strides, dilations : one an axis, or () for ones. pads : how much before each axis, then how much behind each, or ().
    """
    d = len(kernel)
    strides, dilations, pads = strides or (1,) * d, dilations or (1,) * d, pads or (0,) * (2 * d)
    if any(pads):
        x = np.pad(x, [(0, 0), (0, 0), *zip(pads[:d], pads[d:])], constant_values=fill)
    extent = tuple(step * (k - 1) + 1 for k, step in zip(kernel, dilations))
    view = sliding_window_view(x, extent, axis=tuple(range(2, 2 + d)))
    each = (slice(None, None, step) for step in (*strides, *dilations))
    return view[(slice(None), slice(None), *each)]


def windows_shape(sizes: Sequence[Size], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int],
                  dilations: Sequence[int]) -> tuple[Size, ...]:
    """Return how many places there are along each axis, or refuse what does not fit; open sizes give open ones."""
    d = len(kernel)
    for name, value, count in (("strides", strides, d), ("dilations", dilations, d), ("pads", pads, 2 * d)):
        if value and (len(value) != count or any(each < (name != "pads") for each in value)):
            raise RefcompressError(name, f"must be {count} numbers, {int(name != 'pads')} or above, not {value}")
    strides, dilations, pads = strides or (1,) * d, dilations or (1,) * d, pads or (0,) * (2 * d)
    found: list[Size] = []
    for i, (size, k) in enumerate(zip(sizes, kernel)):
        more, extent, stride = pads[i] + pads[d + i], dilations[i] * (k - 1) + 1, strides[i]
        if isinstance(size, str):
            found.append(size if more == extent - 1 and stride == 1 else f"({size}{more - extent:+})//{stride}+1")
        elif size + more < extent:
            raise RefcompressError("x", f"must have at least {extent - more} values along axis {2 + i}, not {size}")
        else:
            found.append((size + more - extent) // stride + 1)
    return tuple(found)
