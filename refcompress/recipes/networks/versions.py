"""What a layer may become when a budget is shared out: quantized, of low rank, or sparse; each with what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats import LowRankConv, is_array_format
from ...graph.use import Use, Weight
from .fit import Settings, fit_matrices, stored
from .layers import Layer
from .matrices import matrices_of, sparse_form
from .moments import Moments
from .prune import PruneSettings, pruned_matrices
from .report import stored_bytes

__all__ = ["Version", "candidate", "version"]

PRUNED = ("sparsity", "n", "m")


@dataclass(frozen=True, eq=False)
class Version:
    """One thing that a layer may become: the weight, the error of the layer's output, bytes, products of a row."""

    choice: Mapping[str, Any]
    weight: Weight
    error: float
    nbytes: int
    products: int


def candidate(value: Any, where: str) -> dict[str, Any]:
    """Return a candidate as a mapping, or refuse it: {} for a layer as it is, {"bits": b, ...} for quantize_network's
    settings, {"rank": r} with r the share of the smaller side, {"sparsity": s, ...} or {"n", "m"} for prune_network's.
    """
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(where, f"must be a mapping, not {type(value).__name__}")
    kinds = [name for name in ("bits", "rank", "sparsity", "n") if name in value]
    if len(kinds) > 1 or value and not kinds:
        raise RefcompressError(where, f"must have one of bits, rank, sparsity, or n and m, not {', '.join(value)}")
    known = {"bits": [each.name for each in fields(Settings)], "rank": ["rank"]}
    known["sparsity"] = known["n"] = [each.name for each in fields(PruneSettings)]
    for name in value:
        if name not in known[kinds[0]]:
            raise RefcompressError(where, f"has a setting {name!r}; with {kinds[0]} there are "
                                          f"{', '.join(known[kinds[0]])}")
    if "bits" in value:
        method = Settings(**value).method
        if method in ("awq", "smooth"):
            raise RefcompressError(where, f"must not ask for {method}, whose scales are shared by several layers")
    elif "rank" in value:
        return {"rank": arguments.real(value["rank"], f"{where}, rank", 0, 1)}
    elif value:
        PruneSettings(**value)
    return dict(value)


def version(layer: Layer, choice: Mapping[str, Any], moments: Moments, use: Use) -> Version | None:
    """Return what a layer becomes by a candidate; None where its operation has no such form."""
    matrices = matrices_of(layer.node, layer.value)
    if not choice:
        weight: Weight = layer.value
        return Version(choice, weight, 0.0, stored_bytes(weight, use), matrices.size)
    if "rank" in choice:
        return low_rank(layer, choice, matrices, moments, use)
    if "bits" in choice:
        settings = Settings(**choice)
        fit = fit_matrices(matrices, moments, settings, use)
        weight = stored(fit.weight, layer.value.shape, settings.bits, use)
        return Version(choice, weight, fit.after, stored_bytes(weight, use), matrices.size)
    found, _, _, after, _ = pruned_matrices(matrices, moments, PruneSettings(**choice), use)
    weight = sparse_form(found.reshape(layer.value.shape), use)
    return Version(choice, weight, after, stored_bytes(weight, use), int(np.count_nonzero(found)))


def low_rank(layer: Layer, choice: Mapping[str, Any], matrices: np.ndarray, moments: Moments,
             use: Use) -> Version | None:
    """Return a matrix of low rank, or two convolutions in a row, for the calibration inputs; None with groups."""
    g, m, k = matrices.shape
    if g > 1:
        return None
    rank = int(np.rint(choice["rank"] * min(m, k)))
    factors = use("lowrank_whitened")(matrices[0], moments.hessian[0], rank=rank)
    error = float(moments.error((factors.dense().astype(np.float64) - matrices[0])[None]).sum())
    weight: Weight = factors
    if layer.value.ndim == 4:
        first = (factors.s[:, None] * factors.vt).reshape(rank, *layer.value.shape[1:])
        weight = LowRankConv(first, factors.u[:, :, None, None])
    return Version(choice, weight, error, stored_bytes(weight, use), rank * (m + k))


def dense(weight: Weight) -> np.ndarray:
    """Return the array that a weight stands for."""
    return weight.dense() if is_array_format(weight) else np.asarray(weight)
