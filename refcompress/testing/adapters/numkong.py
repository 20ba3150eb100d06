"""numkong: products with a packed matrix."""

from collections.abc import Callable

import numpy as np

from ...formats import Plain
from ..contiguous import plain
from . import NO_REFUSALS

FAILURES = {"gemm_s8s8": {"refusals": NO_REFUSALS}, "gemm_f32f32": {"refusals": NO_REFUSALS},
            "gemm_bf16bf16": {"refusals": NO_REFUSALS}}


def operations() -> dict[str, Callable]:
    import numkong

    def product(x, w):
        if 0 in x.shape or 0 in w.shape:
            raise NotImplementedError("matrices without elements")
        return np.asarray(numkong.dots_packed(x, numkong.dots_pack(w)))

    def gemm_s8s8(x, w, *, x_zero_point=0):
        if type(x_zero_point) is not int or x_zero_point:
            raise NotImplementedError("no zero points")
        return product(plain(x), plain(w))

    def gemm_f32f32(x, w, *, transposed=False):
        return product(plain(x), plain(w.T) if transposed else plain(w)).astype(np.float32)  # sums are float64

    def gemm_bf16bf16(x, w):
        wide = ((plain(a.patterns if isinstance(a, Plain) else a).astype(np.uint32) << 16).view(np.float32)
                for a in (x, w))
        return product(*(numkong.astype(a, "bf16") for a in wide)).astype(np.float32)

    return {"gemm_s8s8": gemm_s8s8, "gemm_f32f32": gemm_f32f32, "gemm_bf16bf16": gemm_bf16bf16}
