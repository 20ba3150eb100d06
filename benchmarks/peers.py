"""Who we are compared with: what NumPy's BLAS and zlib do with the same input, and what the right answer is.

A peer is prepared outside the clock (weights made dense, converted, transposed), as its user would prepare it once.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refcompress import ops, reference


@dataclass(frozen=True)
class Peer:
    """``prepare(*args)`` returns the function to be timed; ``check(expected, got, args)`` raises where it is wrong."""

    label: str
    prepare: Callable
    check: Callable


def _by_rule(op):
    return lambda expected, got, args: ops.OPS[op].rule(expected, got, args, {})


def _sparse(a, x):
    w = a.dense()
    return lambda: w @ x


def _integers(x, w):
    x, w = x.astype(np.float64), np.ascontiguousarray(w.T, dtype=np.float64)
    return lambda: (x @ w).astype(np.int32)


def _scaled(x, w):
    dense = w.dense().T
    return lambda: x @ dense


def _encoder(symbols, code):
    def encode():
        coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
        return coder.compress(symbols) + coder.flush()

    return encode


def _decodes(expected, got, args):
    assert zlib.decompress(got, -15) == args[0].tobytes(), "zlib does not give the symbols back"


def _decoder(encoded):
    coded = _encoder(reference.huffman_decode(encoded), None)()
    return lambda: np.frombuffer(zlib.decompress(coded, -15), np.uint8)


PEERS = {
    "csr_matmul": Peer("BLAS, dense", _sparse, _by_rule("csr_matmul")),
    # float32 would round sums above 2**24; in float64 they are exact, and BLAS is still faster than NumPy's integer loops.
    "gemm_s8s8": Peer("BLAS, float64", _integers, _by_rule("gemm_s8s8")),
    "gemm_u8s8": Peer("BLAS, float64", _integers, _by_rule("gemm_u8s8")),
    "gemm_f32s8": Peer("BLAS, float32", _scaled, _by_rule("gemm_f32s8")),
    "gemm_f32mixed": Peer("BLAS, float32", _scaled, _by_rule("gemm_f32mixed")),
    "huffman_encode": Peer("zlib, Huffman only", _encoder, _decodes),
    "huffman_decode": Peer("zlib, Huffman only", _decoder, _by_rule("huffman_decode")),
}


# The reference sums in float64 and rounds once; so does this, in BLAS's order and hundreds of times faster, for cases that
# would take it minutes. The rules allow float64 any order (and integers of this size are exact in it).
EXPECTED = {
    "csr_matmul": lambda a, x: (a.dense().astype(np.float64) @ x.astype(np.float64)).astype(np.float32),
    "gemm_s8s8": lambda x, w: (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int32),
    "gemm_u8s8": lambda x, w: (x.astype(np.float64) @ w.T.astype(np.float64)).astype(np.int32),
    "gemm_f32s8": lambda x, w: (x.astype(np.float64) @ _weights(w).T).astype(np.float32),
    "gemm_f32mixed": lambda x, w: (x.astype(np.float64) @ w.merge(_weights(w.low), _weights(w.high)).T).astype(np.float32),
}


def _weights(w):
    return w.expand(w.scale).astype(np.float64) * (w.values.astype(np.int64) - w.expand(w.zero_point))
