"""Layer norm that was written out in arithmetic."""

import numpy as np

from ...formats import Node
from ..attributes import attributes_of, new_node
from ..model import Model
from ..sizes import UNKNOWN
from .editing import Editing, rewritten

__all__ = ["with_layer_norms"]


def with_layer_norms(model: Model) -> Model:
    """Return the model with (x - mean) / sqrt(variance + epsilon) over the last axis as "layer_norm".

    Known are divisions and products with the reciprocal; variances as the mean of squared differences, and as the mean
    of squares less the squared mean; a gain and a shift behind it, which keep their names. "layer_norm" is rounded
    once, of sums in float64; written out each step is rounded. The mean of squares less the squared mean loses what
    both have in common: there the fused result is the better one.
    """
    return rewritten(model, layer_norm)


def layer_norm(editing: Editing) -> None:
    for root in editing.each("sqrt"):
        total = editing.giver(root.inputs[0], "add")
        for variance, other in (total.inputs, total.inputs[::-1]) if total is not None else ():
            epsilon = editing.number(other)
            x = _of_variance(editing, variance) if epsilon is not None else None
            if x is not None and (found := _normalized(editing, root, x)) is not None:
                nodes, last, gain, shift = found
                inputs = (x, gain, shift) if shift else (x, gain) if gain else (x,)
                editing.replace([last], new_node("layer_norm", inputs, last.outputs, last.name, {"epsilon": epsilon}))
                editing.clear([*nodes, root])
                break


def _of_variance(editing: Editing, name: str) -> str | None:
    """Return the value whose variance over the last axis this is; None where it is something else."""
    name = _source(editing, name)
    x = _of_mean(editing, name)
    if x is not None:  # of squared differences
        difference = _squared(editing, x)
        node = editing.giver(difference, "subtract") if difference else None
        if node is not None and _of_mean(editing, _source(editing, node.inputs[1])) == node.inputs[0]:
            return node.inputs[0]
        return None
    cut = editing.giver(name, "maximum")
    if cut is not None and len(cut.inputs) == 2:
        inner = [each for each in cut.inputs if editing.number(each) != 0]
        name = inner[0] if len(inner) == 1 else name
    node = editing.giver(name, "subtract")
    if node is None:
        return None
    squares, mean = _of_mean(editing, node.inputs[0]), _squared(editing, node.inputs[1])
    if squares is None or mean is None:
        return None
    x = _squared(editing, squares)
    return x if x is not None and _of_mean(editing, mean) == x else None


def _of_mean(editing: Editing, name: str) -> str | None:
    """Return the value whose mean over the last axis this is: reduce_mean, or a sum over the number of its values."""
    node = editing.giver(name, "reduce_mean")
    if node is not None:
        return node.inputs[0] if _is_last(editing, node) else None
    scaled = editing.giver(name, "multiply", "divide")
    if scaled is None:
        return None
    for i in (0, 1):
        number, node = editing.number(scaled.inputs[1 - i]), editing.giver(scaled.inputs[i], "reduce_sum")
        if number is None or node is None or not _is_last(editing, node) or scaled.operation == "divide" and i == 1:
            continue
        k = (editing.known(node.inputs[0]).shape or ("",))[-1]
        if isinstance(k, int) and number == (k if scaled.operation == "divide" else float(np.float32(1 / k))):
            return node.inputs[0]
    return None


def _is_last(editing: Editing, node: Node) -> bool:
    shape, axes = editing.known(node.inputs[0]).shape, attributes_of(node).get("axes")
    return (shape is not None and isinstance(shape[-1], int) and len(node.inputs) == 1 and axes is not None
            and len(axes) == 1 and axes[0] in (-1, len(shape) - 1))


def _squared(editing: Editing, name: str) -> str | None:
    """Return the value whose square this is."""
    node = editing.giver(name, "multiply", "power")
    if node is None:
        return None
    is_square = node.inputs[0] == node.inputs[1] if node.operation == "multiply" else editing.number(
        node.inputs[1]) == 2
    return node.inputs[0] if is_square else None


def _source(editing: Editing, name: str) -> str:
    """Return the value in front of reshapes and expansions that add axes of size 1 behind it, or change nothing."""
    while (node := editing.giver(name, "reshape", "expand", "unsqueeze", "identity")) is not None:
        before, after = editing.known(node.inputs[0]).shape, editing.known(name).shape
        if before is None or after is None or UNKNOWN in before or after not in (before, (*before, 1)):
            break
        name = node.inputs[0]
    return name


def _normalized(editing: Editing, root: Node, x: str) -> tuple[list[Node], Node, str, str] | None:
    """Return the nodes behind the root, the last of them, and the names of the gain and of the shift ("" for none).

    None where something else than a layer norm of x stands there.
    """
    nodes: list[Node] = []
    name, gain, inverse = root.outputs[0], "", False
    while True:  # on the side of the deviation, up to the product with x - mean
        node = editing.only_user(name)
        if node is None:
            return None
        nodes.append(node)
        others = [each for each in node.inputs if each != name]
        if node.operation == "reciprocal" and not inverse:
            name, inverse = node.outputs[0], True
            continue
        if len(others) != 1:
            return None
        if node.operation == "divide" and not inverse and node.inputs[1] == name or (
                node.operation == "multiply" and inverse and not _is_vector(editing, others[0], x)):
            if not _is_centred(editing, others[0], x):
                return None
            break
        if node.operation != "multiply" or not inverse or gain:
            return None
        name, gain = node.outputs[0], others[0]
    shift = ""
    for operation in ("multiply", "add"):  # behind it
        if operation == "multiply" and gain:
            continue
        after = editing.only_user(node.outputs[0], operation)
        other = [each for each in after.inputs if each != node.outputs[0]] if after is not None else []
        if after is None or len(other) != 1 or not _is_vector(editing, other[0], x):
            if operation == "multiply":
                continue
            break
        node = after
        nodes.append(node)
        gain, shift = (other[0], shift) if operation == "multiply" else (gain, other[0])
    return (nodes[::-1], node, gain, shift) if _as_vectors(editing, gain, shift, x) else None


def _is_centred(editing: Editing, name: str, x: str) -> bool:
    node = editing.giver(name, "subtract")
    return node is not None and node.inputs[0] == x and _of_mean(editing, _source(editing, node.inputs[1])) == x


def _is_vector(editing: Editing, name: str, x: str) -> bool:
    """Return whether a tensor is one number for each place along the last axis of x."""
    value, shape = editing.constant(name), editing.known(x).shape
    return (value is not None and shape is not None and value.dtype == np.float32 and value.size == shape[-1]
            and value.ndim <= len(shape) and value.shape[-1:] == (value.size,))


def _as_vectors(editing: Editing, gain: str, shift: str, x: str) -> bool:
    """Give tensors one axis; return whether that can be done."""
    wide = [name for name in (gain, shift) if name and len(editing.tensors[name].shape) > 1]
    if not all(map(editing.is_single, wide)):
        return False
    for name in wide:
        editing.change(name, np.asarray(editing.tensors[name]).reshape(-1))
    return True
