"""MKL's dense products through its C interface: float32, integers, bfloat16."""

import ctypes
import sys
from pathlib import Path

import numpy as np

from . import Peer, by_rule
from .bounds import rounded, within
from .weights import dense

_found = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
if not _found:
    raise ImportError("the package mkl is not installed")
PATH = _found[0]
MKL = ctypes.CDLL(str(PATH))
ROWS, PLAIN, TURNED, FIXED = 101, 111, 112, 173  # CblasRowMajor, CblasNoTrans, CblasTrans, CblasFixOffset
integer, real, pointer = ctypes.c_int, ctypes.c_float, ctypes.c_void_p


def set_threads(threads: int) -> None:
    MKL.MKL_Set_Num_Threads(threads)


def _at(a: np.ndarray) -> pointer:
    return pointer(a.ctypes.data)


def _dense(x, w, transposed=False):
    (m, k), n = x.shape, w.shape[1 if transposed else 0]
    y = np.empty((m, n), np.float32)
    turn = PLAIN if transposed else TURNED
    def call():
        MKL.cblas_sgemm(ROWS, PLAIN, turn, m, n, k, real(1), _at(x), k, _at(w), w.shape[1], real(0), _at(y), n)
        return y
    return call


def _unsigned(x, w):
    # Of a product by rows the left factor is the unsigned one.
    (m, k), n = x.shape, len(w)
    y, zero = np.empty((m, n), np.int32), np.zeros(1, np.int32)
    def call():
        MKL.cblas_gemm_s8u8s32(ROWS, PLAIN, TURNED, FIXED, m, n, k, real(1), _at(x), k, ctypes.c_byte(0), _at(w), k,
                               ctypes.c_byte(0), real(0), _at(y), n, _at(zero))
        return y
    return call


def _bfloat16(x, w):
    x, w = ((dense(a).view(np.uint32) >> 16).astype(np.uint16) for a in (x, w))
    (m, k), n = x.shape, len(w)
    y = np.empty((m, n), np.float32)
    def call():
        MKL.cblas_gemm_bf16bf16f32(ROWS, PLAIN, TURNED, m, n, k, real(1), _at(x), k, _at(w), k, real(0), _at(y), n)
        return y
    return call


PEERS = {
    "gemm_f32f32": Peer("MKL", _dense, by_rule("gemm_f32f32")),
    "gemm_u8s8": Peer("MKL", _unsigned, by_rule("gemm_u8s8")),
    "gemm_bf16bf16": Peer("MKL", _bfloat16, within(rounded(9, 1)), note="to float32"),
}
