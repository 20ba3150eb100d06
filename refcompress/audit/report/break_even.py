"""From which density on a sparse product is faster than a dense one: measured on this machine, for one shape."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ... import native

__all__ = ["BreakEven", "break_even"]

DENSITIES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
LONGEST = 2048  # rows and columns of the measured matrix: 16 MiB of float32, so a product takes a millisecond
RUNS = 5


@dataclass(frozen=True)
class BreakEven:
    """Where two products take the same time.

    shape : of the measured matrix. columns : of what it is multiplied by. density : below it ``csr_matmul`` took less
    time than the faster of ``gemm_f32f32`` and NumPy's own product; 0 where it never did, 1 where it always did.
    """

    shape: tuple[int, int]
    columns: int
    density: float


def break_even(shape: tuple[int, int], columns: int) -> BreakEven:
    """Measure both products of random matrices, each on one thread, the least of RUNS runs in turn.

    >>> found = break_even((64, 64), 1)
    >>> found.shape, 0 <= found.density <= 1
    ((64, 64), True)
    """
    m, n = (max(1, min(size, LONGEST)) for size in shape)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((columns, n), dtype=np.float32)
    dense = rng.standard_normal((m, n), dtype=np.float32)
    order = rng.random((m, n), dtype=np.float32)
    before, least = 0.0, None
    for density in DENSITIES:
        sparse = native.csr_from_dense(np.where(order < density, dense, np.float32(0)))
        transposed = np.ascontiguousarray(x.T)
        with native.threads.one():
            ratio = _ratio(lambda: native.csr_matmul(sparse, transposed),
                           lambda: native.gemm_f32f32(x, dense), lambda: dense @ transposed)
        if ratio > 1:
            if least is None:
                return BreakEven((m, n), columns, 0.0)
            part = (1 - least) / (ratio - least)
            return BreakEven((m, n), columns, before + part * (density - before))
        before, least = density, ratio
    return BreakEven((m, n), columns, 1.0)


def _ratio(sparse: Callable[[], object], *dense: Callable[[], object]) -> float:
    """Return the least time of one call over that of the others; calls take turns, so that all see the same machine."""
    calls = (sparse, *dense)
    least = [math.inf] * len(calls)
    for _ in range(1 + RUNS):  # the first time is never the least: it warms the caches
        for i, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            least[i] = min(least[i], time.perf_counter() - begin)
    return least[0] / min(least[1:])
