"""Layers of every kind, and files whose bytes are written out: what the tests of the container share."""


import numpy as np
from file_mutations import framed, sealed

from refcompress import (
    CSR,
    LowRank,
    Quantized,
    Shared,
    container,
)

F32 = np.float32


def one(entry: str) -> bytes:
    """Return the file whose one entry, named "a", has these hexadecimal bytes."""
    return framed({"a": bytes.fromhex(entry)})


def second(entry: str, name: str = "01 61") -> bytes:
    """Return the same of version 2, and with the bytes of another name."""
    return sealed(container.MAGIC + b"\2\1" + bytes.fromhex(name) + bytes.fromhex(entry))


def example(seed: int = 0) -> dict:
    """Return layers of every kind, whose streams use every layout and both coders."""
    rng = np.random.default_rng(seed)
    codes = np.where(rng.random((30, 40)) < 0.1, np.minimum(rng.geometric(0.4, (30, 40)), 15), 0).astype(np.uint8)
    dense = np.where(rng.random((9, 40)) < 0.9, rng.integers(1, 5, (9, 40)), 0).astype(np.uint8)
    half = np.where(rng.random(400) < 0.5, rng.integers(1, 16, 400), 0).astype(np.uint8)
    stored = rng.random((12, 30)) < 0.2
    indptr = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
    return {
        "relative": Shared(codes, np.arange(16, dtype=F32)), "dense": Shared(dense, np.arange(5, dtype=F32)),
        "bitmask": Shared(half, np.arange(16, dtype=F32)), "unpruned": Shared(dense, np.arange(1, 6, dtype=F32)),
        "csr": CSR((12, 30), indptr, np.nonzero(stored)[1], rng.standard_normal(int(stored.sum())).astype(F32)),
        "int8": Quantized(np.rint(rng.standard_normal((8, 32)) * 3).astype(np.int8), np.full((8, 1), 0.1, F32),
                          np.zeros((8, 1), np.int8)),
        "low rank": LowRank(np.ones((3, 1), F32), np.ones(1, F32), np.ones((1, 4), F32)),
        "bias": np.arange(3, dtype=F32), "mask": np.array([True, False]),
    }


HEAD = 5  # bytes of an entry before the elements of a vector of 2**14 to 2**21 - 1 of int8: kind, dtype, shape


def vector(size: int, fill: int = 0) -> np.ndarray:
    """Return an array of int8 whose entry has ``size`` bytes, of at least 2**14 + 5."""
    return np.full(size - HEAD - (size - HEAD >= 2**14 and 1), fill, np.int8)
