"""How much pruning each layer bears: one layer at a time is pruned, the others stay whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import arguments, reference
from ..errors import RefcompressError
from ..training import Masked, Network, error_rate
from . import criteria
from .criteria import Evidence, Operations

__all__ = ["SPARSITIES", "Point", "sensitivity", "sensitivity_table"]

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class Point:
    """The error rate with one layer's weight pruned to ``kept`` weights, all others whole."""

    weight: str
    sparsity: float
    kept: int
    error: float


def sensitivity(network: Network, criterion: str, evidence: Evidence, validation: tuple[np.ndarray, np.ndarray], *,
                sparsities: Sequence[float] = SPARSITIES, implementation=reference) -> list[Point]:
    """Prune each Dense layer and Convolution alone, at each sparsity, and return its error rate on ``validation``:
    layer by layer.

    The network stays as it is. Nothing is retrained.

    **Source** Han et al. 2015 (arXiv 1506.02626), section 5, figure 6; Li et al. 2017 (arXiv 1608.08710), section 3.2.
    **Departs** nothing.
    """
    if not len(sparsities):
        raise RefcompressError("sparsities", "must have at least one entry")
    sparsities = [arguments.real(sparsity, f"sparsities[{i}]", 0, 1) for i, sparsity in enumerate(sparsities)]
    op, points = Operations(implementation), []
    for name, values in criteria.scores(criterion, evidence, op).items():
        for sparsity in sparsities:
            mask = op.prune_select(values, sparsity=sparsity)
            pruned = network.copy()
            Masked(pruned, {name: mask})
            points.append(Point(name, sparsity, int(np.count_nonzero(mask)), error_rate(pruned, *validation)))
    return points


def sensitivity_table(points: Sequence[Point]) -> str:
    """Return the scan as Markdown: a row a layer, a column a sparsity, the error in %.

    >>> print(sensitivity_table([Point("fc1.weight", 0.5, 3, 0.012), Point("fc1.weight", 0.9, 1, 0.5)]))
    | error, % | 50 % | 90 % |
    | --- | ---: | ---: |
    | fc1.weight | 1.20 | 50.00 |
    """
    columns = sorted({point.sparsity for point in points})
    cells = {(point.weight, point.sparsity): f"{100 * point.error:.2f}" for point in points}
    rows = [["error, %", *(f"{100 * sparsity:g} %" for sparsity in columns)], ["---", *("---:" for _ in columns)]]
    for weight in dict.fromkeys(point.weight for point in points):
        rows.append([weight, *(cells.get((weight, sparsity), "") for sparsity in columns)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
