"""LSTM and GRU."""

from typing import TYPE_CHECKING, Any

from ....errors import RefcompressError
from ....formats import Node
from ...attributes import attributes_of

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def sequence(export: "Export", node: Node) -> None:
    """The weights become (directions, gates m, k), where they have two axes."""
    given = attributes_of(node)
    inputs, directions = list(node.inputs), 2 if given.get("direction") == "bidirectional" else 1
    for i, part in ((1, "weight"), (2, "recurrent")):
        shape = export.known(inputs[i]).shape
        rows, m = (shape or ("?",) * 2)[-2:]
        if not isinstance(rows, int) or not isinstance(m, int):
            raise RefcompressError(f"node {node.name!r}", f"has weights whose sizes are not known, {shape}")
        if shape is not None and len(shape) == 2:
            sizes = export.numbers(node, f"{part}_shape", [directions, rows // directions, m])
            name = export.between(node, part)
            export.emit("Reshape", [inputs[i], sizes], [name], node, part=f"/{part}")
            inputs[i] = name
    attributes: dict[str, Any] = {"hidden_size": m, "direction": given.get("direction", "forward")}
    for ours, name in (("batch_first", "layout"), ("coupled", "input_forget"), ("reset_after", "linear_before_reset")):
        if given.get(ours):
            attributes[name] = 1
    if given.get("clip"):
        attributes["clip"] = given["clip"]
    export.emit(node.operation.upper(), inputs, node.outputs, node, **attributes)


EXPORTERS = {"lstm": sequence, "gru": sequence}
