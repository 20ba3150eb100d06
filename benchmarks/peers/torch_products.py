"""PyTorch's products with narrow weights, each by the library that computes it: oneDNN and FBGEMM.

Left out for what they take: oneDNN's qlinear of int8 by int8 (0.04 s at one row of 1024 x 1024, as the product of
bytes has an unsigned factor), int8 and int4 weights by float32 (loops that no compiler made vectors of).
"""

import numpy as np
import torch

from refcompress import reference

from . import Peer, by_rule
from .bounds import one_apart, quantized_together, rounded, sums, within
from .weights import dense, values

ITSELF = "quantizes x itself, by one scale"


def set_threads(threads: int) -> None:
    torch.set_num_threads(threads)


def _integers(x, w):
    x, w = torch.from_numpy(x), torch.from_numpy(w).t()
    return lambda: torch._int_mm(x, w).numpy()


def _unsigned(x, w):
    weight = torch.ops.onednn.qlinear_prepack(torch.from_numpy(w).t(), list(x.shape))
    x, ones, zeros = torch.from_numpy(x), torch.ones(len(w)), torch.zeros(len(w), dtype=torch.int64)
    call = torch.ops.onednn.qlinear_pointwise
    return lambda: call(x, 1.0, 0, weight, ones, zeros, None, 1.0, 0, torch.float32, "none", [], "").numpy()


def _packed(integers, scale, zero_point, bias, engine):
    torch.backends.quantized.engine = engine
    weight = torch._make_per_channel_quantized_tensor(
        torch.from_numpy(integers), torch.from_numpy(scale).double(), torch.from_numpy(zero_point).long(), 0)
    return torch.ops.quantized.linear_prepack(weight, bias)


def _of_rows(a, n):
    return np.broadcast_to(a[:, 0], n).copy()


def _dynamic(engine):
    def prepare(x, x_scale, w, bias=None):
        if w.scale.shape[1] != 1:
            raise ValueError("only scales of rows")
        n = len(w.values)
        bias = None if bias is None else torch.from_numpy(bias)
        weight = _packed(w.values, _of_rows(w.scale, n), _of_rows(w.zero_point, n), bias, engine)
        x = torch.from_numpy(x * x_scale[:, None])
        return lambda: torch.ops.quantized.linear_dynamic(x, weight).numpy()

    return prepare


def _pruned(x, x_scale, w, bias=None):
    """The dense product of the same weights, zeros and all."""
    return _dynamic("fbgemm")(x, x_scale, reference.sparse_bitmask_unpack(w), bias)


def _requantized(x, w):
    """FBGEMM's product ends in uint8: the sums over 2**16, which has the same inner loop and writes a quarter."""
    n = len(w)
    weight = _packed(w, np.ones(n, np.float32), np.zeros(n, np.int8), None, "fbgemm")
    x = torch._make_per_tensor_quantized_tensor(torch.from_numpy(x), 1.0, 0)
    return lambda: torch.ops.quantized.linear(x, weight, 2.0**16, 128).int_repr().numpy()


def _to_int8(engine):
    """Return what prepares the product that ends in int8, of factors that are powers of two."""
    def prepare(x, w, bias, multiplier, shift):
        if np.ptp(multiplier) or np.ptp(shift):
            raise ValueError("only one factor for all outputs")
        n, divisor = len(w), 2.0 ** (31 + int(shift[0])) / int(multiplier[0])
        ones = np.ones(n, np.float32), np.zeros(n, np.int8)
        weight = _packed(w, *ones, torch.from_numpy(bias).float(), engine)
        unsigned = torch.from_numpy((x.view(np.uint8) + np.uint8(128)))
        given = torch._make_per_tensor_quantized_tensor(unsigned, 1.0, 128)
        return lambda: torch.ops.quantized.linear(given, weight, divisor, 128).int_repr().numpy()

    return prepare


def _rounds_of(expected, got, args, kwargs):
    assert np.abs(got - np.clip(expected / 2.0**16 + 128, 0, 255)).max(initial=0) <= 0.5 + 2.0**-10


def _half(x, w):
    torch.backends.quantized.engine = "fbgemm"
    weight = torch.ops.quantized.linear_prepack_fp16(torch.from_numpy(w.dense()), None)
    x = torch.from_numpy(x)
    return lambda: torch.ops.quantized.linear_dynamic_fp16(x, weight).numpy()


def _bfloat16(x, w):
    x, w = (torch.from_numpy(dense(a)).bfloat16() for a in (x, w))
    weight = torch.ops.mkldnn._reorder_linear_weight(w, len(x))
    return lambda: torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def _four(x, x_scale, w):
    if w.group is None or np.any(w.zero_point):
        raise ValueError("only groups without zero points")
    codes = torch.from_numpy(values(w).astype(np.int32) + 8)
    weight = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    scale = torch.from_numpy(w.scale.T.copy())
    scale = torch.stack([scale, torch.zeros_like(scale)], -1).bfloat16()
    x, group = torch.from_numpy(x * x_scale[:, None]).bfloat16(), w.group
    return lambda: torch.ops.aten._weight_int4pack_mm_for_cpu(x, weight, group, scale)


def _of_bfloat16(bound):
    """Return the check of a tensor of bfloat16, which NumPy has not."""
    check = within(bound)
    return lambda expected, got, args, kwargs: check(expected, got.float().numpy(), args, kwargs)


PEERS = {
    "gemm_s8s8": Peer("torch, oneDNN", _integers, by_rule("gemm_s8s8")),
    "gemm_u8s8": [
        Peer("torch, oneDNN", _unsigned, within(sums), note="to float32"),
        Peer("torch, FBGEMM", _requantized, _rounds_of, note="to uint8"),
    ],
    "sparse_s8s8": Peer("torch, FBGEMM, dense", _pruned, within(quantized_together), bytes_a_weight=1, note=ITSELF),
    "gemm_s8s8_scaled": [
        Peer(f"torch, {name}", _dynamic(engine), within(quantized_together), note=ITSELF)
        for name, engine in (("FBGEMM", "fbgemm"), ("oneDNN", "onednn"))
    ],
    "gemm_s8s8_requantized": [
        Peer(f"torch, {name}", _to_int8(engine), one_apart, note="to uint8")
        for name, engine in (("FBGEMM", "fbgemm"), ("oneDNN", "onednn"))
    ],
    "gemm_f32f16": Peer("torch, FBGEMM", _half, by_rule("gemm_f32f16")),
    # Of 8 bits: x, w and y are rounded.
    "gemm_bf16bf16": Peer("torch, oneDNN", _bfloat16, _of_bfloat16(rounded(9, 3)), note="to bfloat16"),
    "gemm_s8s4": Peer("torch, int4", _four, _of_bfloat16(rounded(9, 4)), note="x, w and y in bfloat16"),
}
