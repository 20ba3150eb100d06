"""Sums in another order than the stated one: exact ones, pairs, pieces; and caps that another number stands for."""

import math
from collections.abc import Callable

import numpy as np

from ... import reference
from ...reference.huffman import stream
from ...reference.rangecoder import model
from .kernels import Kernel

KERNELS: list[Kernel] = []


def _units(scores: np.ndarray, how: dict) -> np.ndarray | None:
    """Return the scores of each unit as a row, in C order; None where the structure has no such rows."""
    axis = {"row": 0, "filter": 0, "column": 1, "channel": 1}.get(how.get("structure", "element"))
    if axis is not None:
        return np.moveaxis(scores, axis, 0).reshape(scores.shape[axis], -1).astype(np.float64)
    if how.get("structure") == "block" and scores.ndim == 2:
        high, wide = (int(side) for side in how["block"])
        if high and wide and scores.size and not scores.shape[0] % high and not scores.shape[1] % wide:
            m, k = scores.shape
            cut = scores.reshape(m // high, high, k // wide, wide).transpose(0, 2, 1, 3)
            return cut.reshape(-1, high * wide).astype(np.float64)
    return None


def _spread(kept: np.ndarray, scores: np.ndarray, how: dict) -> np.ndarray:
    if how["structure"] == "block":
        high, wide = (int(side) for side in how["block"])
        return np.repeat(np.repeat(kept.reshape(-1, scores.shape[1] // wide), high, axis=0), wide, axis=1)
    axis = 0 if how["structure"] in ("row", "filter") else 1
    shape = [n if i == axis else 1 for i, n in enumerate(scores.shape)]
    return np.broadcast_to(kept.reshape(shape), scores.shape).copy()


def _summed(total: Callable[[np.ndarray], float], *structures: str) -> Callable:
    """Return a selection that sums the units of these structures in its own way."""
    def prune_select(scores, **how):
        if isinstance(scores, dict) or how.get("structure") not in structures or not np.isfinite(scores).all():
            return reference.prune_select(scores, **how)
        mask = reference.prune_select(scores, **how)  # refuses what is to be refused
        rows = _units(np.asarray(scores), how)
        if rows is None:
            return mask
        sums = np.array([total(row) for row in rows])
        kept = reference.prune_select(sums, keep=how.get("keep"), sparsity=how.get("sparsity"))
        return _spread(kept, np.asarray(scores), how)
    return prune_select


def _exact_threshold(w, quality):
    mask = reference.prune_threshold(w, quality)
    wide = np.asarray(w).reshape(-1).astype(np.float64)
    if not wide.size or not np.isfinite(wide).all() or (wide == wide[0]).all():
        return mask
    mean = math.fsum(wide) / wide.size
    deviation = math.sqrt(math.fsum((wide - mean) ** 2) / wide.size)
    return (np.abs(wide) >= float(quality) * deviation).reshape(np.shape(w))


def _of_128_lanes(symbols, code):
    if np.size(symbols) < 128 * 1024:
        return reference.huffman_encode(symbols, code)
    stream.MAX_LANES = 128
    try:
        return reference.huffman_encode(symbols, code)
    finally:
        stream.MAX_LANES = 64


def _magnitude_up_to(most: int) -> Callable:
    """Return a decoder for which rows and columns from 2^most on are alike."""
    def rangecoder_decode(data, *, shape, alphabet, lanes=1):
        if max(shape, default=0) < 2**most:
            return reference.rangecoder_decode(data, shape=shape, alphabet=alphabet, lanes=lanes)
        before = model.magnitude
        model.magnitude = lambda number: min(before(number), most - 1)
        try:
            return reference.rangecoder_decode(data, shape=shape, alphabet=alphabet, lanes=lanes)
        finally:
            model.magnitude = before
    return rangecoder_decode


KERNELS += [
    Kernel("prune_select", "channels summed exactly", "rule",
           "An exact sum is better than the stated order, and another number: it decides otherwise.",
           _summed(math.fsum, "channel", "column")),
    Kernel("prune_select", "filters summed in pairs", "rule",
           "NumPy's sum of a row adds in pairs, and the contract one after the other.",
           _summed(lambda row: float(np.sum(row)), "filter", "row")),
    Kernel("prune_select", "blocks summed by four accumulators", "rule",
           "Four lanes of a vector register have a sum each, which are added at the end.",
           _summed(lambda row: float(sum(float(np.cumsum(row[i::4])[-1]) if row[i::4].size else 0.0
                                         for i in range(4))), "block")),
    Kernel("prune_threshold", "exact sums", "rule",
           "The deviation is summed exactly, and the threshold is the next number.", _exact_threshold),
    Kernel("huffman_encode", "128 lanes", "length",
           "The wider kernel takes twice as many lanes where there are symbols enough, beyond the cap of the format.",
           _of_128_lanes),
    Kernel("rangecoder_decode", "columns from 2^14 on alike", "length",
           "A table has a place for each logarithm up to 13; the format goes on to 15.",
           _magnitude_up_to(14)),
]
