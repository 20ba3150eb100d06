"""Quantization to integers, ranges, packing, requantization."""

import numpy as np

from refcompress import reference
from refcompress.formats import Quantized

from .case import LAYERS, Case, normal, on_weights


def _four_bits(rng):
    return reference.quantize_s8(normal(rng, 1000, 4096), bits=4, group=32)


def of_bits(op: str, bits: int) -> Case:
    """Return a case of packing a wide layer's integers, or of unpacking them."""
    def make(rng):
        values = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (4096, 4096), np.int8)
        if bits == 1:
            values |= 1  # -1 and 1
        q = Quantized(values, np.ones((4096, 1), np.float32), np.zeros((4096, 1), np.int8))
        return (((q,), {"bits": bits}) if op == "quantize_pack" else ((reference.quantize_pack(q, bits=bits),), {}))

    return Case(op, f"4096 wide, {bits} bit{'s' * (bits > 1)}", make, 0, (1 + bits / 8) * 4096**2)


def of_integers(op: str, **shared) -> Case:
    """Return a case of a wide layer's integers back to float32."""
    encode = getattr(reference, op.removeprefix("de"))

    def make(rng):
        return (encode(normal(rng, 4096, 4096), **shared),), {}

    said = ", ".join(f"{name} {value}" for name, value in shared.items())
    return Case(op, f"4096 wide, {said}", make, 0, (5 if op.endswith("s8") else 6) * 4096**2)


def of_sums(rounding: str, each: bool) -> Case:
    """Return a case of a wide layer's sums, with one multiplier and shift or with one an output."""
    def make(rng):
        factors = (np.full((1, 4096), 2**30, np.int32), np.full((1, 4096), 12, np.int32)) if each else (2**30, 12)
        return (rng.integers(-(2**20), 2**20, (4096, 4096), np.int32), *factors), {"rounding": rounding}

    return Case("requantize_s32", f"4096 wide, {rounding}{', one an output' * each}", make, 0, 5 * 4096**2)


CASES = [
    on_weights("quantize_s8", "LeNet-300-100 fc1", 5, axis=0, quick=True),
    on_weights("quantize_s8", "AlexNet fc8", 5, group=32),
    Case(
        "dequantize_s8",
        "AlexNet fc8, axis 0",
        lambda rng: ((reference.quantize_s8(normal(rng, 1000, 4096), axis=0),), {}),
        0,
        5 * 1000 * 4096,
        quick=True,
    ),
    Case(
        "quantize_s8",
        "4096 wide, scale given",
        lambda rng: ((normal(rng, 4096, 4096),), {"axis": 0, "scale": np.full((4096, 1), 0.03, np.float32)}),
        0,
        5 * 4096**2,
    ),
    *(on_weights("quantize_s8", "4096 wide", 5, **shared) for shared in ({"axis": 0}, {"axis": 1}, {"group": 32})),
    *(of_integers("dequantize_s8", **shared) for shared in ({"axis": 0}, {"axis": 1}, {"group": 32})),
    on_weights("quantize_s16", "4096 wide", 6, axis=0),
    of_integers("dequantize_s16", axis=0),
    on_weights("quantize_s16", "AlexNet fc8", 6, axis=0, quick=True),
    Case(
        "dequantize_s16",
        "AlexNet fc8, axis 0",
        lambda rng: ((reference.quantize_s16(normal(rng, 1000, 4096), axis=0),), {}),
        0,
        6 * 1000 * 4096,
        quick=True,
    ),
    on_weights("quantize_range_minmax", "AlexNet fc8", 4, quick=True),
    *(on_weights("quantize_range_percentile", "4096 wide", 4, **how) for how in ({}, {"axis": 0}, {"group": 32})),
    on_weights("quantize_range_kl", "4096 wide", 4),
    on_weights("quantize_range_kl", "LeNet-300-100 fc1", 4, group=32, reference=False),  # it takes minutes for groups
    on_weights("quantize_range_percentile", "LeNet-300-100 fc1", 4, axis=0, quick=True),
    on_weights("quantize_range_mse", "LeNet-300-100 fc1", 4 * 20, bits=4, axis=0, steps=20, quick=True),
    on_weights("quantize_range_kl", "LeNet-300-100 fc1", 4, quick=True),
    Case(
        "quantize_pack", "AlexNet fc8, 4 bits", lambda rng: ((_four_bits(rng),), {}), 0, 1.5 * 1000 * 4096, quick=True
    ),
    Case(
        "quantize_unpack",
        "AlexNet fc8, 4 bits",
        lambda rng: ((reference.quantize_pack(_four_bits(rng)),), {}),
        0,
        1.5 * 1000 * 4096,
        quick=True,
    ),
    *(of_bits(op, bits) for bits in (1, 3, 4, 7) for op in ("quantize_pack", "quantize_unpack")),
    Case(
        "requantize_s32",
        "512 x 4096 sums",
        lambda rng: ((rng.integers(-(2**20), 2**20, (512, 4096), np.int32), 2**30, 12), {}),
        0,
        5 * 512 * 4096,
        quick=True,
    ),
    *(of_sums(rounding, each) for rounding, each in (("half_even", False), ("half_even", True), ("gemmlowp", False))),
    *(on_weights(op, "LeNet-300-100 fc1", 5, axis=0, quick=True) for op in ("quantize_binary", "quantize_ternary")),
    *(on_weights(op, "4096 wide", 5, **shared) for op in ("quantize_binary", "quantize_ternary")
      for shared in ({}, {"axis": 0}, {"group": 128})),
    *(Case("quantize_changes", layer, lambda rng, layer=layer: (tuple(normal(rng, 2, *LAYERS[layer][:2])), {}), 0,
           8 * LAYERS[layer][0] * LAYERS[layer][1], quick=layer != "4096 wide")
      for layer in ("LeNet-300-100 fc1", "4096 wide")),
    Case(
        "quantize_bias_s32",
        "4096 outputs",
        lambda rng: ((normal(rng, 4096), 0.02, 0.001), {}),
        0,
        8 * 4096,
        quick=True,
    ),
    Case(
        "dequantize_bias_s32",
        "4096 outputs",
        lambda rng: ((rng.integers(-(2**20), 2**20, 4096, np.int32), 0.02, 0.001), {}),
        0,
        8 * 4096,
        quick=True,
    ),
]
