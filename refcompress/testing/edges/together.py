"""What only meets together: all sizes large at once, blocks longer than a vector's rows, scales at a tie of their own.

A kernel that has tiles takes them where rows, inputs and outputs are all many enough; one long dimension beside two
short ones never does.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import NF4, Packed, Quantized, Shared
from ..cases import Call, Calls
from ..values import ordinary, whole
from . import gemm, matrices

_F, _S8 = np.float32, np.int8

# Rows, inputs and outputs: each size beside tiles of 4, 6, 8, 16 and 32, with a tail of each or without one.
SIZES = ((13, 301, 40), (33, 64, 33), (17, 70, 65), (35, 259, 50), (64, 128, 48))
BLOCKS = (1025, 2048)


def _f(values: list) -> np.ndarray:
    return np.array(values, _F)


def _all_large(make: Callable[..., Call | None], *more: int, kinds: int = 3) -> Callable[[], Calls]:
    """Return what yields ``make(rng, number, *sizes)`` where all sizes are large, of several kinds."""
    def calls() -> Calls:
        rng = np.random.default_rng(14)
        for number, sizes in enumerate(SIZES):
            for kind in range(kinds):
                call = make(rng, number + kind, *sizes, *more)
                if call is not None:
                    yield call
    return calls


def _blocks(w: Callable[[np.random.Generator, int, int], object], x: Callable[..., np.ndarray],
            scaled: bool = False) -> Callable[[], Calls]:
    """Return what yields one row of two long blocks and the beginning of a third, whose scales differ."""
    def calls() -> Calls:
        rng = np.random.default_rng(15)
        for block in BLOCKS:
            k = 2 * block + 3
            yield (x(rng, (1, k)), *([np.ones(1, _F)] if scaled else []), w(rng, k, block)), {}
    return calls


def _three_scales(rng, k: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(_f([[1, 8, 64]]), 2, axis=0), rng.integers(-4, 5, (2, 3)).astype(_S8)


def _quantized(rng, k: int, block: int) -> Quantized:
    return Quantized(whole(rng, (2, k), 7, _S8), *_three_scales(rng, k, block), block)


def _packed(rng, k: int, block: int) -> Packed:
    return reference.quantize_pack(_quantized(rng, k, block))


def _nf4(rng, k: int, block: int) -> NF4:
    return NF4(rng.integers(0, 16, (2, k)).astype(np.uint8), _three_scales(rng, k, block)[0], block)


def _shared(rng, k: int, block: int) -> Shared:
    book = np.broadcast_to(_f([0, 1, -3]), (2, 3, 3)) * _f([1, 8, 64])[:, None]
    return Shared(rng.integers(0, 3, (2, k)).astype(np.uint8), np.ascontiguousarray(book), block)


def _of_blocks(option: str, **more) -> Callable[[], Calls]:
    """Return what yields an array whose blocks have other magnitudes, with an option that says how long they are."""
    def calls() -> Calls:
        rng = np.random.default_rng(16)
        for block in BLOCKS:
            size = np.repeat(_f([1, 8, 64]), block)[: 2 * block + 3]
            yield (ordinary(rng, (2, len(size))) * size,), {option: block, **more}
    return calls


def _fused(weight: Callable[[np.ndarray, np.ndarray], object]) -> Callable[[], Calls]:
    """Return the call in which 1 + (2^30 + 1) 2^-54 is a tie in float64, and none where it is rounded once.

    The first group sums to 1, the second to 13,325, and 13,325 times 80,581 is 2^30 + 1.
    """
    def calls() -> Calls:
        x, values = np.zeros((1, 256), _S8), np.zeros((1, 256), _S8)
        x[0, 0] = values[0, 0] = 1
        x[0, 128:142], values[0, 128:142] = 127, 7
        x[0, 142], values[0, 142], x[0, 143], values[0, 143] = 125, 7, 4, 1
        yield (x, np.ones(1, _F), weight(values, _f([[1, 80_581 * 2.0**-54]]))), {}
    return calls


def _fused_s4(values: np.ndarray, scale: np.ndarray) -> Packed:
    return reference.quantize_pack(Quantized(values, scale, np.zeros((1, 2), _S8), 128))


def _rows_at_an_end(product: bool) -> Callable[[], Calls]:
    """Return what yields matrices of many rows, of which those at one end, or both, or all, have no entries."""
    def calls() -> Calls:
        rng = np.random.default_rng(18)
        for m in (64, 300, 1030):
            for first, last in ((0, m // 2), (m // 2, m), (m // 3, m - 7), (0, 0), (0, 1), (m - 1, m)):
                w = np.zeros((m, 4), _F)
                w[first:last] = whole(rng, (last - first, 4))
                a = reference.csr_from_dense(w)
                yield ((a, whole(rng, (4, 2))) if product else (a,)), {}
    return calls


def _bitmasks_at_an_end() -> Calls:
    for (a, x), how in _rows_at_an_end(True)():
        yield (reference.sparse_bitmask_pack(reference.csr_to_dense(a)), x), how


def _cancelled_bias(weight: Callable[[Quantized], object]) -> Callable[[], Calls]:
    """Return what yields sums of groups that a bias takes away: what is added first decides what is left."""
    def calls() -> Calls:
        for order in (slice(None), slice(None, None, -1)):
            scale = np.ascontiguousarray(_f([[2.0**70, 1, 0.5]])[:, order])
            w = Quantized(np.ones((1, 24), _S8), scale, np.zeros((1, 3), _S8), 8)
            for bias in (-(2.0**73), 2.0**73, -8.0):
                yield (np.ones((2, 24), _S8), np.ones(2, _F), weight(w), _f([bias])), {}
    return calls


# Scales whose multiplier lies between two integers, 2^30 + 1/2 and 2^31 - 1/2 in units of 2^-31: another order of the
# quotients gives another of the two. With the one, half of an odd number is a tie, and with the other it is none.
BETWEEN = ((2.0**31 + 1) * 2.0**-32, (2.0**32 - 1) * 2.0**-33)
DIVISORS = (3.0, 5.0, 7.0, 11.0, 13.0, 49.0, 0.1, 0.3, 0.7, 0.9, 1 / 3, 1 / 7)


def _multiply_scales() -> Calls:
    every = np.arange(-9, 10).astype(_S8)
    for scale in BETWEEN:
        for d in DIVISORS:
            for a, b in ((d * scale, 1.0), (1.0, d * scale)):
                yield (every, np.array([1], _S8), a, b, d), {}
            yield (every, np.array([1], _S8), 1 / d, d * scale, 1.0), {}


def _average_scales() -> Calls:
    every = np.arange(-9, 10).astype(_S8)
    for scale in BETWEEN:
        for d in DIVISORS:
            for count in (3, 5, 6, 7):
                x = np.zeros((1, 1, count, len(every)), _S8)
                x[0, 0, 0] = every
                yield (x, count * scale * d, d), {"kernel": (1, count)}


def _add_scales() -> Calls:
    """Factors between two integers, and one that is rounded up to 2^22, for which the shift is one less."""
    a, b = (side.ravel().astype(_S8) for side in np.meshgrid(np.arange(-128, 128, 5), np.arange(-128, 128, 3)))
    for d in DIVISORS:
        factor = d * (2.0**22 - 1) * 2.0**-25  # a tie of rint(2^24 a_scale / y_scale)
        yield (a, b, factor, 0.125 * d, d), {}
        yield (a, b, 0.125 * d, factor, d), {}
    for shift in (24, 23, 22, 21, 20):
        for share in (0.25, 0.5, 0.75):
            for other in (0.3, 0.7):
                scale = (2.0**22 - share) * 2.0**-shift
                yield (a, b, scale, other * scale, 1.0), {}
                yield (a, b, other * scale, scale, 1.0), {}


def _layers_of_many_axes() -> Calls:
    """A dict whose arrays have one, two, three and four axes: an axis from behind is another one in each."""
    rng = np.random.default_rng(17)
    layers = {str(n): ordinary(rng, shape) for n, shape in enumerate([(4, 6), (2, 4, 6), (2, 3, 4, 2), (8, 4)])}
    for names in ("0123", "3210", "10"):
        for axis in (-1, -2):
            some = {name: layers[name] for name in names}
            yield (some,), {"structure": "nm", "n": 1, "m": 2, "axis": axis}
    yield ({**layers, "4": ordinary(rng, 6)},), {"structure": "nm", "n": 1, "m": 2, "axis": -1}


_MAKERS: dict[str, tuple[Callable[..., Call | None], tuple[int, ...]]] = {
    "gemm_s8s8": (gemm._s8s8, ()), "gemm_u8s8": (partial(gemm._s8s8, dtype=np.uint8), ()),
    "gemm_s8s8_requantized": (gemm._requantized, ()), "gemm_s8s8_scaled": (gemm._scaled, ()),
    "gemm_s8s4": (partial(gemm._of_scaled_rows, gemm._s4_of_outputs, gemm._largest_s4), ()),
    "gemm_s8lut4": (partial(gemm._of_scaled_rows, gemm.narrow.lut_weights(16), gemm._largest_lut), ()),
    "gemm_f32s8": (gemm._f32s8, ()), "gemm_f32mixed": (gemm._f32mixed, ()), "gemm_f32f32": (gemm._f32f32, ()),
    "gemm_bf16bf16": (gemm._bf16bf16, ()),
    "gemm_f32s4": (partial(gemm._by_narrow, gemm.narrow.s4_weights, 19, gemm.narrow.FORMS), ()),
    "gemm_f32lut4": (partial(gemm._by_narrow, gemm.narrow.lut_weights(16), 17, gemm.narrow.FORMS), ()),
    "gemm_f32lut8": (partial(gemm._by_narrow, gemm.narrow.lut_weights(256), 17, 256), ()),
    "gemm_f32mx": (partial(gemm._by_narrow, gemm.narrow.mx_weights, 18, gemm.narrow.FORMS), ()),
    "gemm_f32nf4": (partial(gemm._by_narrow, gemm.narrow.nf4_weights, 18, gemm.narrow.FORMS), ()),
    "gemm_f32nvfp4": (partial(gemm._by_narrow, gemm.narrow.nvfp4_weights, 18, gemm.narrow.FORMS), ()),
    **{op: (partial(gemm._by_narrow, gemm._PLAIN[op], 20, gemm.narrow.FORMS), ())
       for op in ("gemm_f32f16", "gemm_f32bf16", "gemm_f32fp8")},
    "csr_matmul": (matrices._csr_product, ()), "lowrank_matmul": (matrices._lowrank_product, (9,)),
}

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    op: (_all_large(make, *more),) for op, (make, more) in _MAKERS.items()}
for op, calls in {
    "gemm_f32s8": _blocks(_quantized, whole), "gemm_f32s4": _blocks(_packed, whole),
    "gemm_f32nf4": _blocks(_nf4, whole), "gemm_f32lut4": _blocks(_shared, whole),
    "gemm_f32lut8": _blocks(_shared, whole),
    "gemm_s8s8_scaled": _blocks(_quantized, partial(whole, high=7, dtype=_S8), scaled=True),
    "gemm_s8s4": _blocks(_packed, partial(whole, high=7, dtype=_S8), scaled=True),
    "gemm_s8lut4": _blocks(_shared, partial(whole, high=7, dtype=_S8), scaled=True),
    "floats_nf4_encode": _of_blocks("block"),
    **{name: _of_blocks("group") for name in (
        "quantize_s8", "quantize_s16", "quantize_binary", "quantize_ternary", "quantize_range_minmax",
        "quantize_range_percentile")},
    "csr_matmul": _rows_at_an_end(True), "csr_to_dense": _rows_at_an_end(False), "sparse_matmul": _bitmasks_at_an_end,
    "sparse_s8s8": _cancelled_bias(reference.sparse_bitmask_pack),
    "prune_select": _layers_of_many_axes,
    "nn_multiply_s8": _multiply_scales, "nn_average_pool_s8": _average_scales, "nn_add_s8": _add_scales,
}.items():
    EDGES[op] = (calls, *EDGES.get(op, ()))
EDGES["gemm_s8s4"] += (_fused(_fused_s4),)
EDGES["gemm_s8s8_scaled"] += (_cancelled_bias(lambda w: w),)
