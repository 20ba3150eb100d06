"""Zeros of the source (pruned weights, of either sign) are +0.0 after decoding, in every operation that keeps an
array's places."""


import numpy as np
import pytest
from implementations import BOTH, each

import refcompress as rc
from refcompress.reference.quantize import adaround

RNG = np.random.default_rng(11)


def pruned(shape, sign: bool) -> np.ndarray:
    """Return weights of which most are zero; with ``sign``, -0.0 where a negative weight was multiplied by its mask."""
    w = RNG.standard_normal(shape).astype(np.float32)
    mask = RNG.random(shape) < 0.4
    return w * mask if sign else np.where(mask, w, np.float32(0))


SOURCES = {
    "+0.0": pruned((24, 64), False),
    "-0.0": pruned((24, 64), True),
    "positive": np.abs(pruned((24, 64), True)) * np.float32(3),
    "kernel": pruned((6, 5, 3, 3), True),
    "vector": pruned(70, True),
    "all": np.float32([[0.0, -0.0], [-0.0, 0.0]]),
    "tiny": pruned((24, 64), True) * np.float32(1e-42),
    "huge": pruned((24, 64), True) * np.float32(1e38),
}


def zeros_stay(w, back):
    assert back.shape == w.shape
    at = back[w == 0]
    assert at.size and not np.any(at.view(np.uint32)), "a zero of the source is not +0.0"


@each("impl", BOTH)
@pytest.mark.parametrize("w", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_integers(impl, w, scheme):
    for shared in ({}, {"axis": 0}, {"axis": -1}, {"group": 1}, {"group": 7}, {"group": 500}):
        for bits in (2, 3, 4, 8):
            q = impl.quantize_s8(w, bits=bits, scheme=scheme, **shared)
            zeros_stay(w, q.dense())
            zeros_stay(w, impl.dequantize_s8(q))
        zeros_stay(w, impl.dequantize_s16(impl.quantize_s16(w, scheme=scheme, **shared)))
    if np.all(np.isfinite(w)):
        for steps in (0.1, 1e30):
            q = impl.quantize_s8(w, scheme=scheme, scale=steps, zero_point=0 if scheme == "symmetric" else -128)
            zeros_stay(w, q.dense())


@pytest.mark.parametrize("w", SOURCES.values(), ids=SOURCES)
def test_blocks(w):
    for format in rc.formats.MX_ELEMENTS:
        zeros_stay(w, rc.floats_mx_encode(w, format).dense())
        zeros_stay(w, rc.floats_mx_decode(rc.floats_mx_encode(w, format)))
    for block in (1, 7, 64, 1000):
        zeros_stay(w, rc.floats_nf4_encode(w, block=block).dense())


@each("impl", BOTH)
@pytest.mark.parametrize("w", SOURCES.values(), ids=SOURCES)
def test_shared_values(impl, w):
    for init in ("cut", "linear", "density", "random"):
        for bits in (1, 2, 4, 8, 9):
            zeros_stay(w, impl.share_kmeans(w, bits=bits, init=init, pruned=True).dense())
    if w.size < 400:
        zeros_stay(w, rc.share_optimal(w, bits=2, pruned=True).dense())


@pytest.mark.parametrize("name", [name for name, w in SOURCES.items() if w.ndim == 2])
def test_matrices(name):
    w = SOURCES[name]
    csr = rc.csr_from_dense(w)
    assert csr.nnz == np.count_nonzero(w)
    zeros_stay(w, csr.dense())
    for axis in (0, 1):
        for group in (None, 5):
            zeros_stay(w, rc.allocate_mixed(w, np.arange(w.shape[axis]) % 2 == 0, axis=axis, group=group).dense())
    zeros_stay(w, rc.quantize_ternary(w, axis=0).dense())


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("shared", [{}, {"group": 16}, {"axis": None}], ids=str)
@pytest.mark.parametrize("name", ["+0.0", "-0.0", "positive"])
def test_layers(name, shared, scheme):
    w, x = SOURCES[name], (RNG.standard_normal((99, 64)) @ RNG.standard_normal((64, 64))).astype(np.float32)
    h, options = rc.quantize_hessian(x), {"bits": 3, "scheme": scheme, **shared}
    fits = [
        rc.quantize_nearest(w, h, **options),
        rc.quantize_adaround(w, h, iterations=60, learning_rate=0.1, **options),
        rc.quantize_awq(w, x, clip=False, **options),
        *(rc.quantize_gptq(w, h, order=order, **options) for order in ("given", "descending")),
    ]
    if shared != {"axis": None}:
        fits.append(rc.quantize_clip(w, h, **options))
    for fit in fits:
        zeros_stay(w, fit.weight.dense())
    assert fits[1].after < fits[0].after and fits[3].after < fits[0].after  # they still pay
    zeros_stay(w, rc.quantize_smooth(w, x).weight.dense())
    mask = w != 0
    kept, weights = rc.prune_sparsegpt(w, h, sparsity=0.8)
    zeros_stay(np.where(kept, weights, np.float32(0)), weights)
    assert mask.any()


def test_adaround_leaves_zeros_alone_however_exp_rounds(monkeypatch):
    """Of a zero r is 0 here, by a hair: where exp rounds up it is above 0, and Adam would take steps as large as any
    other's."""
    inverse = adaround.v_of
    monkeypatch.setattr(adaround, "v_of", lambda r: inverse(r) + np.float32(1e-4))
    # Two inputs that are always equal: 1.6 is clipped to 1, and a 0 that became 1 would bring their sum nearer to 1.6.
    w, x = np.float32([[1.6, 0, 1], [1.6, -0.0, 0.4]]), np.float32([[1, 1, 0], [0, 0, 1]])
    fit = rc.quantize_adaround(w, rc.quantize_hessian(x), bits=2, scale=1.0, iterations=300, learning_rate=0.1)
    zeros_stay(w, fit.weight.dense())
