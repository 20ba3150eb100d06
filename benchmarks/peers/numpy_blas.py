"""NumPy: the dense product of its BLAS; LAPACK; and, where there is no other peer, copying the arrays, as a
yardstick."""

import numpy as np

from refcompress.testing import arrays_of

from . import Peer, by_rule
from .weights import dense


def _sparse(a, x):
    w = a.dense()
    return lambda: w @ x


def _integers(x, w):
    # float32 would round sums above 2**24; in float64 they are exact, and BLAS is still faster than NumPy's integer
    # loops.
    x, w = x.astype(np.float64), np.ascontiguousarray(w.T, dtype=np.float64)
    return lambda: (x @ w).astype(np.int32)


def _scaled(x, w):
    weight = dense(w).T
    return lambda: x @ weight


def _dense(x, w, transposed=False):
    w = w if transposed else w.T
    return lambda: x @ w


def _svd(w, rank):
    def truncated():
        u, s, vt = np.linalg.svd(w, full_matrices=False)
        return (u[:, :rank] * s[:rank]) @ vt[:rank]

    return truncated


def _near(expected, got, args, kwargs):
    """The product of another truncated SVD differs by rounding: of (m + k) 2**-23 of the norm, and the gap of the
    spectrum."""
    w = args[0]
    error, best = np.linalg.norm(w - got), np.linalg.norm(w - expected.dense())
    assert error <= best + sum(w.shape) * 2.0**-23 * np.linalg.norm(w), f"the error is {error}, not {best}"


def copies(*args, **kwargs):
    """Return a function that copies the arrays of a call: no kernel that reads them all can be much faster."""
    pairs = [(np.empty_like(a), a) for a in arrays_of((args, kwargs))]

    def copy():
        for to, source in pairs:
            np.copyto(to, source)

    return copy


PEERS = {
    "csr_matmul": Peer("NumPy, dense", _sparse, by_rule("csr_matmul"), bytes_a_weight=4),
    "sparse_matmul": Peer("NumPy, dense", _sparse, by_rule("sparse_matmul"), bytes_a_weight=4),
    "gemm_s8s8": Peer("NumPy, float64", _integers, by_rule("gemm_s8s8"), bytes_a_weight=8),
    "gemm_u8s8": Peer("NumPy, float64", _integers, by_rule("gemm_u8s8"), bytes_a_weight=8),
    "gemm_f32s8": Peer("NumPy, dense", _scaled, by_rule("gemm_f32s8"), bytes_a_weight=4),
    "gemm_f32mixed": Peer("NumPy, dense", _scaled, by_rule("gemm_f32mixed"), bytes_a_weight=4),
    **{f"gemm_f32{kind}": Peer("NumPy, dense", _scaled, by_rule(f"gemm_f32{kind}"), bytes_a_weight=4)
       for kind in ("s4", "lut4", "lut8", "nf4", "f16", "bf16", "fp8", "mx", "nvfp4")},
    "gemm_f32f32": Peer("NumPy", _dense, by_rule("gemm_f32f32")),
    "lowrank_svd": Peer("NumPy, full SVD", _svd, _near),
}
YARDSTICK = Peer("copying the input", copies, lambda expected, got, args, kwargs: None)
