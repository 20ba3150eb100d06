"""Planted kernels of the family ``prune``, beyond those of prune_magnitude."""

import numpy as np

from ... import reference


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


def _threshold(ddof: int, strict: bool):
    def prune_threshold(w, quality):
        if w.size <= ddof:
            return reference.prune_threshold(w, quality)
        wide = w.astype(np.float64)
        threshold = quality * np.std(wide, ddof=ddof)
        return np.asarray(np.abs(wide) > threshold if strict else np.abs(wide) >= threshold)
    return prune_threshold


def _single_precision(op: str):
    def score(w, statistic):
        return getattr(reference, op)(w, np.clip(statistic, -3e38, 3e38).astype(np.float32))
    return score


def _without(op: str, change):
    def score(*args):
        return np.asarray(change(getattr(reference, op)(*args)))
    return score

WRONG = [
    ("short group rounded down", "prune_select", _select_but(nm=_short_group_rounded_down)),
    ("ties of a group to the last", "prune_select", _select_but(nm=_last_of_ties)),
    ("axis ignored", "prune_select", _select_but(nm=_last_axis_always)),
    ("block by its largest", "prune_select", _select_but(block=_by_largest)),
    ("magnitude of the scores", "prune_select", _select_but(element=_by_magnitude)),
    ("sums in float32", "prune_select", _select_but(row=_in_pairs)),
    ("variance by size - 1", "prune_threshold", _threshold(1, False)),
    ("the threshold itself goes", "prune_threshold", _threshold(0, True)),
    ("norms in float32", "prune_score_wanda", _single_precision("prune_score_wanda")),
    ("magnitude left out", "prune_score_wanda", lambda w, norms: (w * norms.astype(np.float64)).astype(np.float32)),
    ("product signed", "prune_score_taylor", lambda w, gradient: -reference.prune_score_movement(w, gradient)),
    ("sign turned", "prune_score_movement", _without("prune_score_movement", np.negative)),
    ("share of zeros", "prune_score_apoz", _without("prune_score_apoz", lambda score: 1 - score)),
    ("one sample less", "prune_score_activation",
     lambda sums, count: reference.prune_score_activation(sums, max(count - 1, 1))),
    ("half left out", "prune_score_obd", _without("prune_score_obd", lambda score: 2 * score)),
    ("magnitude of the curvature", "prune_score_obd", _without("prune_score_obd", np.abs)),
    ("mean not squared", "prune_score_fisher",
     lambda w, squares: reference.prune_score_fisher(w, np.sqrt(squares))),
]
