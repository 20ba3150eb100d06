"""The cases of gemm_bf16bf16: every length, hostile patterns, and numbers around the smallest that is not flushed."""

import numpy as np

from ... import reference
from ...formats import Plain
from ..cases import Cases
from ..draws import array, composite, lengths, st
from ..values import HOSTILE, not_arrays, ordinary, other_dimensions, whole

_F = np.float32


def _patterns(a) -> np.ndarray:
    return reference.floats_encode(np.asarray(a, _F), "bfloat16")


def _sizes():
    for length in range(68):
        yield 3, length, 5
    for length in range(14):
        yield length, 7, 3
        yield 2, 35, length


def _around(rng, shape, exponent: int) -> np.ndarray:
    """Return patterns of numbers of about 2**exponent, of either sign."""
    return (rng.integers(0, 2, shape) << 15 | rng.integers(exponent + 124, exponent + 131, shape) << 7
            | rng.integers(0, 128, shape)).astype(np.uint16)


def gemm_bf16bf16_sweep():
    rng = np.random.default_rng(83)
    for i, (m, k, n) in enumerate(_sizes()):
        w = _patterns(whole(rng, (n, k)))
        yield (_patterns(whole(rng, (m, k))), Plain(w, "bfloat16") if i % 3 == 0 else w), {}
    for i in range(6):
        yield (_patterns(rng.choice(HOSTILE, (2, 35))), _patterns(whole(rng, (3, 35)))), {}
        yield (_patterns(whole(rng, (2, 35))), _patterns(rng.choice(HOSTILE, (3, 35)))), {}
        yield (_patterns(ordinary(rng, (3, 67))), _patterns(ordinary(rng, (5, 67)))), {}
        x, w = whole(rng, (2, 37)), rng.integers(-1, 2, (3, 37)).astype(_F)
        x[1, i], w[0] = HOSTILE[-1 - i % 3], 0  # only the second row may become special; a weight of 0 makes Inf a NaN
        yield (_patterns(x), _patterns(w)), {}
        yield (rng.integers(0, 2**16, (2, 33)).astype(np.uint16), rng.integers(0, 2**16, (3, 33)).astype(np.uint16)), {}
        yield (_around(rng, (2, 40), -63), _around(rng, (3, 40), -63)), {}
        yield (np.full((1, 3 + i), 0x7F00, np.uint16), rng.integers(1, 128, (3, 3 + i)).astype(np.uint16)), {}
    for shape in ((1, 1), (5, 20), (7, 96)):  # all chains are flushed, to zeros of both signs
        yield (_around(rng, shape, -68), _around(rng, (3, shape[1]), -68)), {}
    for m, k, n in ((2, 3100, 3), (9, 1700, 13), (27, 70, 131), (131, 40, 9)):  # blocks of inputs, of rows, and packed
        yield (_patterns(whole(rng, (m, k), 3)), _patterns(whole(rng, (n, k), 3))), {}
        yield (_patterns(ordinary(rng, (m, k))), _patterns(ordinary(rng, (n, k)))), {}


def gemm_bf16bf16_refusals():
    x, w = np.ones((2, 3), np.uint16), np.ones((4, 3), np.uint16)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], Plain(x, "float16"), Plain(x[0], "bfloat16"),
                x.astype(np.int16), x.view(np.float16)):
        yield (bad, w), {}
    for bad in (*not_arrays(w), *other_dimensions(w), Plain(w, "uint16"), w.view(np.float16)):
        yield (x, bad), {}
    yield (np.ones((2**31, 0), np.uint16), np.ones((2**31, 0), np.uint16)), {}  # y would have 2**64 bytes


@composite
def gemm_bf16bf16_strategy(draw):
    k, kinds = draw(lengths()), st.sampled_from([st.integers(0x3F00, 0x4100), st.integers(0, 2**16 - 1)])
    x, w = (draw(array(np.uint16, (draw(st.integers(0, 3)), k), draw(kinds))) for _ in range(2))
    return (x, w), {}


CASES: dict[str, Cases] = {"gemm_bf16bf16": Cases(
    gemm_bf16bf16_sweep, gemm_bf16bf16_refusals, gemm_bf16bf16_strategy)}
