"""numkong: products with a packed matrix, on one thread (it has no threads of its own)."""

import numkong
import numpy as np

from . import Peer, by_rule
from .bounds import rounded, sums, within
from .weights import dense

# Its levels above AVX2 on x86-64.
WIDE = ("skylake", "icelake", "genoa", "turin", "sapphire", "sapphireamx", "graniteamx", "diamond")
THREADS = 1


def set_threads(threads: int) -> None:
    global THREADS
    THREADS = threads


def hold_to_avx2() -> None:
    for level in WIDE:
        numkong.disable_capability(level)


def _call(x, w):
    if THREADS != 1:
        raise ValueError("it has no threads")
    weight = numkong.dots_pack(w)
    return lambda: np.asarray(numkong.dots_packed(x, weight))


def _half(x, w):
    return _call(x.astype(np.float16), w.dense().astype(np.float16))


def _bfloat16(x, w):
    return _call(*(numkong.astype(dense(a), "bf16") for a in (x, w)))


def _dense(x, w, transposed=False):
    return _call(x, np.ascontiguousarray(w.T) if transposed else w)


PEERS = {
    "gemm_s8s8": Peer("numkong", _call, by_rule("gemm_s8s8")),
    "gemm_f32f32": Peer("numkong", _dense, lambda expected, got, args, kwargs: by_rule("gemm_f32f32")(
        expected, got.astype(np.float32), args, kwargs), note="sums in float64"),
    "gemm_f32f16": Peer("numkong", _half, within(rounded(11, 1)), note="x in float16"),
    "gemm_bf16bf16": Peer("numkong", _bfloat16, within(sums), note="to float32"),
}
