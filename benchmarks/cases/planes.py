"""Planes of the bytes of weights."""

import numpy as np

from refcompress import reference

from .case import LAYERS, Case, normal


def planes(op, type, layer, **flags):
    """Return a case of cutting a layer's weights into planes, or of putting them together."""
    outputs, inputs, _ = LAYERS[layer]

    def make(rng):
        w = normal(rng, outputs, inputs)
        patterns = w.view(np.uint32) if type == "float32" else (w.view(np.uint32) >> 16).astype(np.uint16)
        return (patterns if op == "planes_split" else reference.planes_split(patterns, type), type), {}

    bytes_each = 4 if type == "float32" else 2
    return Case(op, f"{layer}, {type}", make, 0, 2 * bytes_each * outputs * inputs, **flags)


CASES = [
    *(
        planes(op, type, layer, quick=layer.startswith("LeNet"))
        for layer in ("LeNet-300-100 fc1", "4096 wide")
        for type in ("float32", "bfloat16")
        for op in ("planes_split", "planes_join")
    ),
]
