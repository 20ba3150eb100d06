"""Planes of the bytes of weights, and the streams of them."""

import numpy as np

from refcompress import reference

from .case import LAYERS, Case, normal


def planes(op, type, layer, **flags):
    """Return a case of cutting a layer's weights into planes, of putting them together, or of their streams."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        w = normal(rng, outputs, inputs)
        patterns = w.view(np.uint32) if type == "float32" else (w.view(np.uint32) >> 16).astype(np.uint16)
        return {
            "planes_split": lambda: (patterns, type),
            "planes_join": lambda: (reference.planes_split(patterns, type), type),
            "planes_encode": lambda: (patterns, type),
            "planes_decode": lambda: (reference.planes_encode(patterns, type), type, patterns.size),
        }[op](), {}

    bytes_each = 4 if type == "float32" else 2
    return Case(op, f"{layer}, {type}", make, 0, 2 * bytes_each * outputs * inputs, **flags)


CASES = [
    *(
        planes(op, type, layer, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "4096 wide")
        for type in ("float32", "bfloat16")
        for op in ("planes_split", "planes_join", "planes_encode", "planes_decode")
    ),
]
