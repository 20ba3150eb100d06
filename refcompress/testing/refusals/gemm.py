"""What the operations of the gemm family must refuse."""

import numpy as np

from ... import reference
from ...formats import Quantized
from ..values import not_arrays, other_dimensions

_F = np.float32


def gemm_s8s8(dtype=np.int8, most: int = 131_071):
    x, w = np.ones((2, 3), dtype), np.ones((4, 3), np.int8)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2], x.astype(np.uint8 if dtype is np.int8 else np.int8)):
        yield (bad, w), {}
    for bad in (*not_arrays(w), *other_dimensions(w), w.astype(np.uint8)):
        yield (x, bad), {}
    yield (np.ones((1, most + 1), dtype), np.ones((1, most + 1), np.int8)), {}


def gemm_u8s8():
    yield from gemm_s8s8(np.uint8, 65_793)


def gemm_f32s8():
    x = np.ones((2, 3), np.float32)
    w = Quantized(np.ones((4, 3), np.int8), _F([[1]]), np.int8([[0]]))
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2]):
        yield (bad, w), {}
    for bad in (None, x, w.values, Quantized(np.ones(3, np.int8), _F([1]), np.int8([0]))):
        yield (x, bad), {}


def gemm_f32mixed():
    x = np.ones((2, 3), np.float32)
    w = reference.allocate_mixed(np.ones((4, 3), np.float32), np.bool_([True, False, True]), axis=1)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2]):
        yield (bad, w), {}
    for bad in (None, x, w.low, w.high):
        yield (x, bad), {}


def gemm_f32f32():
    x, w = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    for bad in (*not_arrays(x), *other_dimensions(x), x[:, :2]):
        yield (bad, w), {}
    for bad in (*not_arrays(w), *other_dimensions(w), w[:, :2], np.ones((3, 4), np.float32)):
        yield (x, bad), {}
    yield (x, w), {"transposed": True}
    yield (x, w), {"transposed": 1}
    yield (x, w), {"transposed": None}


REFUSALS = {f.__name__: f for f in (gemm_s8s8, gemm_u8s8, gemm_f32s8, gemm_f32mixed, gemm_f32f32)}
