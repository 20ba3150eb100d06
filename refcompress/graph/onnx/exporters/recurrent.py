"""LSTM and GRU."""

from typing import TYPE_CHECKING

from ....formats import Node

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def recurrent(export: "Export", node: Node) -> None:
    """The weights become (directions, gates m, k), where they have two axes."""
    given = dict(node.attributes)
    inputs, directions = list(node.inputs), 2 if given.get("direction") == "bidirectional" else 1
    m = export.known(inputs[2]).shape[-1]
    for i, part in ((1, "weight"), (2, "recurrent")):
        shape = export.known(inputs[i]).shape
        if len(shape) == 2:
            sizes = export.numbers(node, f"{part}_shape", [directions, shape[0] // directions, shape[1]])
            name = export.between(node, part)
            export.emit("Reshape", [inputs[i], sizes], [name], node, part=f"/{part}")
            inputs[i] = name
    attributes = {"hidden_size": m, "direction": given.get("direction", "forward")}
    for ours, name in (("batch_first", "layout"), ("coupled", "input_forget"), ("reset_after", "linear_before_reset")):
        if given.get(ours):
            attributes[name] = 1
    if given.get("clip"):
        attributes["clip"] = given["clip"]
    export.emit(node.operation.upper(), inputs, node.outputs, node, **attributes)


EXPORTERS = {"lstm": recurrent, "gru": recurrent}
