"""prune_threshold: bounds of the threshold from sums in any order, and a comparison.

The threshold itself takes two sums, each one term after the other, the second of which waits for the first. It is
computed where the bounds are not close enough to tell for each float whether it is below.
"""

import math
import threading
from functools import wraps

import numpy as np

from ... import arguments, reference
from ...reference.prune.magnitude import threshold_request
from .. import _table, threads
from .._call import check, empty, pointer
from .._kernels import ffi, lib

UNIT = 2.0**-53  # rounding to double
CHUNK = 2**22  # weights in a call that is not split among threads: some milliseconds
SPEED = 2e9  # weights a second and thread, to the order of magnitude


def prune_threshold(kernel, row):
    """Return the operation prune_threshold computed by C kernels."""
    chain = row.kernels.get("prune_chain") or _table.widest("prune_chain")  # none goes with a kernel of the user's own

    @wraps(reference.prune_threshold)
    def prune_threshold(w, quality):
        w, quality = threshold_request(w, quality)
        low, high = (quality * bound for bound in _deviation_bounds(chain, w))
        if lib.rc_prune_least(low) == lib.rc_prune_least(high):
            threshold = low
        else:
            size = max(w.size, 1)
            mean = _sum(chain, w, 0, 0.0) / size
            threshold = quality * math.sqrt(_sum(chain, w, 1, mean) / size)
        mask = empty(w.shape, np.uint8)
        operands = pointer(w), threshold, pointer(mask, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), w.size, w.size / SPEED, 64)
        return mask.view(np.bool_)

    return prune_threshold


def _deviation_bounds(chain, w: np.ndarray) -> tuple[float, float]:
    """Return two numbers between which the reference's standard deviation of w lies, the lower first.

    Let S and Q be the exact sums of w and of w^2, V = Q - S^2 / n, and e bound the relative error of n + 5 roundings
    (Higham, Accuracy and Stability, section 3.1). As |S| and the sum of |w| are at most sqrt(n Q), the reference's mean
    is off by at most e sqrt(Q / n). About a point so far from the mean the squares sum to V .. V + e^2 Q, all terms
    being positive, and their computed sum is off by a factor of 1 - e .. 1 + e. The sums here take fewer roundings:
    with f for e, S^2 / n is off by at most (2 f + f^2) Q, and V by less than 4 f Q. Twice that covers the roundings of
    these lines.
    """
    total, lock = [0.0, 0.0], threading.Lock()
    weights = pointer(w)

    def some(begin, end):
        own = ffi.new("double[2]")
        chain(begin, end, 2, weights, 0.0, own)
        with lock:
            total[0] += own[0]
            total[1] += own[1]

    threads.run(some, w.size, w.size / SPEED, 64)
    size = max(w.size, 1)
    s, q = total
    if not math.isfinite(q):
        arguments.finite(w, "w")  # says which
    e, f = (roundings * UNIT for roundings in (1.001 * size + 8, 1024 + size / 2048))
    v, off = q - s * s / size, 8 * f * q
    return (math.sqrt(max(0.0, (v - off) * (1 - e)) / size) * (1 - 4 * UNIT),
            math.sqrt(max(0.0, (v + off + e * e * q) * (1 + e)) / size) * (1 + 4 * UNIT))


def _sum(chain, w: np.ndarray, squares: int, mean: float) -> float:
    """Return the sum of all weights, or of the squares of their distances from the mean, in C order."""
    total = ffi.new("double *", 0.0)
    weights = pointer(w)
    for begin in range(0, w.size, CHUNK):  # a call answers Ctrl-C when it ends
        chain(begin, min(begin + CHUNK, w.size), squares, weights, mean, total)
    return total[0]
