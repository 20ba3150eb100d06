"""Weights whose inputs were scaled before they were quantized, as AWQ and SmoothQuant do.

Such a tool multiplies input j of a layer by a factor s_j and divides what the layer before gives by it. That is the
norm before it, whose weights the file shows, or another product, whose outputs are then scaled too. A network computes
the same, but no weight is its source's. So what is compared is the weight of the source times these factors:

    s_j = norm of the source / norm of the file        where the file shows it
    s_j = sum_i number_ij^2 / sum_i number_ij w_ij     else: the factors that come nearest

of the numbers whose codes are not at the ends, where weights are clipped. It is the weights that are regressed on the
numbers, for a weight lies anywhere within half a step of its number.

Factors that come nearest are no proof, for nothing shows where their inverses went. The verdict is then "ambiguous".

**Source** Lin et al., AWQ (2024, arXiv 2306.00978), section 3.2; AutoAWQ 0.2.9, quantize/scale.py.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ...models import Source, Tensor
from .plain import float32_of
from .stored import Stored
from .types import rounding
from .verdict import AMBIGUOUS, BOUNDED, NOT_DERIVED, Verdict, distance, verdict_of

__all__ = ["verdict_of_folded"]

LEAST = 16  # inputs and outputs: fewer are near to anything, as each has a factor of its own
NEAR = 0.5  # mean |weight - number| as a part of mean |weight|, with the factors: of 2 bits it is 0.3
MANY = 8  # levels from which on those at the ends can be left out
FEW = 4  # norms that are tried for a layer: those whose names have the most in common with its own
CLOSE = 0.1  # half of the factors that a norm shows lie that near to those that come nearest


def verdict_of_folded(stored: Stored, source: str, w: np.ndarray, kind: str, theirs: Source,
                      beside: Mapping[str, Tensor]) -> Verdict | None:
    """Return the verdict on a tensor with factors of its inputs, and perhaps of its outputs; None where these are none.

    beside : the tensors of the quantized file that are not quantized
    """
    if stored.dense is not None or len(stored.shape) != 2 or stored.arranged is not None or min(stored.shape) < LEAST \
            or stored.in_order(w).size != stored.numbers().size or not np.isfinite(w).all():
        return None
    numbers, to = stored.numbers().reshape(w.shape).astype(np.float64), rounding(kind)
    if len(stored.levels) >= MANY:
        inner = (stored.ranks > stored.ends) & (stored.ranks < len(stored.levels) - 1 - stored.ends)
        numbers *= inner.reshape(w.shape)
    rows, nearest = np.ones((len(w), 1)), np.ones((1, w.shape[1]))
    for with_rows in (False, True):
        if with_rows:
            for _ in range(3):  # factors of both, in turn; each is the best for the other
                rows = _factors(numbers, w * nearest, 1)
                nearest = _factors(numbers, w * rows, 0)
            rows, nearest = rows / np.median(rows), nearest * np.median(rows)  # their product is all that is known
        else:
            nearest = _factors(numbers, w.astype(np.float64), 0)
        for name, shown in [*_shown(stored.name, nearest, theirs, beside, with_rows), ("", nearest)]:
            of_rows = _factors(numbers, w * shown, 1) if with_rows else rows
            scaled = to((w * shown * of_rows).astype(np.float32))
            if not distance(stored, stored.in_order(scaled)) < NEAR:
                continue
            found = verdict_of(stored, source, scaled, kind)
            if found.verdict != NOT_DERIVED:
                said = f"with inputs scaled by {_span(shown)}"
                said += f" and outputs by {_span(of_rows)}" if with_rows else ""
                if name and not with_rows:
                    return replace(found, verdict=BOUNDED, why=f"{said}, the inverse of which is in {name}")
                which = "of the outputs' went" if name else "went"
                return replace(found, verdict=AMBIGUOUS, why=f"{found.verdict} {said}, as AWQ does, but the file does "
                                                             f"not show where the inverse {which}")
    return None


def _factors(numbers: np.ndarray, w: np.ndarray, axis: int) -> np.ndarray:
    """Return the factors by which weights come nearest to the numbers; 1 where there is none above 0."""
    factors = (numbers * numbers).sum(axis, keepdims=True) / (numbers * w).sum(axis, keepdims=True)
    return np.where((factors > 0) & np.isfinite(factors), factors, 1.0)


def _shown(name: str, nearest: np.ndarray, theirs: Source, beside: Mapping[str, Tensor],
           up_to_one: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the factors that vectors of the file show, which lie in the source too: what they were divided by.

    up_to_one : whether the nearest factors are known up to one factor of all
    """
    size = nearest.shape[1]
    vectors = [each for each in beside if beside[each].shape == (size,) and each in theirs
               and theirs[each].shape == (size,)]
    vectors.sort(key=lambda each: -len(os.path.commonprefix([each, name])))
    for each in vectors[:FEW]:
        before, after = float32_of(theirs[each].read()), float32_of(beside[each].read())
        if before is not None and after is not None:
            factors = before.astype(np.float64) / after
            ratios = factors / nearest[0]
            ratios = ratios / np.median(ratios) if up_to_one else ratios
            if np.isfinite(factors).all() and (factors > 0).all() and np.ptp(factors) \
                    and np.median(np.abs(ratios - 1)) < CLOSE:
                yield each, factors[None]


def _span(factors: np.ndarray) -> str:
    return f"{factors.min():.3g} to {factors.max():.3g}"
