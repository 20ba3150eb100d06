"""Attention that was written out as two products with a softmax between them."""

from ...formats import Node
from ..attributes import attributes_of, new_node
from ..model import Model
from ..sizes import UNKNOWN
from .editing import Editing, rewritten
from .factors import product_of

__all__ = ["with_attentions"]


def with_attentions(model: Model) -> Model:
    """Return the model with softmax(scale q k^T + mask) v as "attention", of q, k and v (b, heads, l, d).

    The outputs are the same bit for bit where a single number multiplies the scores, or the queries; a scale that is
    written otherwise has other roundings, of half a unit in the last place of a score each. A row of scores that is
    minus infinity throughout gives 0 in place of NaN.
    """
    return rewritten(model, attention)


def attention(editing: Editing) -> None:
    for last in editing.each("matmul"):
        weights = editing.giver(last.inputs[0], "softmax")
        if weights is None or editing.only_user(last.inputs[0]) is None or _rank(editing, last.outputs[0]) != 4:
            continue
        if attributes_of(weights).get("axis", -1) not in (-1, 3):
            continue
        found = _masked(editing, weights.inputs[0], last.inputs[1])
        if found is None:
            continue
        scores, mask, scale = found
        q, kt = scores.inputs
        keys = product_of(editing, kt)  # the scale may stand there, or a part of it
        k = _turned(editing, keys.factors[0]) if len(keys.factors) == 1 and keys.number != 0 else None
        if k is None or not _fit(editing, q, k, last.inputs[1]):
            continue
        if isinstance(k, Node):
            editing.replace([], k)
            k = k.outputs[0]
        inputs = (q, k, last.inputs[1], *filter(None, [mask]))
        editing.replace([last], new_node("attention", inputs, last.outputs, last.name, {"scale": scale * keys.number}))
        editing.clear([weights])


def _masked(editing: Editing, name: str, v: str) -> tuple[Node, str, float] | None:
    """Return the product of scores, the mask that is added to it ("" for none) and the number it is multiplied by."""
    found = _scaled(editing, name)
    if found is not None:
        return found[0], "", found[1]
    total = editing.giver(name, "add")
    for scores, mask in (total.inputs, total.inputs[::-1]) if total is not None else ():
        found, shape = _scaled(editing, scores), editing.known(mask).shape
        if found is None or not shape or len(shape) > 4 or editing.known(mask).type != "float32":
            continue
        keys = (editing.known(v).shape or (UNKNOWN,) * 4)[2]
        if shape[-1] == keys != UNKNOWN:  # "add" repeats a shorter one, and "attention" hides the rest
            return found[0], mask, found[1]
    return None


def _scaled(editing: Editing, name: str) -> tuple[Node, float] | None:
    product = product_of(editing, name)
    node = editing.giver(product.factors[0], "matmul") if len(product.factors) == 1 else None
    return (node, product.number) if node is not None and product.number != 0 else None


def _turned(editing: Editing, name: str) -> Node | str | None:
    """Return the keys whose transpose a value is: a value, or a node to be added that gives them."""
    node = editing.giver(name, "transpose")
    axes = attributes_of(node).get("axes") if node is not None else None
    if node is None or axes is None or len(axes) != 4:
        return None
    order = (*axes[:2], axes[3], axes[2])
    if order == (0, 1, 2, 3):
        return node.inputs[0]
    fresh = editing.unique(f"{node.name}/keys")
    return new_node("transpose", node.inputs, (fresh,), fresh, {"axes": order})


def _fit(editing: Editing, q: str, k: Node | str, v: str) -> bool:
    """Return whether q, k and v have four axes, and as many heads: what has fewer would be repeated."""
    shapes = [editing.known(q).shape, editing.known(v).shape]
    if isinstance(k, Node):
        source = editing.known(k.inputs[0]).shape
        order = attributes_of(k)["axes"]
        shapes.append(None if source is None else tuple(source[axis] for axis in order))
    else:
        shapes.append(editing.known(k).shape)
    if any(shape is None or len(shape) != 4 for shape in shapes):
        return False
    batches, heads = ({shape[axis] for shape in shapes if shape is not None} for axis in (0, 1))
    return len(heads) == len(batches) == 1 and UNKNOWN not in heads | batches


def _rank(editing: Editing, name: str) -> int | None:
    shape = editing.known(name).shape
    return None if shape is None else len(shape)
