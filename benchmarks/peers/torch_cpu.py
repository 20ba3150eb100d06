"""PyTorch on the CPU: sparse and dense products, layers of networks, number formats, truncated SVD."""

import numpy as np
import torch

from refcompress.formats import CSR

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
    if not isinstance(a, CSR):  # blocks have an indptr too
        w, x = torch.from_numpy(a.dense()).to_sparse_csr(), torch.from_numpy(x)
        return lambda: (w @ x).numpy()
    w = torch.sparse_csr_tensor(
        torch.from_numpy(a.indptr.astype(np.int64)),
        torch.from_numpy(a.indices.astype(np.int64)),
        torch.from_numpy(a.values.copy()),
        a.shape,
    )
    x = torch.from_numpy(x)
    return lambda: (w @ x).numpy()


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


def _activation(x, function):
    x = torch.from_numpy(x)
    known = {
        "erf": torch.erf,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
        "silu": torch.nn.functional.silu,
    }
    apply = known.get(function) or getattr(torch, function)
    return lambda: apply(x).numpy()


def _softmax(x):
    x = torch.from_numpy(x)
    return lambda: torch.softmax(x, -1).numpy()


def _layer_norm(x, weight=None, bias=None, *, epsilon=1e-5):
    x, weight, bias = (None if a is None else torch.from_numpy(a) for a in (x, weight, bias))
    return lambda: torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, epsilon).numpy()


def _rms_norm(x, weight=None, *, epsilon=1e-5):
    x, weight = (None if a is None else torch.from_numpy(a) for a in (x, weight))
    return lambda: torch.nn.functional.rms_norm(x, x.shape[-1:], weight, epsilon).numpy()


def _image(x, layout):
    """Return x as torch has it: the axes in the order of nchw, and channels last in memory where they are last."""
    return torch.from_numpy(x) if layout == "nchw" else torch.from_numpy(x).permute(0, 3, 1, 2)


def _back(y, layout):
    return (y if layout == "nchw" else y.permute(0, 2, 3, 1)).numpy()


def _depthwise(x, weight, bias=None, *, strides, pads, layout):
    image, weight, bias = _image(x, layout), torch.from_numpy(weight), torch.from_numpy(bias)
    return lambda: _back(torch.nn.functional.conv2d(image, weight, bias, strides, pads[:2], groups=len(weight)), layout)


def _patches(x, kernel, *, strides, pads, layout):
    if layout != "nchw":
        raise NotImplementedError("unfold has no channels last")
    x = torch.from_numpy(x)
    return lambda: torch.nn.functional.unfold(x, kernel, padding=pads[:2], stride=strides)[0].t().numpy()


def _max_pool(x, kernel, *, strides, pads, layout):
    image = _image(x, layout)
    return lambda: _back(torch.nn.functional.max_pool2d(image, kernel, strides, pads[:2]), layout)


def _average_pool(x, kernel, *, strides, pads, layout):
    image = _image(x, layout)
    return lambda: _back(
        torch.nn.functional.avg_pool2d(image, kernel, strides, pads[:2], count_include_pad=False), layout)


def _within(parts):
    """Return a check of results in float32 that promise no bits: within so many units of the last place, and of 1."""
    def check(expected, got, args, kwargs):
        assert got.shape == expected.shape
        worst = np.max(np.abs(got - expected) / np.maximum(np.abs(expected), 1), initial=0)
        assert worst <= parts * 2.0**-24, f"off by {worst * 2**24:.1f} parts of 2**24"
    return check


PEERS = {
    "nn_activation": Peer("torch", _activation, _within(64)),
    "nn_softmax": Peer("torch", _softmax, _within(64)),
    "nn_layer_norm": Peer("torch", _layer_norm, _within(64)),
    "nn_rms_norm": Peer("torch", _rms_norm, _within(64)),
    "nn_depthwise_f32": Peer("torch", _depthwise, by_rule("nn_depthwise_f32")),
    "nn_patches": Peer("torch, unfold", _patches, by_rule("nn_patches")),
    "nn_max_pool": Peer("torch", _max_pool, by_rule("nn_max_pool")),
    "nn_average_pool": Peer("torch", _average_pool, _within(64)),
    "csr_matmul": Peer("torch, CSR", _sparse, by_rule("csr_matmul")),
    "sparse_matmul": Peer("torch, CSR", _sparse, by_rule("sparse_matmul")),
    "gemm_f32s8": Peer("torch, dense", _scaled, by_rule("gemm_f32s8"), bytes_a_weight=4),
    "gemm_f32f32": Peer("torch", _dense, by_rule("gemm_f32f32")),
    "floats_encode": Peer("torch", _encode, by_rule("floats_encode")),
    "floats_decode": Peer("torch", _decode, by_rule("floats_decode")),
    "lowrank_svd": Peer("torch, full SVD", _svd, _near),
    "lowrank_randomized": Peer("torch, svd_lowrank", _randomized, _nearly),
}
