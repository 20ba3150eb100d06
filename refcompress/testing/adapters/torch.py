"""PyTorch on the CPU."""

from collections.abc import Callable

import numpy as np

from ...formats import Plain, Quantized
from ..contiguous import plain
from . import NO_REFUSALS

FAILURES = {
    "gemm_f32f32": {"refusals": NO_REFUSALS},
    "gemm_bf16bf16": {name: "sums are rounded to bfloat16" for name in ("sizes", "tails", "layouts")} | {
        "refusals": NO_REFUSALS},
    "quantize_s8": {"refusals": NO_REFUSALS},
    "floats_encode": {name: "a NaN keeps its sign; here all NaNs have one code" for name in ("values", "layouts")} | {
        "refusals": NO_REFUSALS},
    "floats_decode": {"refusals": NO_REFUSALS},
    "nn_patches": {"refusals": NO_REFUSALS},
    "nn_max_pool": {"refusals": NO_REFUSALS},
}


def operations() -> dict[str, Callable]:
    import torch

    def of(a):
        return torch.from_numpy(plain(np.asarray(a)))

    types = {"float16": torch.float16, "bfloat16": torch.bfloat16, "fp8_e4m3": torch.float8_e4m3fn,
             "fp8_e5m2": torch.float8_e5m2}

    def type_of(format):
        if format not in types:
            raise NotImplementedError(f"no type {format}")
        return types[format]

    def gemm_f32f32(x, w, *, transposed=False):
        return (of(x) @ (of(w) if transposed else of(w).T)).numpy()

    def gemm_bf16bf16(x, w):
        x, w = (of(a.patterns if isinstance(a, Plain) else a).view(torch.bfloat16) for a in (x, w))
        return (x @ w.T).to(torch.float32).numpy()

    def quantize_s8(x, *, bits=8, scheme="symmetric", axis=None, group=None, scale=None, zero_point=None):
        if (bits, scheme, axis, group) != (8, "affine", None, None) or scale is None or zero_point is None:
            raise NotImplementedError("only all integers of 8 bits, by one given scale and zero point")
        step, zero = np.asarray(scale).reshape(-1), np.asarray(zero_point).reshape(-1)
        q = torch.quantize_per_tensor(of(x), float(step[0]), int(zero[0]), torch.qint8)
        shape = (1,) * np.ndim(x)
        return Quantized(q.int_repr().numpy(), plain(step.reshape(shape)).astype(np.float32),
                         plain(zero.reshape(shape)).astype(np.int8), None)

    def floats_encode(x, format, *, overflow="saturate"):
        if overflow != ("saturate" if format == "fp8_e4m3" else "format"):
            raise NotImplementedError("fp8_e4m3 saturates (since 2.13), the others do not")
        return of(x).to(type_of(format)).view(torch.uint16 if format.endswith("16") else torch.uint8).numpy()

    def floats_decode(codes, format):
        return of(codes).view(type_of(format)).to(torch.float32).numpy()

    def window(kernel, strides, pads, dilations, layout):
        if layout != "nchw" or tuple(pads[:2]) != tuple(pads[2:]):
            raise NotImplementedError("channels come first, and both sides are padded alike")
        return {"kernel_size": tuple(kernel), "stride": tuple(strides), "padding": tuple(pads[:2]),
                "dilation": tuple(dilations)}

    def nn_patches(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), fill=0, layout="nchw"):
        if x.dtype != np.float32 or fill != 0:
            raise NotImplementedError("only float32, padded with zeros")
        got = torch.nn.functional.unfold(of(x), **window(kernel, strides, pads, dilations, layout))
        return np.ascontiguousarray(got.numpy().transpose(0, 2, 1)).reshape(-1, got.shape[1])

    def nn_max_pool(x, kernel, *, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), ceil=False, layout="nchw"):
        if 2 * pads[0] > kernel[0] or 2 * pads[1] > kernel[1] or x.dtype != np.float32:
            raise NotImplementedError("at most half of the window is padded, and only float32 is pooled")
        how = window(kernel, strides, pads, dilations, layout)
        return torch.nn.functional.max_pool2d(of(x), **how, ceil_mode=bool(ceil)).numpy()

    return {"gemm_f32f32": gemm_f32f32, "gemm_bf16bf16": gemm_bf16bf16, "quantize_s8": quantize_s8,
            "floats_encode": floats_encode, "floats_decode": floats_decode, "nn_patches": nn_patches,
            "nn_max_pool": nn_max_pool}
