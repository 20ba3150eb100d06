"""Calls that an operation must refuse; the reference says with which exception, and about which argument."""

import numpy as np

from .. import reference
from ..formats import Encoded, Quantized
from . import floats, prune_cases
from .values import not_arrays

_F = np.float32
_NAN, _INF = _F([1, np.nan, 2]), _F([[1, 2], [np.inf, 3]])


def _other_dimensions(good: np.ndarray):
    yield good[0]
    yield good[None]


def _share_kmeans():
    w = _F([3, 1, 2])
    for bad in not_arrays(w):
        yield (bad,), {"bits": 1}
        if bad is not None:
            yield (w,), {"bits": 1, "weights": bad}
    for bad in (_NAN, _INF):
        yield (bad,), {"bits": 1}
    for weights in (_NAN, _F([1, -1, 1]), _F([0, 0, 0]), _F([1, 1])):
        yield (w,), {"bits": 1, "weights": weights}
    for kwargs in ({}, {"bits": 1, "clusters": 2}, {"bits": 0}, {"bits": 17}, {"bits": True}, {"bits": 1.0},
                   {"clusters": 0}, {"clusters": -1}, {"clusters": 65_537}, {"clusters": 4},
                   {"clusters": 1, "pruned": True},
                   {"bits": 1, "pruned": 1}, {"bits": 1, "init": "other"}, {"bits": 1, "init": 3},
                   {"bits": 1, "seed": -1}, {"bits": 1, "seed": 0.5}, {"bits": 1, "iterations": -1},
                   {"bits": 1, "iterations": None}):
        yield (w,), kwargs


def _quantize_s8():
    x = _F([[3, 1, 2], [0, -1, 5]])
    for bad in not_arrays(x):
        yield (bad,), {}
    for bad in (_NAN, _INF, -_INF, np.float32(3).reshape(())):
        yield (bad,), {}
    for kwargs in ({"scheme": "other"}, {"scheme": None}, {"axis": 2}, {"axis": -3}, {"axis": True}, {"axis": 0.0},
                   {"group": 0}, {"group": -1}, {"group": 1.5}, {"group": True}):
        yield (x,), kwargs
    for scale in (0, -1, np.nan, np.inf, 1e-45):
        yield (x,), {"scale": np.full((1, 1), scale, np.float32)}
    yield (x,), {"axis": 0, "scale": np.ones((3, 1), np.float32)}


def _dequantize_s8():
    for bad in (None, np.int8([1]), 3):
        yield (bad,), {}


def _lowrank_svd():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *_other_dimensions(w), _F([[1, np.nan]]), _INF):
        yield (bad,), {"rank": 1}
    for kwargs in ({}, {"rank": 1, "energy": 0.5}, {"rank": -1}, {"rank": 3}, {"rank": True}, {"rank": 1.0},
                   {"energy": -0.1}, {"energy": 1.1}, {"energy": np.nan}, {"error": -0.1}, {"error": np.nan}):
        yield (w,), kwargs


def _csr_from_dense():
    w = _F([[3, 1, 2], [0, -1, 5]])
    for bad in (*not_arrays(w), *_other_dimensions(w)):
        yield (bad,), {}
    for mask in (np.ones((2, 3), np.uint8), np.ones((3, 2), bool), np.ones(3, bool)):
        yield (w,), {"mask": mask}


def _csr_to_dense():
    for bad in (None, np.eye(2, dtype=np.float32), "text"):
        yield (bad,), {}


def _csr_matmul():
    a, x = reference.csr_from_dense(_F([[3, 0, 2], [0, -1, 5]])), _F([[1, 2], [3, 4], [5, 6]])
    for bad in (None, x, "text"):
        yield (bad, x), {}
    for bad in (*not_arrays(x), *_other_dimensions(x), x[:2], x.T, a):
        yield (a, bad), {}


def _gemm_s8s8(dtype=np.int8, most: int = 131_071):
    x, w = np.ones((2, 3), dtype), np.ones((4, 3), np.int8)
    for bad in (*not_arrays(x), *_other_dimensions(x), x[:, :2], x.astype(np.uint8 if dtype is np.int8 else np.int8)):
        yield (bad, w), {}
    for bad in (*not_arrays(w), *_other_dimensions(w), w.astype(np.uint8)):
        yield (x, bad), {}
    yield (np.ones((1, most + 1), dtype), np.ones((1, most + 1), np.int8)), {}


def _gemm_u8s8():
    yield from _gemm_s8s8(np.uint8, 65_793)


def _gemm_f32s8():
    x = np.ones((2, 3), np.float32)
    w = Quantized(np.ones((4, 3), np.int8), _F([[1]]), np.int8([[0]]))
    for bad in (*not_arrays(x), *_other_dimensions(x), x[:, :2]):
        yield (bad, w), {}
    for bad in (None, x, w.values, Quantized(np.ones(3, np.int8), _F([1]), np.int8([0]))):
        yield (x, bad), {}


def _gemm_f32mixed():
    x = np.ones((2, 3), np.float32)
    w = reference.allocate_mixed(np.ones((4, 3), np.float32), np.bool_([True, False, True]), axis=1)
    for bad in (*not_arrays(x), *_other_dimensions(x), x[:, :2]):
        yield (bad, w), {}
    for bad in (None, x, w.low, w.high):
        yield (x, bad), {}


def _huffman_lengths():
    counts = np.int64([1, 2, 3])
    for bad in (*not_arrays(counts), *_other_dimensions(counts), np.int64([1, -1]), np.uint64([2**63, 1]),
                np.int64([2**62] * 3), np.ones(2**15 + 1, np.int64)):
        yield (bad,), {}
    for limit in (0, 16, -1, True, 1.0, 1, None):  # one bit gives two codes, and three symbols are used
        yield (counts,), {"limit": limit}


def _huffman_code():
    lengths = np.uint8([1, 2, 2])
    for bad in (*not_arrays(lengths), *_other_dimensions(lengths), np.uint8([1, 1, 1]), np.uint8([1, 2]),
                np.uint8([2]), np.uint8([16, 1]), np.uint8([255, 255]), np.zeros(2**15 + 1, np.uint8)):
        yield (bad,), {}


def _huffman_encode():
    code, symbols = reference.huffman_code(np.uint8([1, 2, 0, 2])), np.uint8([0, 1, 3])
    without_code = np.uint8([0, 2]), np.uint8([0, 4]), np.uint16([0, 65_535])
    for bad in (*not_arrays(symbols), *_other_dimensions(symbols), *without_code):
        yield (bad, code), {}
    for bad in (None, code.lengths):
        yield (symbols, bad), {}


def _huffman_decode():
    """Words that no encoder writes: cut short, too long, a 1 in the padding, for a lone symbol, for no symbol."""
    for bad in (None, np.uint16([0])):
        yield (bad,), {}
    code = reference.huffman_code(np.uint8([1, 2, 3, 3]))
    for count in (1, 7, 33, 2500):
        symbols = np.random.default_rng(count).integers(0, 4, count).astype(np.uint8)
        words = reference.huffman_encode(symbols, code).words
        yield (Encoded(np.append(words, np.uint16(0)), count, code),), {}
        yield (Encoded(np.append(words, np.uint16([1] * 500)), count, code),), {}
        if 16 * (len(words) - 1) >= count:
            yield (Encoded(words[:-1], count, code),), {}
    yield (Encoded(np.uint16([0x8000]), 1, code),), {}
    lone = reference.huffman_code(np.uint8([0, 1]))
    for words in ([1], [0x8000], [4]):
        yield (Encoded(np.uint16(words), 3, lone),), {}
    yield (Encoded(np.uint16([0]), 0, code),), {}


_REFUSALS = prune_cases.REFUSALS | floats.REFUSALS | {f.__name__[1:]: f for f in (
    _share_kmeans, _quantize_s8, _dequantize_s8, _lowrank_svd, _csr_from_dense, _csr_to_dense,
    _csr_matmul, _gemm_s8s8, _gemm_u8s8, _gemm_f32s8, _gemm_f32mixed, _huffman_lengths, _huffman_code, _huffman_encode,
    _huffman_decode)}

from . import refusals_quantize  # noqa: E402  at the end, for it builds on what stands above

_REFUSALS |= refusals_quantize.REFUSALS


def refusals(op: str):
    """Yield (args, kwargs) that the operation ``op`` must refuse."""
    yield from _REFUSALS[op]()
