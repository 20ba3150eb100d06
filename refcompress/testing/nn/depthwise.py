"""The cases of the depthwise convolution."""

from typing import Any

import numpy as np

from ... import reference
from ..cases import Cases
from ..draws import array, composite, either, finite, st
from ..sums import in_sequence
from ..values import not_arrays, ordinary, other_dimensions, whole
from .images import KERNELS, drawn_images, every_size, hostile, refusals_of_windows, with_options

_F = np.float32

CASES: dict[str, Cases] = {}


# nn_depthwise_f32

def _kernels_for(rng, x, kernel, options, make, several: int = 1) -> np.ndarray:
    c = x.shape[3 if options.get("layout") == "nhwc" else 1]
    return make(rng, (c * several, 1, *kernel))


def nn_depthwise_f32_sweep():
    rng = np.random.default_rng(78)
    for i, (x, kernel, options) in enumerate(every_size(rng, whole)):
        weight = _kernels_for(rng, x, kernel, options, whole, 2 if i % 11 == 5 else 1)
        yield (x, weight, whole(rng, len(weight))) if i % 3 else (x, weight), options
    for i, (kernel, options) in enumerate(KERNELS):
        options = {**options, "layout": ("nchw", "nhwc")[i // 2 % 2]}
        x, make = (ordinary(rng, (1, 18, 5, 18)), ordinary) if i % 2 else (hostile(rng, (1, 18, 5, 18)), hostile)
        weight = _kernels_for(rng, x, kernel, options, make)
        yield (x, weight, make(rng, len(weight))), options


def nn_depthwise_f32_refusals():
    x, weight = np.ones((1, 2, 3, 4), _F), np.ones((2, 1, 2, 2), _F)
    yield from refusals_of_windows(x, weight, cells=False)
    for bad in (*not_arrays(weight), *other_dimensions(weight), weight[:1], weight[:0], np.ones((2, 2, 2, 2), _F),
                np.ones((3, 1, 2, 2), _F), weight[:, :, :0], weight[..., :0], np.ones((2, 1, 4, 1), _F)):
        yield (x, bad), {}
    for bad in (*list(not_arrays(np.ones(2, _F)))[1:], np.ones(3, _F), np.ones((2, 1), _F)):
        yield (x, weight, bad), {}
    yield (x[:, :0], weight), {}


@composite
def nn_depthwise_f32_strategy(draw):
    x, kernel, options = draw(drawn_images([_F], finite()))
    c = x.shape[3 if options["layout"] == "nhwc" else 1]
    several = draw(st.integers(1, 2))
    weight = draw(array(_F, (c * several, 1, *kernel), draw(either(finite()))))
    bias = draw(st.one_of(st.none(), array(_F, (c * several,), draw(either(finite())))))
    return (x, weight, bias), options


def _by_sums(total):
    """Return a kernel of its own that adds up the products and the bias of each output by ``total``."""
    def nn_depthwise_f32(x, weight, bias=None, **options) -> Any:
        last = options.get("layout") == "nhwc"
        c = x.shape[3 if last else 1]
        right = reference.nn_depthwise_f32(x, weight, bias, **options)
        if not right.size:
            return right
        patches = reference.nn_patches(x, weight.shape[2:], **options)
        cells = patches.reshape(len(patches), *((-1, c) if last else (c, -1)))
        cells = cells if last else cells.transpose(0, 2, 1)  # (places, h w, c)
        taps = weight.reshape(c, len(weight) // c, -1).transpose(2, 0, 1)
        with np.errstate(all="ignore"):
            y = total((cells.transpose(1, 0, 2)[..., None] * taps[:, None]).reshape(taps.shape[0], -1))
            y = y.reshape(len(x), -1, len(weight))
            y = y if bias is None else y + bias
        return (y if last else y.transpose(0, 2, 1)).reshape(right.shape).astype(_F)
    return nn_depthwise_f32


def _pads_swapped(options):
    top, left, bottom, right = options.get("pads", (0, 0, 0, 0))
    return {**options, "pads": (bottom, right, top, left)}


def _turned(x, weight, bias=None, **options):
    return reference.nn_depthwise_f32(x, weight[:, :, ::-1, ::-1].copy(), bias, **options)


CASES["nn_depthwise_f32"] = Cases(
    nn_depthwise_f32_sweep, nn_depthwise_f32_refusals, nn_depthwise_f32_strategy,
    wrong={
        "kernels turned": _turned,
        "bias forgotten": lambda x, weight, bias=None, **options: reference.nn_depthwise_f32(x, weight, **options),
        "the last product lost": _by_sums(lambda terms: in_sequence(terms[: max(1, len(terms) - 1)])),
        "pads at the wrong end": with_options("nn_depthwise_f32", _pads_swapped),
    },
)
