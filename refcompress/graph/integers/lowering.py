"""Bring a float network to integers: static W8A8, dynamic W8A8 and W4A8, or integer weights alone (W4A16)."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from ... import arguments, reference
from ...errors import ArgumentTypeError, RefcompressError
from ..model import Model
from ..passes import without_batch_norms
from .calibration import RANGES, Batch, observe
from .report import Became, Integers
from .static import Static
from .weights import with_integer_weights

__all__ = ["to_integers"]


def to_integers(model: Model, calibration: Batch | Iterable[Batch] | None = None, *, weights: int = 8,
                activations: int = 8, dynamic: bool = False, ranges: str = "minmax", percentile: float = 99.99,
                symmetric: bool = False, group: int | None = None, keep: Sequence[str] = (),
                implementation: Any = reference) -> Integers:
    """Return a network whose layers compute with integers, and what became of each node.

    Static (W8A8): values are int8 between the nodes, and each output is rounded once. linear and conv, with the relu or
    clip behind them, add, multiply, pools and concat become integer nodes; a function of one value becomes a table of
    256 entries. What has no integer form stays float32, between dequantize and quantize. A value that only such nodes
    take, or the caller, stays float32 too: a product gives its sums times their scale. linear_a8 and conv_a8, which
    SmoothQuant leaves, become the same.

    Dynamic (W8A8, W4A8): linear and conv take float32, round each row (or example) to int8 by its own largest
    magnitude, and give float32. With activations=16 nothing but the weights is rounded (W4A16, W8A16; values are
    float32).

    Parameters
    ----------
    model : Model
        Batch norms are folded into the layer before them first.
    calibration : array, mapping of arrays, or an iterable of them, each a batch
        What the network is run on to find the ranges of its values: wanted where activations are static.
    weights : int, 2 to 8
        Bits of weights. Their grid is symmetric, with a scale an output. Weights that are such integers already stay.
    activations : 8 or 16
    dynamic : bool
    ranges : "minmax", "percentile", "mse" or "kl"
        The rule for static ranges: quantize_range_minmax, ... All but "minmax" see a sample of each value, 2**18
        elements at least, spread evenly over what calibration gave.
    percentile : float, for that rule
    symmetric : bool
        Whether zero points of static values are 0.
    group : int or None
        So many inputs share a scale of the weights: for linear and embedding, where activations are not static.
    keep : names of nodes, or patterns (*, ?, [...]), that stay as they are
    implementation : who runs the float network over the calibration inputs

    Returns
    -------
    Integers : the model, and a row for each node

    **Source** Jacob et al. (2018, arXiv 1712.05877), sections 2 and 3; Wu et al. (2020, arXiv 2004.09602), on the rules
    for ranges; Dettmers et al. (2022, arXiv 2208.07339), section 2.1, on dynamic rows. **Departs** Jacob et al. train
    with rounding: here the weights are rounded to nearest.
    """
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    weights = arguments.integer(weights, "weights", 2, 8)
    if arguments.integer(activations, "activations", 8, 16) not in (8, 16):
        raise RefcompressError("activations", f"must be 8 or 16, not {activations}")
    dynamic, symmetric = arguments.boolean(dynamic, "dynamic"), arguments.boolean(symmetric, "symmetric")
    ranges = arguments.choice(ranges, "ranges", RANGES)
    static = activations == 8 and not dynamic
    if dynamic and activations == 16:
        raise RefcompressError("dynamic", "must be False with activations=16: nothing is rounded")
    if group is not None:
        group = arguments.integer(group, "group", 1)
        if static:
            raise RefcompressError("group", "must be None for static activations: sums of groups have no common unit")
    if static and calibration is None:
        raise RefcompressError("calibration", "must be given for static activations")
    if not static and calibration is not None:
        raise RefcompressError("calibration", "must be None where no activations are static: nothing would be read")
    kept, whole = matching(model, keep), model
    model = without_batch_norms(model)
    if not static or calibration is None:
        return _with_folded(whole, with_integer_weights(model, kept, weights, group, dynamic))
    return _with_folded(whole, planned(model, calibration, kept, weights, ranges, percentile, symmetric,
                                       implementation).lowered())


def planned(model: Model, calibration: Batch | Iterable[Batch], kept: frozenset[str], weights: int, ranges: str,
            percentile: float, symmetric: bool, implementation: Any) -> Static:
    """Return what static integers of a network without batch norms follow from."""
    names = [each.name for each in model.graph.inputs if each.type == "float32"]
    names += [name for node in model.graph.nodes for name in node.outputs
              if name and model.known[name].type == "float32"]
    seen = observe(model, calibration, names, sampled=ranges != "minmax", implementation=implementation)
    scheme = "symmetric" if symmetric else "affine"
    found = {name: each.range(ranges, percentile, scheme) for name, each in seen.items() if each.count and each.finite}
    return Static(model, seen, found, kept, weights, symmetric)


def _with_folded(whole: Model, made: Integers) -> Integers:
    """Return the report with a row for each batch norm of the whole model that was folded."""
    rows = {row.node: row for row in made.report}
    return Integers(made.model, tuple(
        rows.get(node.name) or Became(node.name, node.operation, "a part", "is folded into the layer before it", True)
        for node in whole.graph.nodes))


def matching(model: Model, patterns: Sequence[str], argument: str = "keep") -> frozenset[str]:
    """Return the names of nodes that match a pattern; refuse a pattern that none matches."""
    if isinstance(patterns, str) or not isinstance(patterns, Sequence):
        raise ArgumentTypeError(argument, f"must be a sequence of names, not {type(patterns).__name__}")
    found: set[str] = set()
    for i, pattern in enumerate(patterns):
        if not isinstance(pattern, str):
            raise ArgumentTypeError(f"{argument}[{i}]", f"must be a string, not {type(pattern).__name__}")
        names = {node.name for node in model.graph.nodes if fnmatchcase(node.name, pattern)}
        if not names:
            raise RefcompressError(f"{argument}[{i}]", f"{pattern!r} matches no node")
        found |= names
    return frozenset(found)
