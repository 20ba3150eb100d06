"""Shapes, axes and limits that are tensors as attributes of the nodes that take them."""

import numpy as np

from ..attributes import attributes_of, new_node
from ..model import Model
from .editing import Editing, rewritten

__all__ = ["with_numbers_as_attributes"]

# Of each operation the attributes that its inputs may be, from the second on; None for an input that is none.
PLACES: dict[str, tuple[str | None, ...]] = {
    "reshape": ("shape",), "expand": ("shape",), "squeeze": ("axes",), "unsqueeze": ("axes",), "tile": ("repeats",),
    "slice": ("starts", "ends", "axes", "steps"), "pad": ("pads", None, "axes"), "split": ("sizes",),
    "resize": ("scales", "sizes"), "clip": ("low", "high"),
    **{f"reduce_{name}": ("axes",) for name in ("sum", "mean", "max", "min", "product")},
}
SINGLE = ("low", "high")  # one number each, the others are tuples


def with_numbers_as_attributes(model: Model) -> Model:
    """Return the model whose shapes, axes, pads and limits are attributes where they are tensors.

    The outputs are the same bit for bit: each operation takes them as an attribute or as an input.
    """
    return rewritten(model, numbers)


def numbers(editing: Editing) -> None:
    for node in editing.each(*PLACES):
        inputs, attributes = list(node.inputs), attributes_of(node)
        for i, name in enumerate(PLACES[node.operation], 1):
            value = editing.constant(inputs[i]) if i < len(inputs) and name is not None else None
            if value is None or value.ndim > 1 or not value.size or np.isnan(value).any():
                continue
            if name in SINGLE and value.size == 1:
                attributes[str(name)] = value.reshape(()).item()
            elif name not in SINGLE:
                attributes[str(name)] = tuple(value.reshape(-1).tolist())
            else:
                continue
            inputs[i] = ""
        while not inputs[-1]:
            inputs.pop()
        if inputs != list(node.inputs):
            editing.replace([node], new_node(node.operation, inputs, node.outputs, node.name, attributes))
