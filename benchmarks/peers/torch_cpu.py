"""PyTorch on the CPU: sparse and dense products, the int8 product (oneDNN), quantization, number formats, truncated
SVD."""

import numpy as np
import torch

from . import Peer, by_rule
from .numpy_blas import _near

TYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "fp8_e4m3": torch.float8_e4m3fn,
    "fp8_e5m2": torch.float8_e5m2,
}


def set_threads(threads: int) -> None:
    torch.set_num_threads(threads)


def _sparse(a, x):
    w = torch.sparse_csr_tensor(
        torch.from_numpy(a.indptr.astype(np.int64)),
        torch.from_numpy(a.indices.astype(np.int64)),
        torch.from_numpy(a.data.copy()),
        a.shape,
    )
    x = torch.from_numpy(x)
    return lambda: (w @ x).numpy()


def _integers(x, w):
    x, w = torch.from_numpy(x), torch.from_numpy(w).t()
    return lambda: torch._int_mm(x, w).numpy()


def _scaled(x, w):
    dense, x = torch.from_numpy(w.dense()), torch.from_numpy(x)
    return lambda: torch.nn.functional.linear(x, dense).numpy()


def _dense(x, w, transposed=False):
    x, w = torch.from_numpy(x), torch.from_numpy(w)
    w = w if transposed else w.t()
    return lambda: (x @ w).numpy()


def _decode(codes, format):
    t = torch.from_numpy(codes.copy()).view(TYPES[format])
    return lambda: t.to(torch.float32).numpy()


def _encode(w, format):
    w = torch.from_numpy(w)
    return lambda: w.to(TYPES[format]).view(torch.uint16 if format.endswith("16") else torch.uint8).numpy()


def _svd(w, rank):
    w = torch.from_numpy(w)

    def truncated():
        u, s, vt = torch.linalg.svd(w, full_matrices=False)
        return ((u[:, :rank] * s[:rank]) @ vt[:rank]).numpy()

    return truncated


def _randomized(w, rank):
    w = torch.from_numpy(w)
    return lambda: torch.svd_lowrank(w, q=rank)


def _nearly(expected, got, args, kwargs):
    """It promises no error; that of Gaussian noise, its worst case here, was 1.02 of the optimum."""
    u, s, v = (a.numpy() for a in got)
    error, ours = np.linalg.norm(args[0] - (u * s) @ v.T), expected.frobenius
    assert error <= 1.05 * ours, f"the error is {error}, not {ours}"


PEERS = {
    "csr_matmul": Peer("torch, CSR", _sparse, by_rule("csr_matmul")),
    "gemm_s8s8": Peer("torch, int8", _integers, by_rule("gemm_s8s8")),
    "gemm_f32s8": Peer("torch, dense", _scaled, by_rule("gemm_f32s8")),
    "gemm_f32f32": Peer("torch", _dense, by_rule("gemm_f32f32")),
    "floats_encode": Peer("torch", _encode, by_rule("floats_encode")),
    "floats_decode": Peer("torch", _decode, by_rule("floats_decode")),
    "lowrank_svd": Peer("torch, full SVD", _svd, _near),
    "lowrank_randomized": Peer("torch, svd_lowrank", _randomized, _nearly),
}
