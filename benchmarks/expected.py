"""What is right where the reference would take minutes: the same sums in float64, in BLAS's order, rounded once.

The rules allow float64 any order, and integers of this size are exact in it; a test compares these with the reference.
For searches (share_optimal, divergences, GPTQ, SparseGPT, clipping) it is our own native form, which the tests prove:
all else is held against it.
"""

import numpy as np

from refcompress import reference
from refcompress.reference.gemm import codes, contract, integers

from .peers.weights import dense, values


def _decoded(x, w):
    return (x.astype(np.float64) @ dense(w).astype(np.float64).T).astype(np.float32)


def _scaled(x, x_scale, w, bias=None):
    """gemm_s8s8_scaled with sums by BLAS: of integers below 2**53, so exact; what follows them is in its order."""
    (n, k), group = w.shape, w.group or max(w.shape[1], 1)
    steps = (w.values - w.expand(w.zero_point).astype(np.float64)).T
    scale = np.broadcast_to(w.scale, (n, w.scale.shape[1])).astype(np.float64)
    y = np.zeros((len(x), n))
    for g, first in enumerate(range(0, k, group)):
        part = slice(first, first + group)
        y += (x[:, part].astype(np.float64) @ steps[part]) * (x_scale.astype(np.float64)[:, None] * scale[:, g])
    return (y if bias is None else y + bias).astype(np.float32)


def _by_groups(x, x_scale, steps, scale, group):
    """gemm_s8s4 with sums by BLAS, exact as above; what follows them is in its order."""
    y = np.zeros((len(x), len(steps)), np.float32)
    for g, first in enumerate(range(0, x.shape[1], group)):
        part = slice(first, first + group)
        acc = x[:, part].astype(np.float64) @ steps[:, part].astype(np.float64).T
        y = contract.fma(acc.astype(np.float32), scale[:, g], y)
    return y * x_scale[:, None]


def _four(x, x_scale, w):
    steps = values(w) - w.expand(w.zero_point) if hasattr(w, "expand") else values(w)
    return _by_groups(x, x_scale, steps, np.broadcast_to(w.scale, (w.shape[0], w.scale.shape[1])),
                      w.group or w.shape[1])


def _coded(x, x_scale, w):
    return _by_groups(x, x_scale, *codes.quantized_codebook(w), w.group or w.shape[1])


def _requantized(x, w, bias, multiplier, shift):
    sums = (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int64) + bias
    return integers.rounded_to_s8(sums, multiplier, shift, 0, -128, 127)


SEARCHES = ("share_optimal", "quantize_range_kl", "quantize_gptq", "quantize_clip", "prune_sparsegpt")


def _of_native(name):
    return lambda *args, **kwargs: getattr(_native(), name)(*args, **kwargs)


EXPECTED = {
    "gemm_bf16bf16": lambda x, w: _decoded(dense(x), w),
    "gemm_s8s8_scaled": _scaled,
    "gemm_s8s4": _four,
    "gemm_s8lut4": _coded,
    "gemm_s8s8_requantized": _requantized,
    "sparse_s8s8": lambda x, x_scale, w: _scaled(x, x_scale, reference.sparse_bitmask_unpack(w)),
    "sparse_matmul": lambda a, x: (a.dense().astype(np.float64) @ x.astype(np.float64)).astype(np.float32),
    **{f"gemm_f32{kind}": _decoded for kind in ("s4", "lut4", "lut8", "nf4", "f16", "bf16", "fp8", "mx", "nvfp4")},
    "csr_matmul": lambda a, x: (a.dense().astype(np.float64) @ x.astype(np.float64)).astype(np.float32),
    "gemm_s8s8": lambda x, w: (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int32),
    "gemm_u8s8": lambda x, w: (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int32),
    "gemm_f32s8": lambda x, w: (x.astype(np.float64) @ _weights(w).T).astype(np.float32),
    "gemm_f32f32": lambda x, w, transposed=False: (x.astype(np.float64) @ (w if transposed else w.T)).astype(
        np.float32
    ),
    **{name: _of_native(name) for name in SEARCHES},
    "gemm_f32mixed": lambda x, w: (x.astype(np.float64) @ w.merge(_weights(w.low), _weights(w.high)).T).astype(
        np.float32
    ),
}


def _native():
    from refcompress import native

    return native


def _weights(w):
    return w.expand(w.scale).astype(np.float64) * (w.values.astype(np.int64) - w.expand(w.zero_point))
