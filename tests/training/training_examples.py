"""A tiny network and examples that it can learn: what the tests of training share."""

import numpy as np

from refcompress.training import Dense, Dropout, Network, ReLU


def whole(rng, *shape, low=-4, high=5):
    """Small whole numbers: sums and products of these are exact in float64."""
    return rng.integers(low, high, shape).astype(np.float64)


def tiny_network(seed, dropout=0.0, dtype=np.float32, sizes=(6, 5, 3)):
    rng = np.random.default_rng(seed)
    k, hidden, m = sizes
    return Network([("drop", Dropout(dropout)), ("fc1", Dense(k, hidden, rng=rng, dtype=dtype)), ("relu", ReLU()),
                    ("fc2", Dense(hidden, m, rng=rng, dtype=dtype))])


def examples(seed, n=60, k=6, classes=3):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, k)).astype(np.float32)
    return x, (x[:, :classes].argmax(axis=1)).astype(np.uint8)


def is_positive_zero(a):
    return (np.ascontiguousarray(a).view(np.uint32) == 0).all()


def same_bits(a, b):
    """Return whether two dictionaries of arrays are the same to the last bit, and in the same order."""
    return list(a) == list(b) and all(a[name].tobytes() == b[name].tobytes() for name in a)
