"""Windows in images: strides, dilations, pads of each side and sizes that fit them or do not, all of them together.

A kernel of windows has a fast way for the inside, and others at each side: which one it takes depends on all of these.
TensorFlow's "SAME" gives pads to the right and below alone, where the size is even and the stride is 2.
"""

from collections.abc import Callable
from itertools import product

import numpy as np

from ..cases import Call, Calls
from ..nn.integer_images import _depthwise
from ..nn.integers import integers
from ..values import whole
from .nn import fitting

KERNELS = ((3, 3), (2, 2), (1, 3), (5, 5))
STRIDES = ((2, 2), (1, 1), (3, 2), (1, 2))
PADS = ((0, 0, 1, 1), (1, 1, 0, 0), (1, 1, 1, 1), (0, 0, 0, 1), (0, 1, 1, 0), (0, 0, 0, 0))
SIZES = ((6, 6), (5, 7), (6, 7), (7, 6), (4, 9), (8, 5))


def _each() -> list[tuple[tuple[int, int], dict, tuple[int, int]]]:
    """Return a kernel, options and a size: of 3 by 3 all of them, of the others each one in turn."""
    found = []
    for kernel, strides, pads in product(KERNELS, STRIDES, PADS):
        for i, size in enumerate(SIZES):
            if kernel == (3, 3) and strides != (3, 2) or (i + sum(pads) + sum(strides)) % len(SIZES) == 0:
                dilations = (2, 2) if i % 3 == 2 and kernel != (5, 5) else (1, 1)
                found.append((kernel, {"strides": strides, "pads": pads, "dilations": dilations}, size))
    return found


def _calls(op: str, make: Callable[..., Call]) -> tuple[Callable[[], Calls]]:
    def calls() -> Calls:
        rng = np.random.default_rng(3)
        for i, (kernel, options, size) in enumerate(_each()):
            yield make(rng, i, kernel, dict(options), size)
    return (fitting(op, calls),)


def _shape(i: int, size: tuple[int, int]) -> tuple[tuple[int, ...], dict]:
    return ((1, 3, *size), {"layout": "nchw"}) if i % 2 else ((1, *size, 3), {"layout": "nhwc"})


def _pool(rng, i, kernel, options, size) -> Call:
    shape, layout = _shape(i, size)
    return (whole(rng, shape), kernel), {**options, **layout}


def _depthwise_f32(rng, i, kernel, options, size) -> Call:
    shape, layout = _shape(i, size)
    return (whole(rng, shape), whole(rng, (3, 1, *kernel))), {**options, **layout}


def _depthwise_s8(rng, i, kernel, options, size) -> Call:
    return (integers(rng, 1, *size, 3), *_depthwise(rng, 3, *kernel)), {**options, "x_zero_point": (0, 5, -128)[i % 3]}


def _average_s8(rng, i, kernel, options, size) -> Call:
    del options["dilations"]  # which it does not have
    return (integers(rng, 1, *size, 3), 1.0, 0.5), {"kernel": kernel, **options, "count_include_pad": i % 2 == 0,
                                                    "x_zero_point": (0, 5, -128)[i % 3]}


EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "nn_depthwise_f32": _calls("nn_depthwise_f32", _depthwise_f32),
    "nn_depthwise_s8": _calls("nn_depthwise_s8", _depthwise_s8),
    "nn_average_pool": _calls("nn_average_pool", _pool),
    "nn_average_pool_s8": _calls("nn_average_pool_s8", _average_s8),
    "nn_max_pool": _calls("nn_max_pool", _pool),
    "nn_patches": _calls("nn_patches", _pool),
}
