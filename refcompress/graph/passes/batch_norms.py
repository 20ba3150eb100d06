"""Batch norm folded into the product before it."""

import numpy as np

from ...formats import Node
from ..attributes import attributes_of
from ..model import Model
from .editing import Editing, rewritten

__all__ = ["without_batch_norms"]


def without_batch_norms(model: Model) -> Model:
    """Return the model whose batch norms behind "conv", "conv_transposed" and "linear" are part of their weights.

        factor = scale / sqrt(variance + epsilon)
        weight' = factor weight            bias' = (bias - mean) factor + shift

    Both are computed in float64 and rounded once. The weight keeps its name; the bias has that of the product's bias,
    or of the shift where there was none. In exact arithmetic the outputs are the same; each rounding of a weight and of
    the bias moves them by at most its half unit in the last place. Batch norms stay that stand elsewhere, and those
    behind a compressed weight, or one that another node takes too.

    **Source** Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference (2018, arXiv 1712.05877), section 3.2.
    """
    return rewritten(model, batch_norm)


def batch_norm(editing: Editing) -> None:
    for node in editing.each("batch_norm"):
        x, *parts = node.inputs
        before = editing.giver(x, "conv", "conv_transposed", "linear")
        if before is None or editing.only_user(x) is None or len(editing.known(x).shape or ()) < 2:
            continue
        if before.operation == "linear" and len(editing.known(x).shape or ()) != 2:
            continue  # there the axis of the norm is not that of the outputs
        weight, *given = before.inputs[1:]
        values = [editing.constant(name) for name in (weight, *given, *parts)]
        if any(value is None or value.dtype != np.float32 for value in values):
            continue
        shift = given[0] if given else parts[1]
        if not editing.is_single(weight) or not editing.is_single(shift):
            continue
        w, *rest = (value.astype(np.float64) for value in values if value is not None)
        scale, moved, mean, variance = rest[-4:]
        factor = scale / np.sqrt(variance + attributes_of(node).get("epsilon", 1e-5))
        editing.change(weight, (w * _along(before, w, factor)).astype(np.float32))
        editing.change(shift, (((rest[0] if given else 0) - mean) * factor + moved).astype(np.float32))
        editing.replace([before, node], Node(before.operation, (before.inputs[0], weight, shift), node.outputs,
                                             before.attributes, before.name))


def _along(product: Node, w: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return the factors of the outputs in the shape in which a weight is multiplied by them."""
    attributes = attributes_of(product)
    if product.operation == "conv_transposed":  # (k, m / groups, ...): the inputs of a group stand together
        groups = attributes.get("groups", 1)
        rows = np.repeat(factor.reshape(groups, -1), w.shape[0] // groups, axis=0)
        return rows.reshape(w.shape[0], w.shape[1], *(1,) * (w.ndim - 2))
    if attributes.get("transposed"):
        return factor
    return factor.reshape(-1, *(1,) * (w.ndim - 1))
