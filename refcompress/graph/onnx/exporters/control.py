"""if."""

from typing import TYPE_CHECKING

from ....formats import Graph, Node

if TYPE_CHECKING:
    from ..exporting import Export

__all__ = ["EXPORTERS"]


def branches(export: "Export", node: Node) -> None:
    found = {}
    for name in ("then_branch", "else_branch"):
        inner = node[name]
        assert isinstance(inner, Graph)
        found[name] = export.graph(inner, f"{node.name}/{name}")
    export.emit("If", node.inputs, node.outputs, node, **found)


EXPORTERS = {"if": branches}
