"""The range coder."""

import numpy as np

from refcompress import reference

from .case import Case


def _pruned_codes(rng, density, m=1000, k=4096):
    """Codes 1 to 15 of a share of the weights, more of them in some columns; 0 elsewhere."""
    columns = rng.random(k) * 2 * density
    return ((rng.random((m, k)) < columns) * rng.integers(1, 16, (m, k))).astype(np.uint8)


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
        lambda rng: (
            (reference.rangecoder_encode(_pruned_codes(rng, 0.01, 300, 784), alphabet=16),),
            {"shape": (300, 784), "alphabet": 16},
        ),
        0,
        300 * 784,
        quick=True,
    ),
]
