"""The range coder."""

import numpy as np

from refcompress import reference

from .case import Case


def _pruned_codes(rng, density, m=1000, k=4096):
    """Codes 1 to 15 of a share of the weights, more of them in some columns; 0 elsewhere."""
    columns = rng.random(k) * 2 * density
    return ((rng.random((m, k)) < columns) * rng.integers(1, 16, (m, k))).astype(np.uint8)


def _encoded(density, **lanes):
    """Return what makes the arguments of a decoder: LeNet's first layer, pruned to that density."""
    def made(rng):
        data = reference.rangecoder_encode(_pruned_codes(rng, density, 300, 784), alphabet=16, **lanes)
        return (data,), {"shape": (300, 784), "alphabet": 16, **lanes}

    return made


CASES = [
    Case(
        "rangecoder_encode",
        "LeNet-300-100 fc1, density 0.08",
        lambda rng: ((_pruned_codes(rng, 0.08, 300, 784),), {"alphabet": 16}),
        0,
        300 * 784,
        quick=True,
    ),
    Case(
        "rangecoder_decode",
        "LeNet-300-100 fc1, density 0.01",
        _encoded(0.01),
        0,
        300 * 784,
        quick=True,
    ),
    Case(
        "rangecoder_encode",
        "LeNet-300-100 fc1, density 0.08, sixteen rows",
        lambda rng: ((_pruned_codes(rng, 0.08, 300, 784),), {"alphabet": 16, "lanes": 16}),
        0,
        300 * 784,
    ),
    Case(
        "rangecoder_decode",
        "LeNet-300-100 fc1, density 0.08, sixteen rows",
        _encoded(0.08, lanes=16),
        0,
        300 * 784,
    ),
    Case(
        "rangecoder_decode",
        "LeNet-300-100 fc1, density 0.01, sixteen rows",
        _encoded(0.01, lanes=16),
        0,
        300 * 784,
    ),
]
