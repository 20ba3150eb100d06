"""Kernels of operations that select weights: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# prune_magnitude

def _cuts_at_threshold(w, *, sparsity=None, keep=None):
    if isinstance(w, dict):
        return {name: _cuts_at_threshold(a, sparsity=sparsity, keep=min(keep, a.size)) for name, a in w.items()}
    keep = w.size - int(np.rint(sparsity * w.size)) if keep is None else keep
    return np.abs(w) >= np.sort(np.abs(w), axis=None)[w.size - keep] if keep else np.zeros(w.shape, bool)


def _ties_to_highest(w, *, sparsity=None, keep=None):
    if isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    back = reference.prune_magnitude(np.ascontiguousarray(w.ravel()[::-1]), sparsity=sparsity, keep=keep)
    return back[::-1].reshape(w.shape)


def _each_layer_alone(w, *, sparsity=None, keep=None):
    if not isinstance(w, dict):
        return reference.prune_magnitude(w, sparsity=sparsity, keep=keep)
    size = sum(a.size for a in w.values())
    share = sparsity if keep is None else 1 - keep / size
    return {name: reference.prune_magnitude(a, sparsity=share) for name, a in w.items()}


KERNELS += [
    Kernel("prune_magnitude", "count follows the ties", "rule",
           "A threshold is taken from the sorted magnitudes and all that reach it stay. Where several are equal, "
           "more stay than were asked for.",
           _cuts_at_threshold),
    Kernel("prune_magnitude", "ties to the highest index", "rule",
           "A sort that is not stable, or one from the other end, leaves the last of equal weights in place of the "
           "first.",
           _ties_to_highest),
    Kernel("prune_magnitude", "each layer alone", "rule",
           "A loop over layers prunes each by the same share, where the operation ranks all of them together.",
           _each_layer_alone),
]


# prune_select

def _select_but(**other):
    """The reference with other values for some structure: other[structure](scores, kwargs) -> mask."""
    def prune_select(scores, **kwargs):
        instead = other.get(kwargs.get("structure", "element"))
        if instead is None or isinstance(scores, dict):
            return reference.prune_select(scores, **kwargs)
        return instead(scores, kwargs)
    return prune_select


def _short_group_rounded_down(scores, kwargs):
    mask, axis = reference.prune_select(scores, **kwargs), kwargs.get("axis")
    n, m, axis = kwargs["n"], kwargs["m"], -1 if axis is None else axis
    rest = scores.shape[axis] % m
    if rest:
        end = np.moveaxis(scores, axis, -1)[..., -rest:]
        kept = reference.prune_select(end, structure="nm", n=n * rest // m, m=rest)
        np.moveaxis(mask, axis, -1)[..., -rest:] = kept
    return mask


def _last_of_ties(scores, kwargs):
    back = np.flip(np.asarray(scores), -1 if kwargs.get("axis") is None else kwargs["axis"])
    if back.shape[-1 if kwargs.get("axis") is None else kwargs["axis"]] % kwargs["m"]:
        return reference.prune_select(scores, **kwargs)
    return np.flip(reference.prune_select(back, **kwargs), -1 if kwargs.get("axis") is None else kwargs["axis"]).copy()


def _last_axis_always(scores, kwargs):
    return reference.prune_select(scores, **{**kwargs, "axis": None})


def _by_largest(scores, kwargs):
    """Rank a block by its largest score."""
    (high, wide), (rows, columns) = kwargs["block"], (scores.shape[0], int(np.prod(scores.shape[1:])))
    matrix = scores.reshape(rows, columns)
    best = [[matrix[i : i + high, j : j + wide].max() for j in range(0, columns, wide)] for i in range(0, rows, high)]
    best = np.array(best, np.float64).reshape(-(-rows // high), -(-columns // wide))
    share = {name: kwargs[name] for name in ("sparsity", "keep") if name in kwargs}
    kept = np.kron(reference.prune_select(best, **share), np.ones((high, wide), bool))
    return kept[:rows, :columns].reshape(scores.shape).astype(bool)


def _by_magnitude(scores, kwargs):
    return reference.prune_select(np.abs(scores), **kwargs)


def _in_pairs(scores, kwargs):
    share = {name: kwargs[name] for name in ("sparsity", "keep") if name in kwargs}
    kept = reference.prune_select(np.sum(scores, axis=1, dtype=np.float32), **share)
    return np.repeat(kept, scores.shape[1]).reshape(scores.shape)


KERNELS += [
    Kernel("prune_select", "short group rounded down", "tail",
           "The last group of a row is shorter, and its share is rounded down by an integer division.",
           _select_but(nm=_short_group_rounded_down)),
    Kernel("prune_select", "ties of a group to the last", "rule",
           "A comparison with >= while a group is walked lets a later equal score displace an earlier one.",
           _select_but(nm=_last_of_ties)),
    Kernel("prune_select", "axis ignored", "options",
           "The kernel was written for groups along the last axis, and the argument is passed by.",
           _select_but(nm=_last_axis_always)),
    Kernel("prune_select", "block by its largest", "rule",
           "A maximum pool was at hand where a block is to be ranked by its sum.",
           _select_but(block=_by_largest)),
    Kernel("prune_select", "magnitude of the scores", "rule",
           "Code that ranked weights takes magnitudes; scores have a sign of their own.",
           _select_but(element=_by_magnitude)),
    Kernel("prune_select", "sums in float32", "bits",
           "The scores are float32, and their sum was left in that type: large scores become infinite and small "
           "ones are absorbed.",
           _select_but(row=_in_pairs)),
]


# prune_threshold

def _other_threshold(ddof: int, strict: bool):
    def prune_threshold(w, quality):
        if w.size <= ddof:
            return reference.prune_threshold(w, quality)
        wide = w.astype(np.float64)
        threshold = quality * np.std(wide, ddof=ddof)
        return np.asarray(np.abs(wide) > threshold if strict else np.abs(wide) >= threshold)
    return prune_threshold


KERNELS += [
    Kernel("prune_threshold", "variance by size - 1", "rule",
           "The unbiased estimate is the default of torch.std; the stated rule divides by the number of weights.",
           _other_threshold(1, False)),
    Kernel("prune_threshold", "the threshold itself goes", "rule",
           "A strict comparison stands where what equals the threshold should stay.",
           _other_threshold(0, True)),
]


# prune_project_l0

def _largest_first(w, *, keep):
    """By value in place of by magnitude."""
    return np.where(reference.prune_select(w, keep=keep), w, np.float32(0))


def _multiplied(w, *, keep):
    return w * reference.prune_magnitude(w, keep=keep)


KERNELS += [
    Kernel("prune_project_l0", "by value", "rule",
           "A top-k of the values was taken in place of one of the magnitudes: negative weights never stay.",
           _largest_first),
    Kernel("prune_project_l0", "-0.0 where a negative weight went", "values",
           "A multiplication by a mask leaves the sign of what was removed.",
           _multiplied),
    Kernel("prune_project_l0", "equal ones all stay", "rule",
           "The projection compares with the threshold, and so it keeps more than it may where magnitudes are "
           "equal.",
           lambda w, *, keep: np.where(_cuts_at_threshold(w, keep=keep), w, np.float32(0))),
]
