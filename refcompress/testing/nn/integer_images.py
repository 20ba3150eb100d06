"""The cases of integer images: fills, strides, pads, every remainder of 64 channels."""

import numpy as np

from ..cases import Cases
from ..draws import array, composite, int8, st
from ..values import LENGTHS, not_arrays, other_dimensions, whole
from .integers import integers

CASES: dict[str, Cases] = {}


# nn_depthwise_s8

def _depthwise(rng, c, h=3, w=3, low=10, high=14):
    return (integers(rng, c, h, w), rng.integers(-2000, 2001, c).astype(np.int32),
            rng.integers(2**30, 2**31, c).astype(np.int32), rng.integers(low, high, c).astype(np.int32))


def nn_depthwise_s8_sweep():
    rng = np.random.default_rng(63)
    for c in LENGTHS:
        yield (integers(rng, 1, 4, 5, c), *_depthwise(rng, c)), {
            "pads": (1, 1, 1, 1), "x_zero_point": c - 30, "zero_point": 30 - c}
    for h, w in ((1, 1), (2, 3), (4, 1), (5, 5), (7, 3), (9, 2), (1, 70)):
        for strides in ((1, 1), (2, 2), (3, 1)):
            yield (integers(rng, 2, 9, 71, 3), *_depthwise(rng, 3, h, w)), {
                "strides": strides, "pads": (h // 2, 0, 1, w // 2), "x_zero_point": 5, "lowest": 0, "highest": 90}
    for dilations in ((2, 1), (1, 3), (2, 40)):
        yield (integers(rng, 1, 7, 90, 5), *_depthwise(rng, 5)), {"dilations": dilations, "x_zero_point": -128}
    yield (integers(rng, 1, 3, 3, 2), *_depthwise(rng, 2)), {"pads": (70, 3, 2, 80), "x_zero_point": 127}
    yield (integers(rng, 1, 5, 3, 66), *_depthwise(rng, 66, low=14, high=32)), {}
    yield (integers(rng, 1, 5, 3, 66), *_depthwise(rng, 66, low=-3, high=3)), {"zero_point": 3}
    yield (integers(rng, 2, 30, 140, 130), *_depthwise(rng, 130)), {"pads": (1, 1, 1, 1), "strides": (2, 2)}
    ties = np.int32([0] * 20), np.int32([2**30] * 20), np.int32([0] * 20)
    yield (whole(rng, (1, 4, 4, 20), 3, np.int8), whole(rng, (20, 2, 2), 3, np.int8), *ties), {"zero_point": 1}


def nn_depthwise_s8_refusals():
    rng = np.random.default_rng(64)
    x, layer = integers(rng, 1, 4, 4, 2), _depthwise(rng, 2)
    for bad in (*not_arrays(x), *other_dimensions(x), x[..., :1], x[:, :2]):
        yield (bad, *layer), {}
    for bad in (*not_arrays(layer[0]), *other_dimensions(layer[0]), layer[0][:, :0]):
        yield (x, bad, *layer[1:]), {}
    for i in (1, 2, 3):
        for bad in (None, 3, np.int64([1, 1]), np.int32([1]), np.int32([-(2**31), 0])):
            yield (x, *layer[:i], bad, *layer[i + 1 :]), {}
    for kwargs in ({"strides": (0, 1)}, {"strides": 1}, {"strides": (1, 1, 1)}, {"pads": (0, 0, 0, -1)},
                   {"pads": (1, 1)}, {"dilations": (1, 4)}, {"dilations": (1.0, 1)}, {"x_zero_point": 128},
                   {"zero_point": -129}, {"lowest": 1}, {"pads": (0, 0, 0, 2**21)}):
        yield (x, *layer), kwargs


@composite
def nn_depthwise_s8_strategy(draw):
    c, h, w = draw(st.integers(0, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    x = draw(array(np.int8, (draw(st.integers(0, 2)), draw(st.integers(h, 9)), draw(st.integers(w, 9)), c), int8()))
    layer = (draw(array(np.int8, (c, h, w), int8())), draw(array(np.int32, c, st.integers(-(2**30), 2**30))),
             draw(array(np.int32, c, st.integers(0, 2**31 - 1))), draw(array(np.int32, c, st.integers(-30, 31))))
    pads, strides = st.tuples(*[st.integers(0, 3)] * 4), st.tuples(*[st.integers(1, 3)] * 2)
    return (x, *layer), {"pads": draw(pads), "strides": draw(strides), "x_zero_point": draw(int8()),
                         "zero_point": draw(int8())}


CASES["nn_depthwise_s8"] = Cases(nn_depthwise_s8_sweep, nn_depthwise_s8_refusals, nn_depthwise_s8_strategy)


# nn_average_pool_s8

def nn_average_pool_s8_sweep():
    rng = np.random.default_rng(65)
    for c in LENGTHS:
        if c % 2:
            yield (integers(rng, 1, 3, 5, c), 0.5, 0.375), {"kernel": (3, 2), "x_zero_point": c - 30, "zero_point": 5}
        else:
            yield (integers(rng, 1, 7, 7, c), 1 / 3, 0.3), {"kernel": (7, 7)}
    for include in (False, True):
        for strides in ((1, 1), (2, 3)):
            yield (integers(rng, 2, 6, 7, 3), 1.0, 1.0), {
                "kernel": (3, 4), "strides": strides, "pads": (1, 2, 2, 3), "count_include_pad": include,
                "x_zero_point": 9, "zero_point": -3, "lowest": -100, "highest": 100}
    # Sums that are too large for double at this scale.
    yield (np.full((1, 129, 130, 2), -128, np.int8), 0.4, 1.0), {"kernel": (129, 130), "x_zero_point": 127}
    yield (np.full((1, 64, 64, 2), 127, np.int8), 1000.0, 1.0), {"kernel": (64, 64), "x_zero_point": -128}
    yield (integers(rng, 1, 2, 2, 70), 2.0**20, 1.0), {"kernel": (1, 1)}
    yield (integers(rng, 1, 2, 2, 70), 2.0**-20, 1.0), {"kernel": (1, 1)}


def nn_average_pool_s8_refusals():
    x = np.ones((1, 4, 4, 2), np.int8)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :1]):
        yield (bad, 1.0, 1.0), {"kernel": (2, 2)}
    for bad in (0.0, -1.0, np.nan, np.inf, None, "text", True, 1e-40):
        yield (x, bad, 1.0), {"kernel": (2, 2)}
        yield (x, 1.0, bad), {"kernel": (2, 2)}
    yield (x, 2.0**33, 1.0), {"kernel": (2, 2)}
    yield (x, 1.0, 2.0**33), {"kernel": (2, 2)}
    for kwargs in ({"kernel": (0, 2)}, {"kernel": 2}, {"kernel": (2, 2), "pads": (2, 0, 0, 0)},
                   {"kernel": (2, 2), "strides": (0, 1)}, {"kernel": (2, 2), "count_include_pad": 1},
                   {"kernel": (2, 2), "zero_point": 128}, {"kernel": (5, 2)}, {"kernel": (2**9, 2**8)}):
        yield (x, 1.0, 1.0), kwargs


@composite
def nn_average_pool_s8_strategy(draw):
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    x = draw(array(np.int8, (draw(st.integers(0, 2)), draw(st.integers(4, 7)), draw(st.integers(4, 7)),
                             draw(st.integers(0, 9))), int8()))
    pads = tuple(draw(st.integers(0, k - 1)) for k in kernel * 2)
    scale = st.floats(2.0**-6, 2.0**6)
    return (x, draw(scale), draw(scale)), {"kernel": kernel, "pads": pads, "count_include_pad": draw(st.booleans()),
                                           "x_zero_point": draw(int8()), "zero_point": draw(int8())}


CASES["nn_average_pool_s8"] = Cases(nn_average_pool_s8_sweep, nn_average_pool_s8_refusals, nn_average_pool_s8_strategy)
