"""Edges of the products: long rows, many rows and outputs, all bits of a float32, the largest sums."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import MX, NF4, NVFP4, Mixed, Packed, Plain, Quantized, Shared
from ..cases import Call, Calls
from ..gemm import narrow
from ..gemm.integers import _layer as layer
from ..gemm.mixed import mixed
from ..quantize.integers import quantized
from ..values import ordinary, whole, with_fields
from .lengths import all_bits, at_lengths, half_zero, one_in_each_row, with_one

_F, _S8 = np.float32, np.int8
WIDTHS = (32, 33, 48, 64, 100, 129, 300)


def _s8(rng, shape, dtype=_S8) -> np.ndarray:
    return whole(rng, shape, 255 if dtype == np.uint8 else 127, dtype)


# Integers.

def _s8s8(rng, i, m, k, n, dtype=_S8) -> Call:
    if i % 2:  # the largest sums there are
        low, top = np.iinfo(dtype).min or np.iinfo(dtype).max, np.iinfo(dtype).max
        return (np.full((m, k), low, dtype), np.full((n, k), -128, _S8)) if i % 4 == 1 else (
            np.full((m, k), top, dtype), rng.choice([-128, 127], (n, k)).astype(_S8)), {}
    return (_s8(rng, (m, k), dtype), _s8(rng, (n, k))), {}


def _requantized(rng, i, m, k, n) -> Call:
    shift = max(7, int(np.log2(max(k, 1))) + 6)
    return (_s8(rng, (m, k)), _s8(rng, (n, k)), *layer(rng, n, k, shift if i % 2 else shift - 3)), {
        "zero_point": i % 9 - 4}


def _scaled(rng, i, m, k, n) -> Call | None:
    if k > 65_793:
        return None
    q = quantized(rng, n, k, i % 4)
    w = Quantized(np.full((n, k), -128, _S8), q.scale, np.zeros_like(q.zero_point), q.group) if i % 3 == 1 else q
    x = np.full((m, k), -128, _S8) if i % 3 == 1 else _s8(rng, (m, k))
    return (x, rng.uniform(0.5, 2, m).astype(_F), w, *([ordinary(rng, n)] if i % 2 else [])), {}


def small_bias(weights: Callable[..., object]) -> Callable[[], Calls]:
    """Return the calls whose bias is subnormal: every second row of x is zero, so that nothing is added to it."""
    def calls() -> Calls:
        rng = np.random.default_rng(9)
        for i, n in enumerate((1, 7, 16, 33, 64, 130)):
            x, bias = _s8(rng, (4, 9)), np.ldexp(whole(rng, n, 15), (-149, -140, -130)[i % 3]).astype(_F)
            x[::2] = 0
            yield (x, np.full(4, (2.0**-126, 2.0**-100)[i % 2], _F), weights(rng, n, 9), bias), {}
    return calls


def _of_scaled_rows(weights: Callable, largest: Callable, rng, i, m, k, n) -> Call:
    if i % 3 == 1:
        return (np.full((m, k), -128, _S8), np.ones(m, _F), largest(n, k)), {}
    return (_s8(rng, (m, k)), rng.uniform(0.5, 2, m).astype(_F), weights(rng, n, k, (0, 1, 2, 3, 5)[i % 5])), {}


def _s4_of_outputs(rng, n, k, form):
    w = narrow.s4_weights(rng, n, k, form)
    if w.group is None and w.scale.shape[1] != 1:
        return Packed(w.data, w.shape, 4, w.scale[:, :1].copy(), w.zero_point[:, :1].copy())
    return w


def _largest_s4(n: int, k: int) -> Packed:
    q = Quantized(np.full((n, k), -8, _S8), np.ones((n, 1), _F), np.full((n, 1), 7, _S8))
    return reference.quantize_pack(q)


def _largest_lut(n: int, k: int) -> Shared:
    return Shared(np.full((n, k), 1, np.uint8), np.array([1, -127], _F))


# Floats.

def with_zeros(rng, w):
    """Return a format with weights of 0 in half of its places."""
    if isinstance(w, Packed):
        return reference.quantize_pack(with_zeros(rng, reference.quantize_unpack(w)))
    zero = rng.random(w.shape) < 0.5
    if isinstance(w, Quantized):
        return with_fields(w, values=np.where(zero, w.expand(w.zero_point), w.values))
    if isinstance(w, Shared):
        book = w.codebook.copy()
        book[..., 0] = 0
        return Shared(np.where(zero, 0, w.codes).astype(w.codes.dtype), book, w.group)
    if isinstance(w, Plain):
        return Plain(np.where(zero, 0, w.patterns).astype(w.patterns.dtype), w.type)
    level = np.asarray(7 if isinstance(w, NF4) else 0, w.codes.dtype)
    return type(w)(**{**{name: getattr(w, name) for name in _fields_of(w)}, "codes": np.where(zero, level, w.codes)})


def _fields_of(w) -> tuple[str, ...]:
    return {MX: ("codes", "scales", "format"), NF4: ("codes", "scales", "block"),
            NVFP4: ("codes", "scales", "tensor_scale")}[type(w)]


def _by_narrow(weights: Callable, bits: int, forms: int, rng, i, m, k, n) -> Call:
    if forms == 256:  # codebooks of 256 values take memory: one a row where there are many weights
        forms = narrow.FORMS if n * k < 10_000 else 2
    w = weights(rng, n, k, i % forms)
    return (one_in_each_row(rng, m, k, bits) if i % 2 else whole(rng, (m, k), 3), w), {}


def _infinities(weights: Callable, forms: int) -> Callable[[], Calls]:
    """Return what yields weights half of which are 0, and one infinity in the inputs; all sizes of a vector."""
    def calls() -> Calls:
        rng = np.random.default_rng(5)
        for i, k in enumerate(WIDTHS):
            w = with_zeros(rng, weights(rng, 5, k, i % min(forms, narrow.FORMS)))
            x = half_zero(rng, whole(rng, (3, k)))
            x[1] = with_one(rng, x[1], (np.inf, -np.inf, np.nan)[i % 3])
            yield (x, w), {}
            for exponent in (-126, -140, -149):  # results that are subnormal, of normal inputs and of subnormal ones
                yield (np.ldexp(whole(rng, (2, k)), exponent).astype(_F), w), {}
    return calls


def _narrow_edges(weights: Callable, bits: int, forms: int = narrow.FORMS) -> tuple[Callable[[], Calls], ...]:
    return (_infinities(weights, forms),
            at_lengths(partial(_by_narrow, weights, bits, forms), 2, 7, 3, seed=bits, kinds=2))


def _special_patterns(*types: str) -> Callable[[], Calls]:
    """Return what yields weights with one infinity or NaN, and inputs half of which are zeros."""
    def calls() -> Calls:
        rng = np.random.default_rng(6)
        for name in types:
            every = narrow.ELEMENT_TYPES[name]
            patterns = np.arange(2**every.bits, dtype=every.pattern)
            special = patterns[~np.isfinite(every.values(patterns).astype(_F))]
            for k in WIDTHS:
                w = narrow.plain_weights(name)(rng, 5, k, 0).patterns.copy()
                w[2, rng.integers(k)] = rng.choice(special)
                yield (half_zero(rng, whole(rng, (3, k))), Plain(w, name)), {}
    return calls


def _f32f32(rng, i, m, k, n) -> Call:
    if i % 3 == 0:
        x, w = one_in_each_row(rng, m, k), rng.choice([-1, 1], (n, k)).astype(_F)
    elif i % 3 == 1:
        x, w = rng.choice([-1, 1], (m, k)).astype(_F), one_in_each_row(rng, n, k)
    else:
        x, w = whole(rng, (m, k), 9), whole(rng, (n, k), 7)
    transposed = bool(i // 3 % 2)
    return (x, np.ascontiguousarray(w.T) if transposed else w), {"transposed": transposed}


def _f32f32_edges():
    rng = np.random.default_rng(7)
    for i, k in enumerate(WIDTHS):
        for transposed in (False, True):
            def both(x, w, transposed=transposed):
                return (x, np.ascontiguousarray(w.T) if transposed else w), {"transposed": transposed}

            infinite = (np.inf, -np.inf)[i % 2]
            yield both(half_zero(rng, whole(rng, (3, k))), with_one(rng, whole(rng, (5, k)), infinite))
            yield both(with_one(rng, whole(rng, (3, k)), infinite), half_zero(rng, whole(rng, (5, k))))
            yield both(one_in_each_row(rng, 4, k), rng.choice([-1, 1], (5, k)).astype(_F))
            yield both(rng.choice([-1, 1], (4, k)).astype(_F), one_in_each_row(rng, 5, k))
            for e, f in ((-70, -70), (-126, -3), (-140, 0), (0, -149), (-63, -66)):
                yield both(np.ldexp(whole(rng, (2, k)), e).astype(_F), np.ldexp(whole(rng, (3, k)), f).astype(_F))
    yield (all_bits(rng, (9, 1)), all_bits(rng, (7, 1))), {}


def _f32s8(rng, i, m, k, n) -> Call:
    w = quantized(rng, n, k, i % 6, high=15, steps=1)
    return (one_in_each_row(rng, m, k, 19) if i % 2 else whole(rng, (m, k), 3), w), {}


def _f32mixed(rng, i, m, k, n) -> Call:
    w = mixed(rng, n, k, i % 2, i % 6, high=60, steps=1)
    return (one_in_each_row(rng, m, k, 12) if i % 3 else whole(rng, (m, k), 3), w), {}


def _wide_groups():
    """Groups as long as the row, of one input, longer than the row: with scales that differ."""
    rng = np.random.default_rng(8)
    for k in (1, 5, 16, 33, 64):
        for group in (1, k, k + 1, 2 * k):
            columns = -(-k // group)
            scale = np.ldexp(_F(1), rng.integers(-3, 4, (3, columns)))
            values = rng.integers(-127, 128, (3, k)).astype(_S8)
            zero_point = rng.integers(-5, 6, (3, columns)).astype(_S8)
            yield (whole(rng, (2, k)), Quantized(values, scale, zero_point, group)), {}


def _f32mixed_edges():
    rng = np.random.default_rng(9)
    for i, k in enumerate(WIDTHS):
        w = mixed(rng, 5, k, i % 2, i % 6, high=1, steps=0)
        x = half_zero(rng, whole(rng, (3, k)))
        yield (with_one(rng, x, np.inf), Mixed(with_zeros(rng, w.low), with_zeros(rng, w.high), w.wide, w.axis)), {}
        yield (np.ldexp(whole(rng, (2, k)), -140).astype(_F), w), {}


# bfloat16: patterns.

def _patterns(a) -> np.ndarray:
    return reference.floats_encode(np.asarray(a, _F), "bfloat16", overflow="format")


def _bf16bf16(rng, i, m, k, n) -> Call:
    high = (127, 3)[i % 2]
    x = _patterns(one_in_each_row(rng, m, k, 8) if i % 2 == 0 else whole(rng, (m, k), high))
    return (x, _patterns(rng.choice([-1, 1, 3, -5], (n, k)) if i % 2 == 0 else whole(rng, (n, k), 3))), {}


def _bf16bf16_edges():
    rng = np.random.default_rng(10)
    for i, k in enumerate(WIDTHS):
        infinite = (np.inf, -np.inf)[i % 2]
        x, w = whole(rng, (3, k)), whole(rng, (5, k))
        yield (_patterns(half_zero(rng, x)), _patterns(with_one(rng, w, infinite))), {}
        yield (_patterns(with_one(rng, x, infinite)), _patterns(half_zero(rng, w))), {}
        for e, f in ((-60, -60), (-63, -63), (-100, -20)):
            yield (_patterns(np.ldexp(whole(rng, (2, k)), e)), _patterns(np.ldexp(whole(rng, (3, k)), f))), {}


_PLAIN = {name: narrow.plain_weights(*types) for name, types in narrow.PLAIN.items()}

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    "gemm_s8s8": (at_lengths(_s8s8, 2, 9, 3, kinds=2),),
    "gemm_u8s8": (at_lengths(partial(_s8s8, dtype=np.uint8), 2, 9, 3, kinds=2),),
    "gemm_s8s8_requantized": (at_lengths(_requantized, 2, 9, 3, kinds=2),),
    "gemm_s8s8_scaled": (small_bias(partial(quantized, form=1)), at_lengths(_scaled, 2, 9, 3, kinds=2),),
    "gemm_s8s4": (at_lengths(partial(_of_scaled_rows, _s4_of_outputs, _largest_s4), 2, 9, 3, kinds=2),),
    "gemm_s8lut4": (at_lengths(partial(_of_scaled_rows, narrow.lut_weights(16), _largest_lut), 2, 9, 3, kinds=2),),
    "gemm_f32s8": (_wide_groups, _infinities(partial(quantized, high=15, steps=1), 6),
                   at_lengths(_f32s8, 2, 7, 3, kinds=2)),
    "gemm_f32mixed": (_f32mixed_edges, at_lengths(_f32mixed, 2, 7, 3, kinds=2)),
    "gemm_f32s4": _narrow_edges(narrow.s4_weights, 19),
    "gemm_f32lut4": _narrow_edges(narrow.lut_weights(16), 17),
    "gemm_f32lut8": _narrow_edges(narrow.lut_weights(256), 17, 256),
    "gemm_f32f16": (_special_patterns("float16"), *_narrow_edges(_PLAIN["gemm_f32f16"], 20)),
    "gemm_f32bf16": (_special_patterns("bfloat16"), *_narrow_edges(_PLAIN["gemm_f32bf16"], 20)),
    "gemm_f32fp8": (_special_patterns("fp8_e5m2", "fp8_e4m3"), *_narrow_edges(_PLAIN["gemm_f32fp8"], 20)),
    "gemm_f32mx": _narrow_edges(narrow.mx_weights, 18),
    "gemm_f32nf4": _narrow_edges(narrow.nf4_weights, 18),
    "gemm_f32nvfp4": _narrow_edges(narrow.nvfp4_weights, 18),
    "gemm_f32f32": (_f32f32_edges, at_lengths(_f32f32, 2, 7, 3, kinds=3)),
    "gemm_bf16bf16": (_bf16bf16_edges, at_lengths(_bf16bf16, 2, 9, 3, kinds=2)),
}
