"""Solutions of the labs of prune, as learners write them: one right, and the others with a mistake each."""

import numpy as np


def magnitude_right(w, *, sparsity=None, keep=None):
    parts = {name: np.asarray(a) for name, a in w.items()} if isinstance(w, dict) else {None: w}
    every = np.concatenate([np.zeros(0, np.float32), *(np.abs(a).ravel() for a in parts.values())])
    if keep is None:
        keep = every.size - int(np.rint(sparsity * every.size))
    stays = np.zeros(every.size, bool)
    stays[sorted(range(every.size), key=lambda i: (-every[i], i))[:keep]] = True
    masks, begin = {}, 0
    for name, a in parts.items():
        masks[name] = stays[begin : begin + a.size].reshape(a.shape)
        begin += a.size
    return {name: mask.copy() for name, mask in masks.items()} if isinstance(w, dict) else masks[None]


def magnitude_last_of_equals(w, *, keep=None, sparsity=None):
    order = np.argsort(np.abs(w).ravel(), kind="stable")[::-1]
    mask = np.zeros(w.size, bool)
    mask[order[:keep]] = True
    return mask.reshape(w.shape)


def magnitude_with_signs(w, *, keep=None, sparsity=None):
    mask = np.zeros(w.size, bool)
    mask[np.argsort(-w.ravel(), kind="stable")[:keep]] = True
    return mask.reshape(w.shape)


def magnitude_by_threshold(w, *, keep=None, sparsity=None):
    if not keep:
        return np.zeros(w.shape, bool)
    return np.abs(w) >= np.sort(np.abs(w).ravel())[-keep]


def magnitude_rounds_what_stays(w, *, sparsity=None, keep=None):
    size = sum(np.size(a) for a in w.values()) if isinstance(w, dict) else w.size
    return magnitude_right(w, keep=int(np.rint((1 - sparsity) * size)) if keep is None else keep)


def obd_right(w, diagonal):
    with np.errstate(all="ignore"):
        return (np.asarray(diagonal, np.float64) * np.asarray(w, np.float64) ** 2 / 2).astype(np.float32)


def obd_without_half(w, diagonal):
    with np.errstate(all="ignore"):
        return (np.asarray(diagonal, np.float64) * np.asarray(w, np.float64) ** 2).astype(np.float32)


def obd_in_float32(w, diagonal):
    with np.errstate(all="ignore"):
        return np.asarray(np.asarray(diagonal, np.float32) * w * w / np.float32(2), np.float32)


def obd_without_signs(w, diagonal):
    return np.abs(obd_right(w, diagonal))


RIGHT = [("prune_magnitude", magnitude_right), ("prune_score_obd", obd_right)]
WRONG = [
    ("prune_magnitude", magnitude_last_of_equals, "ties", "PRUNE-1.3", "the same magnitude"),
    ("prune_magnitude", magnitude_with_signs, "signs", "PRUNE-2.1", "A negative weight"),
    ("prune_magnitude", magnitude_by_threshold, "count", "PRUNE-2.1", "is not `keep`"),
    ("prune_magnitude", magnitude_rounds_what_stays, "count of a share", "PRUNE-1.2", "`sparsity` was given"),
    ("prune_score_obd", obd_without_half, "factor", "PRUNE-5.1", "off by the same factor"),
    ("prune_score_obd", obd_in_float32, "few bits", "PRUNE-5.1", "rounded too early"),
    ("prune_score_obd", obd_without_signs, "negative derivative", "PRUNE-5.1", "second derivative is negative")]
