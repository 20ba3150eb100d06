"""What a kernel sees of an image at each of its places, and the way back: for convolutions and pooling of any
dimensions.

Images are (n, c, *sizes), windows (n, c, *places, *kernel). pads : of each dimension in front, then of each behind. In
memory the channels of what is made here lie last, so that a window is a few runs.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

__all__ = ["filled", "images", "offsets", "padded", "rows", "spread", "windows"]


def padded(x: np.ndarray, kernel: Sequence[int], places: Sequence[int], strides: Sequence[int], pads: Sequence[int],
           dilations: Sequence[int], fill: float = 0) -> np.ndarray:
    """Return the images with their padding, as large as the windows at ``places`` places reach, or larger."""
    count = len(kernel)
    sizes = [max(pads[i] + size + pads[count + i], (places[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1)
             for i, size in enumerate(x.shape[2:])]
    if sizes == list(x.shape[2:]):
        return x
    whole = filled((*x.shape[:2], *sizes), fill, x.dtype)
    whole[_inside(x.shape, pads)] = x
    return whole


def filled(shape: tuple[int, ...], value: float, dtype: np.dtype) -> np.ndarray:
    """Return images of one value, whose channels lie last in memory."""
    n, c, *sizes = shape
    return np.moveaxis(np.full((n, *sizes, c), value, dtype), -1, 1)


def windows(whole: np.ndarray, kernel: Sequence[int], places: Sequence[int], strides: Sequence[int],
            dilations: Sequence[int]) -> np.ndarray:
    """Return a view of padded images: (n, c, *places, *kernel)."""
    outer, steps = whole.strides[:2], whole.strides[2:]
    return as_strided(whole, (*whole.shape[:2], *places, *kernel),
                      (*outer, *(a * b for a, b in zip(steps, strides)), *(a * b for a, b in zip(steps, dilations))),
                      writeable=False)


def offsets(kernel: Sequence[int], places: Sequence[int], strides: Sequence[int],
            dilations: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple]]:
    """Yield each index of a kernel, and the slice of padded images that it meets over all places."""
    for at in np.ndindex(*kernel):
        yield at, (slice(None), slice(None), *(slice(o * d, o * d + (p - 1) * s + 1, s)
                                               for o, p, s, d in zip(at, places, strides, dilations)))


def spread(of: Iterator, whole_shape: tuple[int, ...], x_shape: tuple[int, ...], pads: Sequence[int],
           dtype: np.dtype) -> np.ndarray:
    """Return what pairs of a slice and its values add up to at each value of the images, without their padding."""
    whole = filled(whole_shape, 0, dtype)
    for at, values in of:
        whole[at] += values
    return whole[_inside(x_shape, pads)]


def _inside(shape: tuple[int, ...], pads: Sequence[int]) -> tuple[slice, ...]:
    return (slice(None), slice(None), *(slice(begin, begin + size) for begin, size in zip(pads, shape[2:])))


def rows(y: np.ndarray, groups: int, group: int) -> np.ndarray:
    """Return the channels of one group as (n places, channels)."""
    m = y.shape[1] // groups
    return np.ascontiguousarray(np.moveaxis(y[:, group * m : (group + 1) * m], 1, -1)).reshape(-1, m)


def images(flat: np.ndarray, n: int, places: Sequence[int]) -> np.ndarray:
    """Return (n places, channels) as (n, channels, *places)."""
    return np.moveaxis(flat.reshape(n, *places, flat.shape[-1]), -1, 1)

