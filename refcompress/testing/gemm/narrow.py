"""The cases of float32 inputs by narrow weights: what the sweeps share, and the weights of each format.

All of them go through the same lengths: each k from 0 to 67; each m and n up to past two tiles; blocks of a blocked
kernel. Weights whose sums are exact come first, then hostile ones. A wrong kernel is the product with other weights.
"""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats import ELEMENT_TYPES, MX, MX_ELEMENTS, NF4, NVFP4, Packed, Plain, Quantized, Shared
from ...formats.floats import FLOATS
from ...reference.gemm.narrow import FP8
from ..quantize.integers import quantized
from ..values import FINITE, HOSTILE, LENGTHS, not_arrays, ordinary, other_dimensions, whole

_F = np.float32
FORMS = 6  # weights of each format have so many forms: kinds of scales, groups, types


def _sizes():
    """Yield (m, k, n)."""
    for length in LENGTHS:
        yield 3, length, 5
    for length in range(14):
        yield length, 7, 3
        yield 2, 19, length


def sweep(weights: Callable, hostile: Callable):
    """Return the sweep of a product; ``weights`` makes (n, k) of a form, ``hostile`` yields extreme ones."""

    def calls():
        rng = np.random.default_rng(81)
        for i, (m, k, n) in enumerate(_sizes()):
            yield (whole(rng, (m, k)), weights(rng, n, k, i % FORMS)), {}
        for form in range(FORMS):
            yield (ordinary(rng, (3, 67)), weights(rng, 5, 67, form)), {}
            yield (rng.choice(HOSTILE, (2, 35)), weights(rng, 3, 35, form)), {}
            yield (rng.choice(FINITE[:-2], (3, 33)), weights(rng, 5, 33, form)), {}
        for i, w in enumerate(hostile(rng)):
            k = w.shape[1]
            x = whole(rng, (2, k))
            x[1, i % k] = HOSTILE[-1 - i % 3]  # only the second row may become special; a weight of 0 makes Inf a NaN
            yield (x, w), {}
            yield (np.full((1, k), _F(2.0**100)), w), {}
        for m, k, n in ((2, 1100, 3), (9, 70, 131), (67, 24, 9)):  # past a block of inputs, of rows and of threads
            yield (whole(rng, (m, k), 3), weights(rng, n, k, m % FORMS)), {}
            yield (ordinary(rng, (m, k)), weights(rng, n, k, k % FORMS)), {}

    return calls


def refusals(good, *others):
    """Return the refusals of a product that takes ``good``, (4, 3), and none of ``others``."""

    def calls():
        x = np.ones((2, 3), _F)
        for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x[:, :2].copy()):
            yield (bad, good), {}
        for bad in (None, x, good.dense(), *others):
            yield (x, bad), {}

    return calls


# What weights are made of.

def s4_weights(rng, n: int, k: int, form: int) -> Packed:
    """Return integers of 4 bits in the forms of ``quantized``; no value equals its zero point."""
    q = quantized(rng, n, k, form, high=7)
    zero_point = rng.integers(-8, 8, q.scale.shape).astype(np.int8) if form % 2 else np.zeros_like(q.zero_point)
    values = rng.integers(-8, 8, (n, k)).astype(np.int8)
    at = q.expand(zero_point)
    values = np.where(values == at, np.where(at > 0, np.int8(-8), np.int8(7)), values)
    return reference.quantize_pack(Quantized(values, q.scale, zero_point, q.group))


def s4_hostile(rng):
    """Yield scales at both ends of float32, and the largest differences there are."""
    for scale in (2.0**-126, 1 / 3, 3e38):
        values = np.tile(np.int8([-8, 7, 0, 1]), (3, 5))
        yield reference.quantize_pack(Quantized(values, np.full((3, 1), scale, _F), np.int8([[-8], [0], [7]])))
    each = np.arange(-8, 8, dtype=np.int8)[:, None]  # one product an output: what rounds more than once shows
    yield reference.quantize_pack(Quantized(each, np.full((16, 1), 1 / 3, _F), np.full((16, 1), 5, np.int8)))


def lut_weights(c: int) -> Callable:
    """Return what makes weights of codebooks of ``c`` values: one for all, one a row, or one a group."""

    def make(rng, n: int, k: int, form: int) -> Shared:
        group = (None, None, 16, 32, 5, 3)[form]
        books = (n, -(-k // group), c) if group else (c,) if form == 0 else (n, 1, c)
        size = c if form % 2 == 0 else c - 1  # not all of a table used
        codes = rng.integers(0, size, (n, k)).astype(np.uint8)
        return Shared(codes, whole(rng, (*books[:-1], size), 99), group)

    return make


def lut_hostile(c: int) -> Callable:
    """Return what yields codebooks of extreme values, and a pruned one."""

    def make(rng):
        codes = rng.integers(0, c, (3, 37)).astype(np.uint8)
        yield Shared(codes, np.resize(FINITE, c))
        yield Shared(codes, np.resize(FINITE[::-1], (3, 3, c)), 16)
        yield Shared(codes, np.append(_F(0), whole(rng, c - 1)))
        yield Shared(np.full((3, 37), c - 1, np.uint8), whole(rng, (3, 1, c)))

    return make


def plain_weights(*types: str) -> Callable:
    """Return what makes weights of these types of float, in turn, all of them small whole numbers."""

    def make(rng, n: int, k: int, form: int) -> Plain:
        name = types[form % len(types)]
        a = whole(rng, (n, k))
        if name in FLOATS:
            return Plain(reference.floats_encode(a, name), name)
        every = Plain(np.arange(256, dtype=np.uint8), name).dense()
        order = np.argsort(np.nan_to_num(every, nan=np.inf), kind="stable")
        return Plain(order[np.searchsorted(every[order], a)].astype(np.uint8), name)

    return make


def plain_hostile(*types: str) -> Callable:
    """Return what yields zeros, subnormals, one special pattern an output, and any patterns, of these types."""

    def make(rng):
        for name in types:
            pattern = ELEMENT_TYPES[name].pattern
            every = np.arange(2 ** ELEMENT_TYPES[name].bits, dtype=pattern)
            values = ELEMENT_TYPES[name].values(every).astype(_F)
            small = every[np.isin(values, (-1, 0, 1))]
            yield Plain(np.concatenate([np.zeros((1, 18), pattern), rng.choice(small, (3, 18))]), name)
            fraction = {"float16": 10, "bfloat16": 7}.get(name, 3 if "e4m3" in name else 2)
            yield Plain(rng.integers(1, 2**fraction, (3, 20)).astype(pattern), name)
            some = rng.choice(every[np.isfinite(values)], (5, 20))
            some[np.arange(5), np.arange(5)] = rng.choice(every[~np.isfinite(values)], 5)
            yield Plain(some, name)
            yield Plain(rng.choice(every, (40, 3)), name)

    return make


def mx_weights(rng, n: int, k: int, form: int) -> MX:
    """Return blocks of each of the six types of elements."""
    a = whole(rng, (n, k)) * np.ldexp(_F(1), rng.integers(-3, 4, (n, 1)))
    return reference.floats_mx_encode(a.astype(_F), list(MX_ELEMENTS)[form])


def mx_hostile(rng):
    """Yield any codes, with scales at both ends and NaN."""
    for name, element in MX_ELEMENTS.items():
        low, high = (-128, 128) if element is None else (0, 2**element.bits)
        codes = rng.integers(low, high, (5, 40)).astype(np.int8 if element is None else np.uint8)
        yield MX(codes, np.uint8([[0, 127], [1, 254], [255, 120], [3, 255], [253, 0]]), name)


def nf4_weights(rng, n: int, k: int, form: int) -> NF4:
    """Return blocks of several lengths, without the level 0."""
    block = (64, 32, 16, 1, 7, 256)[form]
    codes = rng.integers(0, 15, (n, k))
    scales = rng.uniform(0.5, 2, (n, -(-k // block))).astype(_F)
    return NF4((codes + (codes >= 7)).astype(np.uint8), scales, block)


def nf4_hostile(rng):
    """Yield scales at both ends."""
    for scale in (1e-45, 2.0**-126, 3.4e38):
        yield NF4(np.tile(np.arange(16, dtype=np.uint8), (2, 2)), np.full((2, 1), scale, _F))


def nvfp4_weights(rng, n: int, k: int, form: int) -> NVFP4:
    """Return blocks with scales that are whole numbers, without elements of 0."""
    codes = rng.integers(1, 8, (n, k)) + 8 * rng.integers(0, 2, (n, k))
    scales = reference.floats_encode(whole(rng, (n, -(-k // 16)), dtype=np.uint8).astype(_F), "fp8_e4m3")
    return NVFP4(codes.astype(np.uint8), scales, _F(2.0 ** (form - 2)))


def nvfp4_hostile(rng):
    """Yield any codes, with all scales, under tensor scales at both ends."""
    for of_all in (1e-45, 2.0**-120, 1 / 3, 3.4e38):
        codes = rng.integers(0, 16, (5, 40)).astype(np.uint8)
        yield NVFP4(codes, np.append(np.uint8([0, 1, 7, 8, 126]), rng.integers(0, 127, 10)).reshape(5, 3).astype("u1"),
                    _F(of_all))
    yield NVFP4(np.tile(np.arange(16, dtype=np.uint8), (127, 1)), np.arange(127, dtype=np.uint8)[:, None], _F(0.1))


PLAIN = {"gemm_f32f16": ("float16",), "gemm_f32bf16": ("bfloat16",), "gemm_f32fp8": FP8}
