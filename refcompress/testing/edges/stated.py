"""Inputs on which a few words of a clause decide: widths of a quotient, orders of a sum, what is dropped when."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import reference
from ...formats import CSR, LowRank, LowRankSparse, Quantized
from ..cases import Calls

_F = np.float32
EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {}


def _zero_points():
    """QUANT-2.4: ranges beside a tie of the zero point. Not one in a thousand shows in which width it was computed."""
    found, rng = [], np.random.default_rng(24)
    while len(found) < 12:
        low, high = -rng.integers(1, 4000, 20_000) / 8, rng.integers(1, 4000, 20_000) / 8
        wide = (high - low) / 255
        scale = wide.astype(_F)
        right, early = np.rint(-128 - low / scale), np.rint(-128 - low / wide)
        narrow = np.rint(_F(-128) - low.astype(_F) / scale)
        found += [_F([low[i], high[i]]) for i in np.flatnonzero((right != early) | (right != narrow))]
    for x in found:
        yield (x,), {"scheme": "affine"}
    rows = np.stack(found)
    yield (rows,), {"scheme": "affine", "axis": 0}
    yield (rows.reshape(1, -1),), {"scheme": "affine", "group": 2}


def _sums():
    """QUANT-5.3: half a unit of float32, and ones that one chain of float64 loses behind the first magnitude."""
    w = _F([2**54, 2**30] + [1] * 14)
    yield (w,), {}
    yield (np.stack([w, w[::-1]]),), {"axis": 0}
    yield (np.tile(w, 3)[None],), {"group": 16}


def _ternary_sums():
    for args, kwargs in _sums():
        for threshold in (0.0, 2.0**-60):
            yield args, {"threshold": threshold, **kwargs}


def _dominated():
    """ALLOCATE-1.2: a choice that was dominated, until the cost of a later layer rounds the difference away."""
    for tiny in (1e-20, 2.0**-53):
        for first in ((tiny, 0.0), (0.0, tiny), (tiny, tiny)):
            for sizes in ([[1, 1], [1, 1]], [[1, 1], [2, 1]]):
                yield (np.float64([first, (1, 1)]), np.int64(sizes), 3), {}
                yield (np.float64([(1, 1), first]), np.int64(sizes[::-1]), 3), {}
                yield (np.float64([(1, 1), first, (0, 0)]), np.int64([*sizes[::-1], (1, 1)]), 4), {}


def _largest_differences(dtype: type):
    """GEMM-3.1: inputs less their zero point have nine bits, so sums leave float32 twice as early as without one."""
    ends = np.iinfo(dtype)
    for k in (521, 1023, 1025, 1101, 2047):  # and the zero point times the sum of a row is odd and beyond 2**24
        for x, zero_point in ((ends.max, ends.min), (ends.min, ends.max), (ends.max, ends.min + 1)):
            w = np.array([[127] * k, [-127] * k, [127, -125] * (k // 2) + [127] * (k % 2)], np.int8)
            yield (np.full((2, k), x, dtype), w), {"x_zero_point": int(zero_point)}


def _biases_alone():
    """GEMM-5.2: without inputs the result is +0.0 plus the bias, so a bias of -0.0 becomes +0.0."""
    w = Quantized(np.zeros((3, 0), np.int8), np.ones((3, 1), _F), np.zeros((3, 1), np.int8))
    for bias in ([-0.0, 0.0, 2.0], [-0.0] * 3, [np.inf, -np.inf, np.nan]):
        yield (np.zeros((2, 0), np.int8), np.ones(2, _F), w, _F(bias)), {}


def _scales_in_the_middle():
    """LOWRANK-5.4: u times the inner product overflows, but for the scales between them."""
    for u, s, vt, x in ((1e30, 1e-30, 1e30, 1e-20), (1e30, 1e-35, 1e20, 1e10), (1e20, 1e-30, 1e25, 1e10)):
        yield LowRank(_F([[u, 1], [1, 2]]), _F([s, 1]), _F([[vt, 0], [1, 1]])), _F([[x, 0], [0, 3]])


def _scales_alone():
    for low, x in _scales_in_the_middle():
        yield (low, x), {}


def _scales_beside():
    sparse = reference.csr_from_dense(_F([[0, 1], [0, 0]]))
    for low, x in _scales_in_the_middle():
        yield (LowRankSparse(low, sparse), x), {}


def _stored_zeros_beside():
    """CSR-3.2: a stored zero multiplies; factors of rank 0 add nothing to it."""
    for zero in (0.0, -0.0):
        sparse = CSR((2, 3), [0, 2, 3], [0, 2, 1], _F([zero, 1, zero]))
        for rank in (0, 1):
            low = LowRank(np.zeros((2, rank), _F), np.zeros(rank, _F), np.zeros((rank, 3), _F))
            for value in (np.inf, -np.inf, np.nan):
                for place in range(3):
                    x = np.ones((3, 2), _F)
                    x[place, 1] = value
                    yield (LowRankSparse(low, sparse), x), {}


EDGES["gemm_s8s8"] = (partial(_largest_differences, np.int8),)
EDGES["gemm_u8s8"] = (partial(_largest_differences, np.uint8),)
EDGES["gemm_s8s8_scaled"] = (_biases_alone,)
EDGES["lowrank_matmul"] = (_scales_alone,)
EDGES["lowrank_sparse_matmul"] = (_scales_beside, _stored_zeros_beside)
EDGES["quantize_s8"] = (_zero_points,)
EDGES["quantize_binary"] = (_sums,)
EDGES["quantize_ternary"] = (_ternary_sums,)
EDGES["allocate_exact"] = EDGES["allocate_front"] = (_dominated,)
