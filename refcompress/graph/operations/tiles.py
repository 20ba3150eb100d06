"""The places of a convolution by tile: the patches of a block of places are made, multiplied and forgotten.

All patches of an image together (im2col) are as many times the image as the kernel has cells. Those of a block fit a
second-level cache, so memory is bounded, and the product finds its patches there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..use import Use

__all__ = ["Tile", "patches_of", "tiles"]

AT_ONCE = 2**19  # bytes of patches: half of a second-level cache of 1 MiB; the product's weights and sums have the rest


@dataclass(frozen=True)
class Tile:
    """A block of places: of which images, and of which rows and columns of the output."""

    images: slice
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many images, rows and columns."""
        return tuple(each.stop - each.start for each in (self.images, self.rows, self.columns))  # type: ignore


def tiles(n: int, places: Sequence[int], bytes_a_place: int) -> Iterator[Tile]:
    """Yield blocks that cover all places once: as many whole images, else whole rows, else columns, as fit at once."""
    rows, columns = places
    if rows * columns == 0:
        return
    count = max(1, AT_ONCE // max(1, bytes_a_place))
    images = max(1, count // (rows * columns))
    band = min(rows, max(1, count // columns))
    width = min(columns, count)
    for i in range(0, n, images):
        for r in range(0, rows, band):
            for c in range(0, columns, width):
                yield Tile(slice(i, min(i + images, n)), slice(r, min(r + band, rows)),
                           slice(c, min(c + width, columns)))


def patches_of(x: np.ndarray, tile: Tile, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int],
               dilations: Sequence[int], use: Use, *, fill: int = 0, layout: str = "nchw") -> np.ndarray:
    """Return the patches under the places of a tile, as nn_patches gives those of all places."""
    first = 2 if layout == "nchw" else 1
    spans = [_under(each, x.shape[first + axis], kernel[axis], strides[axis], pads[axis], dilations[axis])
             for axis, each in enumerate((tile.rows, tile.columns))]
    inside, (top, left), (bottom, right) = zip(*spans)
    if any(each.start >= each.stop for each in inside):  # pads alone
        channels = x.shape[1 if layout == "nchw" else 3]
        n, rows, columns = tile.shape
        return np.full((n * rows * columns, channels * kernel[0] * kernel[1]), fill, x.dtype)
    part = x[(tile.images, slice(None), *inside) if layout == "nchw" else (tile.images, *inside)]
    return use("nn_patches")(use.contiguous(part), kernel, strides=strides, dilations=dilations, fill=fill,
                             pads=(top, left, bottom, right), layout=layout)


def _under(places: slice, size: int, kernel: int, stride: int, pad: int, dilation: int) -> tuple[slice, int, int]:
    """Return what of an axis of the input lies under places, and how many pads in front of it and behind it."""
    first = places.start * stride - pad  # as if the axis went on at both ends
    last = (places.stop - 1) * stride - pad + dilation * (kernel - 1) + 1
    begin, end = max(first, 0), min(last, size)
    return slice(begin, end), begin - first, last - end
