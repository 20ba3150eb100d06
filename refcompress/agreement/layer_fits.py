"""Agreement of layers that are rounded by their Hessian: the integers but for near ties, the errors within a bound."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..constants import SMALLEST_NORMAL, U64
from ..formats import Quantized
from ..reference.hessian import damped, inverse_factor, quantize_hessian
from ..reference.quantize.clip import clip_arguments
from ..reference.quantize.gptq import as_float32, gptq_arguments
from ..reference.quantize.integers import limits, scale_and_zero_point
from ..reference.quantize.layer import LayerFit, exact_weight, nearest
from .exact import Disagreement, exactly, python_numbers, same_kind
from .moved import Factor, Followed
from .pruned import named, same_bits

GRID = {"bits": 4, "scheme": "symmetric", "axis": 0, "group": None, "scale": None, "zero_point": None}


def near_fit(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as right a LayerFit as ``expected``: all exactly, but for the errors.

    Errors are sums of d h d in float64, whose order is open; d is the difference of the weights. Of m outputs and k
    inputs a product passes through 2 k + m + 8 roundings at most, so an error is off by gamma of so many times
    |d| |h| |d| (Higham, Accuracy and Stability, sec. 3.1), and |d| by 2**-53 |weight / input_scale| where there is one.
    A Hessian that is summed from n inputs x has n roundings more, and |x|.T |x| for |h|.
    """
    _fit(expected, got)
    exactly(_bare(expected), _bare(got))
    _errors(expected, got, args, kwargs)


def near_gptq(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as right a result of quantize_gptq as ``expected``.

    The decisions of its own integers are followed (:mod:`moved`). Rounding, of a weight or of a group's scale and zero
    point, never falls where its argument rises: so each must lie between what the two ends of its argument round to.
    The errors are those of the weight that was returned, within the bound of :func:`near_fit`.
    """
    _fit(expected, got)
    if not same_bits(expected.weight, got.weight):
        _integers(expected, got.weight, args, kwargs)
    exactly(_bare(replace(expected, weight=got.weight)), _bare(got))
    _errors(expected, got, args, kwargs)


def near_clip(expected: Any, got: Any, args: tuple, kwargs: dict | None = None) -> None:
    """Raise Disagreement unless ``got`` is as right a result of quantize_clip as ``expected``.

    Which ratio is least, and whether an output is better clipped, hangs on errors that are known within a bound, that
    of :func:`near_fit`. An output whose scales are not those expected must be a near tie in each of these choices.
    """
    _fit(expected, got)
    if not same_bits(expected.weight, got.weight):
        _scales_of_clip(expected, got.weight, args, kwargs)
    exactly(_bare(replace(expected, weight=got.weight)), _bare(got))
    _errors(expected, got, args, kwargs)


def _scales_of_clip(expected: LayerFit, q: Quantized, args: tuple, kwargs: dict | None) -> None:
    w, h, given = named(args, {"bits": 4, "scheme": "symmetric", "group": None, "steps": 20, "narrowest": 0.5,
                               **(kwargs or {})})
    w, h, wide, steps, narrowest = clip_arguments(w, h, **given)
    grid = given["bits"], given["scheme"], 0, given["group"]
    exactly(wide.zero_point, q.zero_point)
    exactly(nearest(w, *grid, scale=q.scale, zero_point=q.zero_point), q)
    other = np.flatnonzero((q.scale != expected.weight.scale).any(axis=1))
    w, wide, got = w[other], wide.scale[other], q.scale[other]

    def error(scale, some: slice = slice(None)):
        """Return the least and the largest error of each output, with this scale, over some inputs."""
        rounded = nearest(w, *grid, scale=scale, zero_point=q.zero_point[other])
        d, part = (exact_weight(rounded) - w)[:, some], h[some, some]
        value = np.maximum(np.sum((d @ part) * d, axis=1), 0)
        roundings = 2 * d.shape[1] + 8
        gamma = roundings * U64 / (1 - roundings * U64)
        off = 2 * gamma * np.sum((np.abs(d) @ np.abs(part)) * np.abs(d), axis=1)
        return np.maximum(value - off, 0), value + off

    trials = [np.maximum(wide * np.float32(ratio), SMALLEST_NORMAL) for ratio in np.linspace(1, narrowest, steps + 1)]
    size, near, found = given["group"] or max(w.shape[1], 1), np.ones(len(w), bool), wide.copy()
    permitted = np.ones((len(trials), len(w)), bool)
    for g, start in enumerate(range(0, w.shape[1], size)):
        ends = [error(trial, slice(start, start + size)) for trial in trials]
        least, most = (np.array(a) for a in zip(*ends))
        column = np.array([trial[:, g] for trial in trials])
        for i in range(len(trials)):  # of errors that are known exactly, as zeros are, the wider range wins
            best_wider, best = most[:i].min(axis=0, initial=np.inf), most[i:].min(axis=0)
            permitted[i] = (least[i] < best_wider) & (least[i] <= best)
        near &= ((column == got[:, g]) & permitted).any(axis=0)
        found[:, g] = np.take_along_axis(column, most.argmin(axis=0)[None], axis=0)[0]
    whole, own, most = error(wide), error(got), error(found)[1]
    good = near & (own[0] < whole[1]) | (got == wide).all(axis=1) & (whole[0] <= most)
    if not good.all():
        row = int(np.argmin(good))
        raise Disagreement(f"result.weight.scale[{other[row]}]: got {got[row]}, which is not of least error; expected "
                           f"{expected.weight.scale[other[row]]}")


def _fit(expected: Any, got: Any) -> None:
    if type(got) is not LayerFit or type(got.weight) is not Quantized:
        raise Disagreement(f"result: got a {type(got).__name__}, expected a LayerFit with a Quantized")
    for name in ("output", "before", "after"):
        if type(getattr(got, name)) is not float:
            raise Disagreement(f"result.{name}: got a {type(getattr(got, name)).__name__}, expected a float")
    for name in ("values", "scale", "zero_point"):
        same_kind(getattr(expected.weight, name), getattr(got.weight, name), f"result.weight.{name}")
    exactly(expected.weight.group, got.weight.group)


def _bare(fit: LayerFit) -> LayerFit:
    return replace(fit, output=0.0, before=0.0, after=0.0)


def _errors(expected: LayerFit, got: LayerFit, args: tuple, kwargs: dict | None) -> None:
    if same_bits(expected, got):
        return
    w, hessian, given = named(args, dict(kwargs or {}))
    w, given = np.asarray(w).astype(np.float64), {**GRID, **python_numbers(given)}
    rounded = nearest(w.astype(np.float32), *(given[name] for name in GRID))
    roundings = 2 * w.shape[1] + len(w) + 8
    if hessian.dtype.itemsize == 4:  # the inputs
        size, roundings = np.abs(hessian).astype(np.float64), roundings + len(hessian)
        hessian, size = quantize_hessian(np.ascontiguousarray(hessian, np.float32)), size.T @ size
    else:
        size = np.abs(hessian)
    one = np.ones(w.shape[1]) if got.input_scale is None else got.input_scale.astype(np.float64)
    fitted = exact_weight(got.weight) / one
    loose = 0.0 if got.input_scale is None else 2 * U64
    for name, d, off in (("output", w, 0 * w), ("before", exact_weight(rounded) - w, 0 * w),
                         ("after", fitted - w, loose * np.abs(fitted))):
        gamma = roundings * U64 / (1 - roundings * U64)
        each = np.abs(d) + off
        right = float(np.sum(np.maximum(np.sum((d @ hessian) * d, axis=1), 0)))  # h may be a little indefinite
        allowed = float(2 * gamma * np.sum((each @ size) * each) + 2 * np.sum((each @ size) * off))
        value = getattr(got, name)
        if not abs(value - right) <= allowed:
            raise Disagreement(f"result.{name}: got {value:g}, expected {right:g}; allowed difference {allowed:g}")


def _integers(expected: LayerFit, q: Quantized, args: tuple, kwargs: dict | None) -> None:
    """Follow the integers of a weight, and raise Disagreement at the first that no value in its bound rounds to."""
    w, hessian, given = named(args, {**GRID, "damping": 0.01, "order": "given", **(kwargs or {})})
    w, h, plain, damping, turns, refit = gptq_arguments(w, hessian, **given)
    lowest, highest = limits(int(given["bits"]), given["scheme"])
    if not refit:
        exactly(plain.scale, q.scale)
        exactly(plain.zero_point, q.zero_point)
    turned = h[np.ix_(turns, turns)]
    factor = Factor.of(inverse_factor(turned, damping), damped(turned, damping), turned.diagonal() > 0)
    moved = Followed(w[:, turns], factor)
    s, z = (np.broadcast_to(q.expand(a), w.shape) for a in (q.scale, q.zero_point))
    for i, j in enumerate(turns.tolist()):
        now, off = moved.now[i], moved.off(slice(i, i + 1))[0]
        if refit and i % given["group"] == 0:
            _scales(moved, i, q, int(given["group"]), lowest, highest)
        least, most = (_rounded(end, s[:, j], z[:, j], lowest, highest) for end in (now - off, now + off))
        zero = w[:, j] == 0
        least, most = np.where(zero, z[:, j], least), np.where(zero, z[:, j], most)
        values = q.values[:, j]
        wrong = (values < least) | (values > most)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise Disagreement(f"result.weight.values[{row}, {j}]: got {values[row]}, expected {int(least[row])}"
                               + (f" to {int(most[row])}" if most[row] > least[row] else ""))
        moved.decided(s[:, j].astype(np.float64) * (values.astype(np.float64) - z[:, j]))


def _rounded(now: np.ndarray, s: np.ndarray, z: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    return np.clip(np.rint(as_float32(now) / s) + z, lowest, highest)


def _scales(moved: Followed, i: int, q: Quantized, group: int, lowest: int, highest: int) -> None:
    """Raise Disagreement unless the scale and the zero point of a group are those of its weights as they stand."""
    some = slice(i, min(i + group, len(moved.now)))
    now, off = moved.now[some], moved.off(some)
    below, above = (as_float32(a) for a in (now - off, now + off))
    (widest_low, widest_high), (low, high) = (
        (np.minimum(below.min(axis=0), 0), np.maximum(above.max(axis=0), 0)),
        (np.minimum(above.min(axis=0), 0), np.maximum(below.max(axis=0), 0)))
    least, _ = scale_and_zero_point(low, high, lowest, highest)
    most, _ = scale_and_zero_point(widest_low, widest_high, lowest, highest)
    least = np.where(least > most, SMALLEST_NORMAL, least)  # of nothing the scale is 1
    column = i // group
    scale, zero = q.scale[:, column], q.zero_point[:, column]
    (_, first), (_, last) = (scale_and_zero_point(a, high, lowest, highest, scale) for a in (low, widest_low))
    first, last = np.minimum(first, last), np.maximum(first, last)
    wrong = (scale < least) | (scale > most) | (zero < first) | (zero > last)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise Disagreement(f"result.weight.scale[{row}, {column}]: got {scale[row]} with the zero point {zero[row]}, "
                           f"expected {least[row]} to {most[row]} with {first[row]} to {last[row]}")
