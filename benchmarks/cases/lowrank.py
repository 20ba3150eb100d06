"""Low rank: singular values, the randomized decomposition, the product."""

import numpy as np

from refcompress import LowRank, LowRankSparse, reference

from .case import Case, normal, on_weights


def _turned(rng, a):
    """Return q @ a for a random orthogonal q of 4096 rows, the Kronecker product of two of 64: made and applied in a
    moment."""
    one, other = (np.linalg.qr(rng.standard_normal((64, 64)))[0].astype(np.float32) for _ in range(2))
    return (
        np.matmul(one, np.matmul(other, a.reshape(64, 64, -1)).transpose(1, 0, 2)).transpose(1, 0, 2).reshape(a.shape)
    )


def lowrank(rank):
    """Return a case of a matrix with the singular values 1 / sqrt(i) in a random order."""
    def make(rng):
        s = rng.permutation(1 / np.sqrt(np.arange(1, 4097))).astype(np.float32)
        return (np.ascontiguousarray(_turned(rng, _turned(rng, np.diag(s)).T)),), {"rank": rank}

    return Case(
        "lowrank_randomized",
        f"4096 wide, singular values 1 / sqrt(i), rank {rank}",
        make,
        2 * 4096**2 * rank,
        4 * 4096**2,
    )


CASES = [
    on_weights("lowrank_svd", "LeNet-300-100 fc1", 4, rank=50, quick=True),
    on_weights("lowrank_randomized", "LeNet-300-100 fc1", 4, rank=50, quick=True),
    *(lowrank(rank) for rank in (64, 256)),
    Case(
        "lowrank_whitened",
        "LeNet-300-100 fc1, rank 50",
        lambda rng: (
            (normal(rng, 300, 784), reference.quantize_hessian(normal(rng, 2000, 784))),
            {"rank": 50},
        ),
        0,
        4 * 300 * 784 + 8 * 784 * 784,
        quick=True,
    ),
    Case(
        "lowrank_matmul",
        "AlexNet fc8, rank 64, batch 64",
        lambda rng: (
            (LowRank(normal(rng, 1000, 64), normal(rng, 64), normal(rng, 64, 4096)), normal(rng, 4096, 64)),
            {},
        ),
        2 * 64 * 64 * 5096,
        4 * (64 * 5096 + 64 * 5096),
        quick=True,
    ),
    Case(
        "lowrank_sparse_matmul",
        "AlexNet fc8, rank 64 and 1% of CSR, batch 64",
        lambda rng: (
            (LowRankSparse(LowRank(normal(rng, 1000, 64), normal(rng, 64), normal(rng, 64, 4096)),
                           reference.csr_from_dense(normal(rng, 1000, 4096), rng.random((1000, 4096)) < 0.01)),
             normal(rng, 4096, 64)),
            {},
        ),
        2 * 64 * (64 * 5096 + 40960),
        4 * (64 * 5096 + 64 * 5096) + 8 * 40960,
        quick=True,
    ),
]
