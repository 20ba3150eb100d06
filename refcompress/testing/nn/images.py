"""Images, kernels that lie on them, and what every operation on windows refuses."""

import functools
from collections.abc import Iterator

import numpy as np

from ...errors import RefcompressError
from ...reference.nn.windows import window_argument
from ..draws import array, composite, either, int8, no_nan, st
from ..values import HOSTILE, LENGTHS, not_arrays, ordinary, other_dimensions

_F = np.float32

KERNELS: list[tuple[tuple, dict]] = [
    ((3, 3), {"pads": (1, 1, 1, 1)}),
    ((1, 1), {}),
    ((3, 3), {"strides": (2, 2), "pads": (0, 1, 1, 0)}),
    ((2, 2), {"strides": (2, 2)}),
    ((3, 2), {"dilations": (1, 2), "pads": (1, 1, 0, 1)}),
    ((1, 5), {"strides": (1, 3), "pads": (0, 2, 0, 2)}),
    ((3, 3), {"strides": (1, 1), "dilations": (2, 2), "pads": (2, 2, 2, 2)}),
    ((2, 4), {"strides": (3, 2), "pads": (1, 2, 1, 2)}),
]


def that_fits(size, kernel, options) -> tuple[tuple, dict]:
    """Return a kernel and its options, or one cell without any where no such kernel lies on images of that size."""
    given = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), **options}
    try:
        window_argument(np.empty((1, 1, *size), np.int8), "nchw", kernel, covered=True, **given)
    except RefcompressError:
        return (1, 1), {}
    return kernel, options


def every_size(rng, make) -> Iterator[tuple[np.ndarray, tuple, dict]]:
    """Yield images of every width and every number of channels, with kernels in turn."""
    for length in LENGTHS:
        kernel, options = KERNELS[length % len(KERNELS)]
        if length and length // 8 % 2:
            x = make(rng, (1, 2, 4, length))
            yield (x, *that_fits(x.shape[2:], kernel, options))
        else:
            x = make(rng, (2, 3, 4, length))  # three rows and four columns
            kernel, options = that_fits(x.shape[1:3], kernel, options)
            yield x, kernel, {**options, "layout": "nhwc"}
    for i, (kernel, options) in enumerate(KERNELS):
        layout = ("nchw", "nhwc")[i // 2 % 2]
        x = make(rng, (2, 3, 6, 23) if layout == "nchw" else (1, 6, 7, 33))
        yield x, kernel, {**options, "layout": layout}
    yield make(rng, (0, 3, 7, 7)), (2, 2), {}
    yield make(rng, (1, 0, 7, 7)), (2, 2), {}
    yield make(rng, (1, 4, 1, 1)), (3, 3), {"pads": (1, 1, 1, 1)}


def integers(rng, shape) -> np.ndarray:
    return rng.integers(-128, 128, shape).astype(np.int8)


def hostile(rng, shape) -> np.ndarray:
    """Return numbers of which every eighth is hostile."""
    return np.where(rng.random(shape) < 0.125, HOSTILE[rng.integers(0, len(HOSTILE), shape)], ordinary(rng, shape))


def refusals_of_windows(good: np.ndarray, *more, cells: bool = True) -> Iterator[tuple[tuple, dict]]:
    """Yield what every operation on windows refuses; cells: whether the kernel's size is an argument."""
    kernel = ((2, 2),) if cells else ()
    for bad in (*not_arrays(good), *other_dimensions(good), good.astype(np.uint8), good[:, :, :0], good[..., :0]):
        yield (bad, *kernel, *more), {}
    for bad in (None, 2, (2,), (2, 2, 2), (0, 2), (2, -1), (2, 1.5), (True, 2), (2**70, 2), (9, 2), (2, 9), "22"):
        if cells:
            yield (good, bad), {}
        if bad not in ((9, 2), (2, 9)):
            yield (good, *kernel, *more), {"strides": bad}
            yield (good, *kernel, *more), {"dilations": bad}
    for bad in (None, 1, (1, 1), (0, 0, 0, -1), (0, 0, 0.0, 0), (0, 0, 0, True), (0, 0, 0, 2**31)):
        yield (good, *kernel, *more), {"pads": bad}
    for bad in (None, 3, "NCHW", "hwc", ""):
        yield (good, *kernel, *more), {"layout": bad}
    yield (good, *kernel, *more), {"dilations": (9, 1)}


@functools.cache
def _kernels():
    """Return the strategy of kernels with their options."""
    two, four = [st.integers(1, 3)] * 2, [st.integers(0, 2)] * 4
    return st.tuples(st.tuples(*two), st.fixed_dictionaries(
        {"strides": st.tuples(*two), "pads": st.tuples(*four), "dilations": st.tuples(*[st.integers(1, 2)] * 2)}))


@composite
def drawn_images(draw, kinds, elements=None):
    """Draw images, a kernel that lies on them, and options."""
    layout = draw(st.sampled_from(["nchw", "nhwc"]))
    n, c, rows, columns = (draw(st.integers(*ends)) for ends in ((0, 2), (0, 2), (1, 3), (1, 5)))
    kernel, options = that_fits((rows, columns), *draw(_kernels()))
    shape = (n, c, rows, columns) if layout == "nchw" else (n, rows, columns, c)
    kind = draw(st.sampled_from(kinds))
    elements = int8() if kind == np.int8 else draw(either(no_nan() if elements is None else elements))
    x = draw(array(kind, shape, elements))
    return x, kernel, {**options, "layout": layout}


def fits_rounded_up(x, kernel, options) -> bool:
    given = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "layout": "nchw", **options}
    layout = given.pop("layout")
    try:
        window_argument(x, layout, kernel, ceil=True, covered=True, **given)
    except RefcompressError:
        return False
    return True
