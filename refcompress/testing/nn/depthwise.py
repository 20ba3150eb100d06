"""The cases of the depthwise convolution."""


import numpy as np

from ..cases import Cases
from ..draws import array, composite, either, finite, st
from ..values import not_arrays, ordinary, other_dimensions, whole
from .images import KERNELS, drawn_images, every_size, hostile, refusals_of_windows

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


CASES["nn_depthwise_f32"] = Cases(nn_depthwise_f32_sweep, nn_depthwise_f32_refusals, nn_depthwise_f32_strategy)
