"""What is right where the reference would take minutes: the same sums in float64, in BLAS's order, rounded once.

The rules allow float64 any order, and integers of this size are exact in it; a test compares these with the reference.
For share_optimal it is our own native form, which the tests prove: the peers are held against it.
"""

import numpy as np

from .peers.weights import dense


def _decoded(x, w):
    return (x.astype(np.float64) @ dense(w).astype(np.float64).T).astype(np.float32)


EXPECTED = {
    **{f"gemm_f32{kind}": _decoded for kind in ("s4", "lut4", "lut8", "nf4", "f16", "bf16", "fp8", "mx", "nvfp4")},
    "csr_matmul": lambda a, x: (a.dense().astype(np.float64) @ x.astype(np.float64)).astype(np.float32),
    "gemm_s8s8": lambda x, w: (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int32),
    "gemm_u8s8": lambda x, w: (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int32),
    "gemm_f32s8": lambda x, w: (x.astype(np.float64) @ _weights(w).T).astype(np.float32),
    "gemm_f32f32": lambda x, w, transposed=False: (x.astype(np.float64) @ (w if transposed else w.T)).astype(
        np.float32
    ),
    "share_optimal": lambda w, **options: _native().share_optimal(w, **options),
    "gemm_f32mixed": lambda x, w: (x.astype(np.float64) @ w.merge(_weights(w.low), _weights(w.high)).T).astype(
        np.float32
    ),
}


def _native():
    from refcompress import native

    return native


def _weights(w):
    return w.expand(w.scale).astype(np.float64) * (w.values.astype(np.int64) - w.expand(w.zero_point))
