"""prune_threshold: two sums in C, each one term after the other, and a comparison."""

import math
from functools import wraps

import numpy as np

from ... import arguments, reference
from ...reference.prune.magnitude import threshold_request
from .. import _table, threads
from .._call import check, empty, pointer
from .._kernels import ffi

CHUNK = 2**22  # weights in a call that is not split among threads: some milliseconds
SPEED = 2e9  # weights a second and thread, to the order of magnitude


def prune_threshold(kernel, row):
    """Return the operation prune_threshold computed by C kernels."""
    chain = row.kernels.get("prune_chain") or _table.widest("prune_chain")  # none goes with a kernel of the user's own

    @wraps(reference.prune_threshold)
    def prune_threshold(w, quality):
        w, quality = threshold_request(w, quality)
        size = max(w.size, 1)
        mean = _sum(chain, w, 0, 0.0) / size
        if not math.isfinite(mean):
            arguments.finite(w, "w")  # says which
        threshold = quality * math.sqrt(_sum(chain, w, 1, mean) / size)
        mask = empty(w.shape, np.uint8)
        operands = pointer(w), threshold, pointer(mask, writable=True)
        threads.run(lambda begin, end: check(kernel(begin, end, *operands), "w"), w.size, w.size / SPEED, 64)
        return mask.view(np.bool_)

    return prune_threshold


def _sum(chain, w: np.ndarray, squares: int, mean: float) -> float:
    """Return the sum of all weights, or of the squares of their distances from the mean, in C order."""
    total = ffi.new("double *", 0.0)
    weights = pointer(w)
    for begin in range(0, w.size, CHUNK):  # a call answers Ctrl-C when it ends
        chain(begin, min(begin + CHUNK, w.size), squares, weights, mean, total)
    return total[0]
