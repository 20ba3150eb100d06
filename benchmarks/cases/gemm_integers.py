"""Products of int8 with what follows them."""

import numpy as np

from refcompress import formats

from .case import LAYERS, Case, normal, on_grid
from .gemm_narrow import codebook, four_bits


def integer_layer(op, name, m, k, n, group=None, bias=True, **flags):
    """Return a case of a product of int8 with what follows it, of m rows, k inputs and n outputs; bias : whether
    gemm_s8s8_scaled has one, which few peers take."""
    def make(rng):
        x, w = rng.integers(-128, 128, (m, k)).astype(np.int8), rng.integers(-8, 8, (n, k)).astype(np.int8)
        if op == "gemm_s8s8_requantized":
            w = formats.Quantized(w, np.ones((1, 1), np.float32), np.zeros((1, 1), np.int8)).values  # packed once
            factors = np.full(n, 2**30, np.int32), np.full(n, 8, np.int32)
            return (x, w, rng.integers(-999, 999, n).astype(np.int32), *factors), {}
        scale = np.ones((n, 1 if group is None else k // group), np.float32)
        w = formats.Quantized(w, scale, np.zeros(scale.shape, np.int8), group)
        return (x, np.ones(m, np.float32), w, *([normal(rng, n)] if bias else [])), {}

    of_y = 1 if op == "gemm_s8s8_requantized" else 4
    return Case(op, name, make, 2 * m * k * n, n * k + m * k + of_y * m * n, reference=m * k * n < 2e7,
                arithmetic="s8", weight=1 if op == "gemm_s8s8_requantized" else 2, weights=n * k, **flags)


def wide(op, layer, batch, group=None, **flags):
    outputs, inputs, _ = LAYERS[layer]
    said = f", groups of {group}" if group else ""
    return integer_layer(op, f"{layer}{said}, batch {batch}", batch, inputs, outputs, group, False, **flags)


def coded(op, layer, batch, group=32, **flags):
    """Return a case of a product of int8 by weights of 4 bits: integers in groups, or codes of 16 values."""
    n, k, _ = LAYERS[layer]
    make_weights = codebook(16) if op == "gemm_s8lut4" else four_bits(group)

    def make(rng):
        x = rng.integers(-128, 128, (batch, k)).astype(np.int8)
        return (x, np.ones(batch, np.float32), make_weights(rng, n, k)), {}

    said, scales = ("", 0) if op == "gemm_s8lut4" else (f", groups of {group}", 5 * n * k / group)
    return Case(op, f"{layer}{said}, batch {batch}", make, 2 * batch * k * n,
                n * k / 2 + scales + batch * k + 4 * batch * n, reference=batch * k * n < 2e7, arithmetic="s8",
                weight=2, weights=n * k, **flags)


CASES = [
    *(wide("gemm_s8s8_scaled", "4096 wide", batch) for batch in (1, 8, 64)),
    *(wide("gemm_s8s8_requantized", "4096 wide", batch) for batch in (1, 64)),
    *(coded(op, "MiniLM feed-forward", 8, quick=True) for op in ("gemm_s8s4", "gemm_s8lut4")),
    *(case for case in on_grid(coded, "gemm_s8s4") if case.name != "MiniLM feed-forward, groups of 32, batch 8"),
    *(coded("gemm_s8s4", "4096 wide", batch, 128) for batch in (1, 64)),
    *(coded("gemm_s8lut4", "4096 wide", batch) for batch in (1, 8, 64)),
    integer_layer("gemm_s8s8_requantized", "MobileNetV2 last block, 49 rows", 49, 960, 320, quick=True),
    integer_layer("gemm_s8s8_requantized", "MobileNetV2 second block, 12544 rows", 12544, 16, 96),
    integer_layer("gemm_s8s8_requantized", "MobileNetV2 third block, 3136 rows", 3136, 144, 24),
    integer_layer("gemm_s8s8_requantized", "MiniLM feed-forward, 128 rows", 128, 384, 1536),
    integer_layer("gemm_s8s8_scaled", "MiniLM attention, 8 rows", 8, 384, 384, quick=True),
    integer_layer("gemm_s8s8_scaled", "MiniLM feed-forward, 128 rows", 128, 384, 1536),
    integer_layer("gemm_s8s8_scaled", "MiniLM feed-forward, groups of 128, 128 rows", 128, 384, 1536, 128),
]
