"""Solutions of the labs of prune, as learners write them: one right, and the others with a mistake each."""

import numpy as np

from refcompress import prune_select
from refcompress.reference.hessian import inverse_factor


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


def magnitude_last_place_of_0(w, *, keep=None, sparsity=None):
    mask = np.zeros(w.size, bool)
    mask[np.argsort(np.abs(w).ravel()[::-1], kind="stable")[-keep:]] = True  # of 0 all
    return mask[::-1].reshape(w.shape)


def magnitude_seeks_the_last_of_none(w, *, keep=None, sparsity=None):
    if w.size:
        np.partition(np.abs(w).ravel(), w.size - keep)
    return magnitude_right(w, keep=keep)


def magnitude_keeps_none(w, *, keep=None, sparsity=None):
    return np.zeros(w.shape, bool)


def magnitude_keeps_one_less(w, *, keep=None, sparsity=None):
    return magnitude_right(w, keep=max(keep - 1, 0))


def magnitude_rounds_what_stays(w, *, sparsity=None, keep=None):
    size = sum(np.size(a) for a in w.values()) if isinstance(w, dict) else w.size
    return magnitude_right(w, keep=int(np.rint((1 - sparsity) * size)) if keep is None else keep)


def magnitude_counts_in_the_type_of_keep(w, *, sparsity=None, keep=None):
    size = sum(np.size(a) for a in w.values()) if isinstance(w, dict) else w.size
    return magnitude_right(w, sparsity=sparsity, keep=keep if keep is None else size - (size - keep))


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


def sparsegpt_right(w, hessian, *, sparsity=None, n=None, m=None, block=128, damping=0.01, price=True, first=False,
                    move=True, kind=np.float64):
    # BLAS adds in another order where the memory lies otherwise.
    w, hessian = np.array(w, np.float32, order="C"), np.array(hessian, np.float64, order="C")
    u = inverse_factor(hessian, float(damping)).astype(kind)
    (rows, k), now = w.shape, w.astype(kind)
    mask, given = np.ones(w.shape, bool), w.astype(kind)
    width = block if m is None else m

    def gone(columns):
        return int(np.rint(sparsity * (rows * columns)))

    for j in range(k):
        if j % width == 0:
            last = min(j + width, k)
            scores = (given if first else now)[:, j:last]
            scores = (scores / u.diagonal()[j:last] if price else scores) ** 2
            if m is None:
                mask[:, j:last] = prune_select(scores.astype(np.float64), keep=scores.size - (gone(last) - gone(j)))
            else:
                mask[:, j:last] = prune_select(scores.astype(np.float64), structure="nm", n=int(n), m=int(m))
        e = np.where(mask[:, j], 0, now[:, j]) / u[j, j]
        now[:, j] = np.where(mask[:, j], now[:, j], 0)
        if move:
            now[:, j + 1 :] -= np.outer(e, u[j, j + 1 :])
    return mask, now.astype(np.float32)


def sparsegpt_by_magnitude(w, hessian, **options):
    return sparsegpt_right(w, hessian, price=False, **options)


def sparsegpt_without_moves(w, hessian, **options):
    return sparsegpt_right(w, hessian, move=False, **options)


def sparsegpt_in_float32(w, hessian, **options):
    return sparsegpt_right(w, hessian, kind=np.float32, **options)


def sparsegpt_chooses_all_blocks_first(w, hessian, **options):
    return sparsegpt_right(w, hessian, first="n" not in options, **options)


def sparsegpt_chooses_all_groups_first(w, hessian, **options):
    return sparsegpt_right(w, hessian, first="n" in options, **options)


def sparsegpt_times_the_mask(w, hessian, **options):
    mask, weights = sparsegpt_right(w, hessian, **options)
    return mask, np.where(mask, weights, np.copysign(np.float32(0), w))


RIGHT = [("prune_magnitude", magnitude_right), ("prune_score_obd", obd_right), ("prune_sparsegpt", sparsegpt_right)]
WRONG = [
    ("prune_magnitude", magnitude_last_of_equals, "ties", "PRUNE-1.3", "the same magnitude"),
    ("prune_magnitude", magnitude_with_signs, "signs", "PRUNE-2.1", "A negative weight"),
    ("prune_magnitude", magnitude_by_threshold, "count of ties", "PRUNE-2.1", "have the same magnitude"),
    ("prune_magnitude", magnitude_last_place_of_0, "keep of 0", "PRUNE-2.1", "`keep=0`"),
    ("prune_magnitude", magnitude_seeks_the_last_of_none, "keep of 0", "PRUNE-2.1", "kth(=1) out of bounds"),
    ("prune_magnitude", magnitude_keeps_none, "count", "PRUNE-2.1", "is not `keep`."),
    ("prune_magnitude", magnitude_keeps_one_less, "count", "PRUNE-2.1", "is not `keep`."),
    ("prune_magnitude", magnitude_rounds_what_stays, "count of a share", "PRUNE-1.2", "`sparsity` was given"),
    ("prune_magnitude", magnitude_counts_in_the_type_of_keep, "NumPy's numbers", "GEN-3.7", "an int8 ends at 127"),
    ("prune_score_obd", obd_without_half, "factor", "PRUNE-5.1", "off by the same factor"),
    ("prune_score_obd", obd_in_float32, "few bits", "PRUNE-5.1", "rounded too early"),
    ("prune_score_obd", obd_without_signs, "negative derivative", "PRUNE-5.1", "second derivative is negative"),
    ("prune_sparsegpt", sparsegpt_by_magnitude, "price", "PRUNE-7.3", "Other weights must go"),
    ("prune_sparsegpt", sparsegpt_without_moves, "moves", "PRUNE-7.3", "The mask is right"),
    ("prune_sparsegpt", sparsegpt_in_float32, "few bits", "PRUNE-7.1", "nearly right"),
    ("prune_sparsegpt", sparsegpt_chooses_all_blocks_first, "blocks", "PRUNE-7.3", "several blocks of columns"),
    ("prune_sparsegpt", sparsegpt_chooses_all_groups_first, "groups", "PRUNE-7.3", "other weights of a group"),
    ("prune_sparsegpt", sparsegpt_times_the_mask, "zeros", "PRUNE-7.4", "must be +0.0")]
