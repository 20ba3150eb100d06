"""Edges of what lies between products: long rows, wide and high images, many channels, each option at its ends."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ...reference.nn.activation import FUNCTIONS
from ..cases import Call, Calls
from ..nn.images import integers as any_integers
from ..nn.integer_images import _depthwise
from ..nn.integers import _SCALES, integers
from ..values import ordinary, whole
from .lengths import LONG, MANY, all_bits, at_lengths, half_zero, with_one

_F = np.float32


# Rows.

def _activation(rng, i, m, k) -> Call:
    return ((rng.standard_normal((m, k)) * (1, 5, 30, 1e-3)[i % 4]).astype(_F), list(FUNCTIONS)[i % len(FUNCTIONS)]), {}


def _activation_edges():
    exponents = np.ldexp(1.0, np.arange(-149, 128))
    x = np.concatenate([exponents, 1.5 * exponents[23:-1], np.linspace(-110, 110, 441)]).astype(_F)
    for name in FUNCTIONS:
        yield (np.concatenate([x, -x]), name), {}
        for shape in ((), (1, 1), (2, 3, 4), (2, 1, 3, 2)):
            yield (ordinary(np.random.default_rng(1), shape), name), {}


def _softmax(rng, i, m, k) -> Call:
    return ((rng.standard_normal((m, k)) * (1, 10, 1e-3)[i % 3]).astype(_F),), {}


def _softmax_edges():
    rng = np.random.default_rng(2)
    for k in (1, 2, 31, 32, 33, 64, 100, 300):
        yield (with_one(rng, ordinary(rng, (3, k)), np.inf),), {}
        yield (with_one(rng, ordinary(rng, (3, k)), -np.inf),), {}
        yield (half_zero(rng, ordinary(rng, (3, k)) * _F(30)),), {}
        yield (ordinary(rng, (3, k)) + _F(1e6),), {}
        yield (np.where(np.arange(k) == k - 1, _F(0), _F(-95)) * np.ones((2, 1), _F),), {}  # subnormal results
    for block in (1, 4, 8, 16, 32, 64, 128, 256):  # a first, a middle or a last block that is masked
        for first in (0, block, 2 * block):
            x = ordinary(rng, (2, 3 * block))
            x[1, first : first + block] = -np.inf
            yield (x,), {}
    for shape in ((5,), (2, 3, 4), (2, 3, 4, 5)):
        yield (ordinary(rng, shape),), {}


def _norm(bias: bool, rng, i, m, k) -> Call:
    x = ordinary(rng, (m, k)) + _F((0, 100, -3)[i % 3])
    more = (ordinary(rng, k), ordinary(rng, k)) if bias else (ordinary(rng, k),)
    return (x, *more[: i % 3]), {"epsilon": (1e-5, 0.0, 1.0)[i % 3 if m < 4 and k > 1 else 0]}


def _norm_edges(bias: bool) -> Calls:
    rng = np.random.default_rng(3)
    for k in (1, 2, 31, 32, 33, 64, 100, 300):
        w, b = ordinary(rng, k), ordinary(rng, k)
        for x in (ordinary(rng, (3, k)), np.ldexp(ordinary(rng, (2, k)), -130).astype(_F), all_bits(rng, (2, k)),
                  np.ldexp(ordinary(rng, (2, k)), 100).astype(_F), half_zero(rng, ordinary(rng, (3, k))),
                  with_one(rng, ordinary(rng, (3, k)), np.inf), np.full((2, k), 7, _F), np.zeros((2, k), _F)):
            for epsilon in (1e-5, 0.0, 1e-300, 1.0):
                yield (x, w, *([b] if bias else [])), {"epsilon": epsilon}
        yield (ordinary(rng, (3, k)), with_one(rng, w, np.inf)), {}
    for shape in ((5,), (2, 3, 5), (2, 3, 4, 5)):
        yield (ordinary(rng, shape), ordinary(rng, 5)), {}


# Images.

WINDOWS: tuple[tuple[tuple[int, int], dict], ...] = (
    ((1, 1), {}), ((3, 3), {"pads": (1, 1, 1, 1)}), ((2, 2), {"strides": (2, 2)}),
    ((3, 3), {"pads": (2, 2, 2, 2), "dilations": (2, 2)}), ((1, 3), {"pads": (0, 1, 0, 1)}),
    ((3, 1), {"strides": (1, 2)}),
    ((2, 3), {"strides": (3, 1), "pads": (1, 2, 0, 1), "dilations": (1, 2)}))


def _image(rng, i, shape, dtype) -> np.ndarray:
    return any_integers(rng, shape) if dtype == np.int8 else ordinary(rng, shape)


def _windows(op: str, both: bool, more: Callable[[int], dict], rng, i, c, h, w) -> Call | None:
    """Images with many channels, rows or columns, in both layouts; the kernels in turn."""
    kernel, options = WINDOWS[i % len(WINDOWS)]
    layout = ("nchw", "nhwc")[i // 2 % 2]
    shape = (1, c, h, w) if layout == "nchw" else (1, h, w, c)
    x = _image(rng, i, shape, np.int8 if both and i % 2 else _F)
    return (x, kernel), {**options, "layout": layout, **more(i)}


def _pool_options(op: str, both: bool) -> Calls:
    """Each option at each value, with the others in turn: sizes that ceil rounds up, pads on each side alone."""
    rng = np.random.default_rng(4)
    flags: tuple[dict, ...] = ({},)
    if op == "nn_max_pool":
        flags = ({"ceil": False}, {"ceil": True})
    elif op == "nn_average_pool":
        flags = tuple({"ceil": c, "count_include_pad": p} for c in (False, True) for p in (False, True))
    elif op == "nn_patches":
        flags = tuple({"fill": fill} for fill in (0, 3, -3.0))
    options: list[dict] = [{"pads": tuple(int(side == at) for side in range(4))} for at in range(4)]
    options += [{"strides": (s, t)} for s in (1, 2, 3) for t in (1, 2, 4)]
    options += [{"dilations": (d, e)} for d in (1, 2) for e in (1, 2, 3)]
    options += [{"strides": (2, 2), "pads": (1, 0, 0, 1)}, {"strides": (3, 3), "pads": (1, 1, 1, 1)}]
    for layout in ("nchw", "nhwc"):
        for i, one in enumerate(options):
            shape = (2, 3, 6, 7) if layout == "nchw" else (2, 6, 7, 3)
            for flag in flags:
                x = _image(rng, i, shape, np.int8 if both and i % 2 else _F)
                yield (x, (2, 2)), {**one, **flag, "layout": layout}
    for size in ((6, 7), (1, 7), (6, 1)):  # a kernel as large as the image
        yield (_image(rng, 0, (2, 3, 6, 7), _F), size), {}


def _pool_infinities(op: str, layout: str) -> Calls:
    """One infinity, or two of unlike signs, at the corners and inside: what is outside of a window is no part of it.

    Sums that run along with the window keep an infinity, as NaN, behind it; padding times a zero does so too.
    """
    rng = np.random.default_rng(8)
    for i, (kernel, options) in enumerate((*WINDOWS, ((2, 2), {"pads": (1, 1, 1, 1)}))):
        for h, w in ((6, 7), (5, 40), (33, 4)):
            x = ordinary(rng, (2, 3, h, w))
            for places in ({(0, 0): np.inf}, {(h // 2, w // 2): -np.inf}, {(0, w - 1): np.inf, (h - 1, 0): -np.inf},
                           {(h - 1, w - 1): np.nan}, {(1, 1): 3e38, (1, 2): 3e38, (2, 1): -3e38}):
                image = x.copy()
                for at, value in places.items():
                    image[(0, i % 3, *at)] = value
                if layout == "nhwc":
                    image = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
                yield (image, kernel), {**options, "layout": layout}
                if op == "nn_average_pool" and "pads" in options:
                    yield (image, kernel), {**options, "layout": layout, "count_include_pad": True}


def fitting(op: str, calls: Callable[[], Calls]) -> Callable[[], Calls]:
    """Return the calls that the reference takes."""
    from ... import reference
    from ...errors import RefcompressError

    def fitting() -> Calls:
        for args, kwargs in calls():
            try:
                with np.errstate(all="ignore"):
                    getattr(reference, op)(*args, **kwargs)
            except RefcompressError:
                continue
            yield args, kwargs
    return fitting


_SIZES = (*LONG[:18:1],)


def _pools(op: str, both: bool, more: Callable[[int], dict] = lambda i: {}) -> tuple[Callable[[], Calls], ...]:
    return (fitting(op, partial(_pool_options, op, both)),
            *(fitting(op, partial(_pool_infinities, op, layout)) for layout in ("nchw", "nhwc")),
            fitting(op, at_lengths(partial(_windows, op, both, more), 2, 3, 4, lengths=_SIZES, most=16_385)),
            fitting(op, at_lengths(partial(_windows, op, both, more), 3, 3, 3, lengths=(16_385,), most=16_385)))


def _depthwise_f32(rng, i, c, h, w) -> Call:
    kernel, options = WINDOWS[i % len(WINDOWS)]
    layout = ("nchw", "nhwc")[i // 2 % 2]
    shape = (1, c, h, w) if layout == "nchw" else (1, h, w, c)
    several = 2 if i % 5 == 3 else 1
    weight = (rng.choice([-1, 1], (c * several, 1, *kernel)).astype(_F) if i % 2 else
              whole(rng, (c * several, 1, *kernel), 7))
    x = np.zeros(shape, _F) if i % 2 else whole(rng, shape, 9)
    if i % 2:  # one number of all bits in each image: no sum rounds it
        at = (0, slice(None), h // 2, w // 2) if layout == "nchw" else (0, h // 2, w // 2)
        x[at] = all_bits(rng, c, 23)
    return (x, weight, *([np.zeros(c * several, _F)] if i % 3 == 0 else [])), {**options, "layout": layout}


def _depthwise_edges():
    rng = np.random.default_rng(5)
    for layout in ("nchw", "nhwc"):
        for c in (1, 2, 15, 16, 17, 32, 33, 64, 100):
            shape = (1, c, 5, 6) if layout == "nchw" else (1, 5, 6, c)
            weight = whole(rng, (c, 1, 3, 3))
            yield (half_zero(rng, whole(rng, shape)), with_one(rng, weight, np.inf)), {"layout": layout}
            yield (with_one(rng, whole(rng, shape), -np.inf), half_zero(rng, weight)), {"layout": layout}
            for options in ({"pads": (1, 2, 0, 1)}, {"strides": (2, 3)}, {"dilations": (2, 1)}):
                for image, kernel in ((with_one(rng, whole(rng, shape), np.inf), weight),
                                      (whole(rng, shape), with_one(rng, weight, -np.inf))):
                    yield (image, kernel), {**options, "layout": layout}
            yield (np.ldexp(whole(rng, shape), -70).astype(_F), np.ldexp(weight, -70).astype(_F)), {"layout": layout}
            yield (np.ldexp(whole(rng, shape), -149).astype(_F), weight), {"layout": layout, "pads": (1, 1, 1, 1)}
            yield (np.zeros(shape, _F), weight, np.ldexp(whole(rng, c), -145).astype(_F)), {"layout": layout}


def _depthwise_s8(rng, i, c, h, w) -> Call:
    kernel, options = WINDOWS[i % len(WINDOWS)]
    return (integers(rng, 1, h, w, c), *_depthwise(rng, c, *kernel)), {
        **options, "x_zero_point": (0, -128, 127, 5)[i % 4], "zero_point": (0, 127, -128, -5)[i % 4]}


def _depthwise_s8_edges():
    """The largest sums, kernels of many cells, each option at both ends."""
    rng = np.random.default_rng(6)
    for c in (1, 3, 16, 33):
        for zero in (-128, 0, 127):
            for fill in (-128, 127):
                x, weight = np.full((1, 9, 20, c), fill, np.int8), np.full((c, 9, 15), -128, np.int8)
                yield (x, weight, np.zeros(c, np.int32), np.full(c, 2**31 - 1, np.int32), np.full(c, 16, np.int32)), {
                    "x_zero_point": zero}
        layer = _depthwise(rng, c)
        for lowest, highest in ((-128, 127), (0, 0), (-128, -128), (127, 127), (-3, 5)):
            zero_point = min(max(0, lowest), highest)
            yield (integers(rng, 1, 5, 6, c), *layer), {"lowest": lowest, "highest": highest, "zero_point": zero_point}


def _average_s8(rng, i, c, h, w) -> Call:
    return (integers(rng, 1, h, w, c), 0.5 if i % 2 else 1 / 3, 0.375), {
        "kernel": (min(h, 3), min(w, 2)), "x_zero_point": (0, -128, 127)[i % 3], "count_include_pad": bool(i % 2),
        "pads": (0, 1, 0, 0) if w > 1 else (0, 0, 0, 0)}


def _average_s8_ties():
    """Means next to halves: every sum of four values, by scales that are no powers of two."""
    every = np.arange(-128, 128).astype(np.int8)
    x = np.stack([every, np.roll(every, 1), np.roll(every, 7), every[::-1]]).reshape(1, 2, 2, 256)
    for scale, y_scale in ((1.0, 1.0), (0.3, 0.1), (1 / 3, 1 / 3), (0.7, 0.9), (3.0, 2.0)):
        for zero in (-128, 0, 3, 127):
            yield (x, scale, y_scale), {"kernel": (2, 2), "x_zero_point": zero, "zero_point": -zero - 1}
            yield (x, scale, y_scale), {"kernel": (2, 2), "pads": (1, 1, 1, 1), "count_include_pad": zero == 3,
                                        "lowest": -100, "highest": 100, "zero_point": 0}


def _two(scales, rng, i, m, k) -> Call:
    a, b = integers(rng, m, k), integers(rng, *((m, k), (1, k), (m, 1), (k,))[i % 4])
    return (a, b, *scales[i % 3]), {"zero_point": i % 5 - 2}


def _two_options(scales) -> Calls:
    every = np.arange(-128, 128).astype(np.int8)
    a, b = np.repeat(every[::3], 86), np.tile(every[::3], 86)
    for zeros in ((-128, 0, 0), (0, -128, 0), (127, 127, 127), (0, 0, -128), (5, -7, 11)):
        some = dict(zip(("a_zero_point", "b_zero_point", "zero_point"), zeros))
        for each in scales[:3]:
            yield (a, b, *each), some
    for lowest, highest in ((0, 0), (-128, 127), (-1, 1), (127, 127)):
        yield (a, b, *scales[0]), {"lowest": lowest, "highest": highest, "zero_point": min(max(0, lowest), highest)}
    for shape, other in (((2, 3, 4, 5), (4, 5)), ((2, 3, 4), (1, 3, 1)), ((), (2, 3)), ((3,), ())):
        rng = np.random.default_rng(7)
        yield (integers(rng, *shape), integers(rng, *other), *scales[0]), {}


def _lookup(rng, i, m, k) -> Call:
    return (integers(rng, m, k), rng.permutation(256).astype(np.uint8).view(np.int8)), {}


_MANY_CHANNELS = at_lengths(lambda rng, i, c: _depthwise_f32(rng, i, c, 3, 3), 3, lengths=MANY, most=32_768)
_S8_SIZES = {"lengths": _SIZES, "most": 16_385}

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "nn_activation": (_activation_edges, at_lengths(_activation, 2, 3)),
    "nn_softmax": (_softmax_edges, at_lengths(_softmax, 2, 3)),
    "nn_layer_norm": (partial(_norm_edges, True), at_lengths(partial(_norm, True), 2, 3)),
    "nn_rms_norm": (partial(_norm_edges, False), at_lengths(partial(_norm, False), 2, 3)),
    "nn_patches": _pools("nn_patches", True),
    "nn_max_pool": _pools("nn_max_pool", True, lambda i: {"ceil": i % 3 == 1}),
    "nn_average_pool": _pools("nn_average_pool", False, lambda i: {"ceil": i % 3 == 1, "count_include_pad": i % 4 > 1}),
    "nn_depthwise_f32": (_depthwise_edges, fitting("nn_depthwise_f32", at_lengths(
        _depthwise_f32, 2, 3, 4, lengths=_SIZES, most=16_385, kinds=2)), fitting("nn_depthwise_f32", _MANY_CHANNELS)),
    "nn_depthwise_s8": (_depthwise_s8_edges, fitting("nn_depthwise_s8", at_lengths(
        _depthwise_s8, 2, 3, 4, lengths=_SIZES, most=16_385))),
    "nn_average_pool_s8": (_average_s8_ties, fitting("nn_average_pool_s8", at_lengths(
        _average_s8, 2, 3, 4, lengths=_SIZES, most=16_385))),
    "nn_add_s8": (partial(_two_options, _SCALES), at_lengths(partial(_two, _SCALES), 3, 5)),
    "nn_multiply_s8": (partial(_two_options, _SCALES), at_lengths(partial(_two, _SCALES), 3, 5)),
    "nn_lookup_s8": (at_lengths(_lookup, 3, 5),),
}
