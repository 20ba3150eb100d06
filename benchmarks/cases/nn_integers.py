"""Layers between products, in int8."""

import numpy as np

from .case import Case


def depthwise_s8(side, channels, stride, **flags):
    """Return a case of a depthwise convolution of 3 x 3."""
    def make(rng):
        x = rng.integers(-128, 128, (1, side, side, channels)).astype(np.int8)
        layer = rng.integers(-128, 128, (channels, 3, 3)).astype(np.int8), np.zeros(channels, np.int32)
        factors = np.full(channels, 2**30, np.int32), np.full(channels, 8, np.int32)
        return (x, *layer, *factors), {"strides": (stride, stride), "pads": (1, 1, 1, 1)}

    out = side * side * channels // stride**2
    return Case("nn_depthwise_s8", f"{side} x {side} x {channels}, stride {stride}", make, 0,
                side * side * channels + out, **flags)


CASES = [
    Case(
        "nn_average_pool_s8",
        "7 x 7 x 1280, global",
        lambda rng: ((rng.integers(-128, 128, (8, 7, 7, 1280)).astype(np.int8), 0.1, 0.1), {"kernel": (7, 7)}),
        0,
        8 * 50 * 1280,
        quick=True,
    ),
    *(
        Case(
            f"nn_{name}_s8",
            "56 x 56 x 24",
            lambda rng: (tuple(rng.integers(-128, 128, (2, 8, 56, 56, 24)).astype(np.int8)) + (0.1, 0.2, 0.3), {}),
            0,
            3 * 8 * 56 * 56 * 24,
            quick=True,
        )
        for name in ("add", "multiply")
    ),
    Case(
        "nn_lookup_s8",
        "128 x 1536",
        lambda rng: ((rng.integers(-128, 128, (128, 1536)).astype(np.int8), np.arange(-128, 128).astype(np.int8)), {}),
        0,
        2 * 128 * 1536,
        quick=True,
    ),
    depthwise_s8(56, 144, 1, quick=True),
    depthwise_s8(112, 96, 2),
    depthwise_s8(7, 960, 1),
]
