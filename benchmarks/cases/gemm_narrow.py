"""Dense products of float32 inputs by narrow weights, exact in float32; bfloat16 by bfloat16.

Scales have eight significant bits, so that libraries whose scales are float16 or bfloat16 multiply by the same weights.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refcompress import formats

from .case import LAYERS, Case, normal, on_grid

MXFP4, NVFP4, NF4 = 32, 16, 64  # numbers in a block


def short(a: np.ndarray) -> np.ndarray:
    """Return float32 numbers cut to eight significant bits."""
    return (np.ascontiguousarray(a, np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def scales(rng, n: int, groups: int) -> np.ndarray:
    return short(rng.uniform(0.005, 0.02, (n, groups)))


def four_bits(group: int) -> Callable:
    def make(rng, n, k):
        scale = scales(rng, n, -(-k // group))
        data = rng.integers(0, 256, (n, k // 2), np.uint8)
        return formats.Packed(data, (n, k), 4, scale, np.zeros(scale.shape, np.int8), group)

    return make


def codebook(values: int) -> Callable:
    def make(rng, n, k):
        return formats.Shared(rng.integers(0, values, (n, k), np.uint8), short(np.sort(normal(rng, values))))

    return make


def bfloat16(rng, n, k):
    return formats.Plain((normal(rng, n, k).view(np.uint32) >> 16).astype(np.uint16), "bfloat16")


def fp8(rng, n, k):
    codes = rng.integers(0, 256, (n, k), np.uint8)
    codes[codes & 127 == 127] -= 1  # NaN
    return formats.Plain(codes, "fp8_e4m3")


def _codes(rng, n, k):
    return rng.integers(0, 16, (n, k), np.uint8)


def mx(rng, n, k):
    return formats.MX(_codes(rng, n, k), rng.integers(118, 124, (n, -(-k // MXFP4)), np.uint8), "mxfp4_e2m1")


def nvfp4(rng, n, k):
    return formats.NVFP4(_codes(rng, n, k), rng.integers(40, 127, (n, -(-k // NVFP4)), np.uint8), np.float32(2.0**-10))


def nf4(rng, n, k):
    return formats.NF4(_codes(rng, n, k), scales(rng, n, -(-k // NF4)), NF4)


@dataclass(frozen=True)
class Weights:
    """Weights of one kind: bytes each, with their scales; how they are made; and whether they are judged on the whole
    grid."""

    width: float
    make: Callable
    whole: bool = False


WEIGHTS = {
    "gemm_f32s4": Weights(0.5 + 5 / 32, four_bits(32), whole=True),
    "gemm_f32lut4": Weights(0.5, codebook(16), whole=True),
    "gemm_f32lut8": Weights(1, codebook(256)),
    "gemm_f32nf4": Weights(0.5 + 4 / NF4, nf4),
    "gemm_f32f16": Weights(2, lambda rng, n, k: formats.Plain.of(normal(rng, n, k).astype(np.float16)), whole=True),
    "gemm_f32bf16": Weights(2, bfloat16, whole=True),
    "gemm_f32fp8": Weights(1, fp8),
    "gemm_f32mx": Weights(0.5 + 1 / MXFP4, mx),
    "gemm_f32nvfp4": Weights(0.5 + 1 / NVFP4, nvfp4),
}
GROUPS = {64: Weights(0.5 + 5 / 64, four_bits(64)), 128: Weights(0.5 + 5 / 128, four_bits(128))}


def narrow(op, layer, batch, weights=None, said="", **flags):
    """Return a case of float32 inputs by narrow weights."""
    outputs, inputs, _ = LAYERS[layer]
    weights = weights or WEIGHTS[op]
    return Case(op, f"{layer}{said}, batch {batch}",
                lambda rng: ((normal(rng, batch, inputs), weights.make(rng, outputs, inputs)), {}),
                2 * batch * outputs * inputs, weights.width * outputs * inputs + 4 * batch * (inputs + outputs),
                reference=batch * outputs * inputs < 2e7, weight=1, weights=outputs * inputs, **flags)


def both_bfloat16(layer, batch, **flags):
    """Return a case of bfloat16 by bfloat16."""
    outputs, inputs, _ = LAYERS[layer]
    return Case("gemm_bf16bf16", f"{layer}, batch {batch}",
                lambda rng: ((bfloat16(rng, batch, inputs).patterns, bfloat16(rng, outputs, inputs).patterns), {}),
                2 * batch * outputs * inputs, 2 * inputs * (outputs + batch) + 4 * batch * outputs,
                reference=batch * outputs * inputs < 2e7, arithmetic="bf16", weight=1, weights=outputs * inputs,
                **flags)


CASES = [
    *(narrow(op, "LeNet-300-100 fc1", 64, quick=True) for op in WEIGHTS),
    *(case for op, weights in WEIGHTS.items() if weights.whole for case in on_grid(narrow, op)),
    *(narrow(op, "4096 wide", batch) for op, weights in WEIGHTS.items() if not weights.whole for batch in (1, 64)),
    *(
        narrow("gemm_f32s4", "4096 wide", batch, weights, f", groups of {group}")
        for group, weights in GROUPS.items()
        for batch in (1, 64)
    ),
    both_bfloat16("LeNet-300-100 fc1", 64, quick=True),
    both_bfloat16("8 wide", 1, quick=True, overhead=True),
    *on_grid(both_bfloat16),
]
