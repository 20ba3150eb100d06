"""Which nodes a network on integers loses its answers by: what its error is when one of them stays float32."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ... import arguments, reference
from ...errors import ArgumentTypeError
from ..model import Model
from ..passes import without_batch_norms
from .calibration import RANGES, Batch, batches
from .lowering import matching, planned
from .static import Static

__all__ = ["Sensitivity", "sensitivities"]


class Sensitivity(NamedTuple):
    """The error of the network on integers in which this node stays float32; node "" : in which none does."""

    node: str
    operation: str
    error: float


def sensitivities(model: Model, calibration: Batch | Iterable[Batch], *, nodes: Sequence[str] = ("*",),
                  weights: int = 8, ranges: str = "minmax", percentile: float = 99.99, symmetric: bool = False,
                  implementation: Any = reference) -> tuple[Sensitivity, ...]:
    """Return what a network with static integers errs by, and with each of its nodes kept in float32: best first.

        error = max over outputs of sqrt(sum of (y - y')² / sum of y²), y of the float network, y' of the integer one

    Parameters
    ----------
    model : Model
    calibration : array, mapping of arrays, or an iterable of them, each a batch
        It gives the ranges, and the outputs are compared on it.
    nodes : names of nodes, or patterns, that are tried
    weights, ranges, percentile, symmetric, implementation : as to_integers takes them

    Returns
    -------
    rows : one for the network with no node kept, and one for each node that computes on integers. The nodes above the
        first row, or some of them, are what to give to ``to_integers`` as ``keep``.

    **Source** Wu et al. (2020, arXiv 2004.09602): partial quantization by sensitivity. **Departs** Wu et
    al. leave all layers but one in float32, and judge by the accuracy of the task; here all but one are on integers, so
    that a node counts with what the others do to it.

    Cost: a run of the calibration inputs for each node, and two more.

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> fc = b.linear(b.input("x", ("n", 2)), np.float32([[1, 0.3]]), name="fc")
    >>> model = b.model(b.linear(b.power(fc, np.float32(9), name="power"), np.float32([[1]]), name="last"))
    >>> x = np.float32([[1, 1], [0.7, 0.2], [-0.4, 0.9]])
    >>> [row.node for row in sensitivities(model, x)]  # to keep fc helps most
    ['fc', 'power', 'last', '']
    """
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    weights = arguments.integer(weights, "weights", 2, 8)
    ranges = arguments.choice(ranges, "ranges", RANGES)
    symmetric = arguments.boolean(symmetric, "symmetric")
    tried, model = matching(model, nodes, "nodes"), without_batch_norms(model)
    given = list(batches(calibration))
    static = planned(model, given, frozenset(), weights, ranges, percentile, symmetric, implementation)
    wanted = list(_outputs(model, given, implementation))
    alone = _with(static, "")
    found = [Sensitivity("", "", _error(alone.lowered().model, given, wanted, implementation))]
    for node in model.graph.nodes:
        if node.name in tried and alone.plan.get(node.name, "move") not in ("move", "joined", "embedding"):
            made = _with(static, node.name).lowered().model
            found.append(Sensitivity(node.name, node.operation, _error(made, given, wanted, implementation)))
    return tuple(sorted(found, key=lambda row: row.error))


def _with(static: Static, kept: str) -> Static:
    """Return the same plan, not yet decided, with a node kept."""
    return replace(static, kept=frozenset({kept} - {""}), plan={}, why={}, joined={}, clipped=set())


def _outputs(model: Model, given: list[Batch], implementation: Any) -> Iterator[Mapping[str, np.ndarray]]:
    for batch in given:
        found = model.run(batch, implementation=implementation, allow_nan=True)
        yield {name: y.astype(np.float64) for name, y in found.items() if y.dtype.kind == "f"}


def _error(model: Model, given: list[Batch], wanted: list[Mapping[str, np.ndarray]], implementation: Any) -> float:
    """Return the error of the output that is farthest off; infinity where it is not a number."""
    wrong, all_of = dict.fromkeys(wanted[0], 0.0), dict.fromkeys(wanted[0], 0.0)
    for found, right in zip(_outputs(model, given, implementation), wanted):
        for name, y in right.items():
            wrong[name] += float(np.sum((found[name] - y) ** 2))
            all_of[name] += float(np.sum(y**2))
    errors = [(wrong[name] / all_of[name]) ** 0.5 if all_of[name] else float(wrong[name] > 0) for name in wrong]
    return max((float("inf") if np.isnan(each) else each for each in errors), default=0.0)
