"""The network that a model on the disk is, if its graph is known: it goes into the compressed file with the tensors."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..container import entry_bytes
from ..errors import RefcompressError
from ..formats import Graph
from ..models.mapping import tensor
from ..models.source import Source, Tensor

__all__ = ["Network", "graph_name", "network_of"]

INTEGERS = ("_s8", "_s8_scaled", "_a8")  # how the names of operations end that compute with integers


@dataclass(frozen=True)
class Network:
    """The graph that a compressed file will hold.

    graph : None where there is none. name : of its entry. why : why a type of file that has networks gives none. axes :
    name -> 1, of the weights whose outputs are the second axis, for so the graph multiplies by them. folded : the
    tensors that are in the graph, as attributes of its nodes, and no entries of their own. added : those that no tensor
    of the source is.
    """

    graph: Graph | None = None
    name: str = ""
    why: str = ""
    axes: Mapping[str, int] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    def entry(self) -> bytes:
        """Return the bytes of its entry."""
        assert self.graph is not None
        return entry_bytes(self.graph)

    def described(self) -> str:
        """Return what is kept of the network, or why nothing is, for a person; "" where nobody would expect one."""
        if self.graph is None:
            return f"the network is not kept: {self.why}" if self.why else ""
        nodes = len(self.graph.nodes)
        said = f"the network is kept: {nodes} node{'s' * (nodes != 1)} in entry {self.name!r}"
        count = len(self.folded)
        return said + (f"; {count} constant{'s' * (count != 1)} became attributes of them" if count else "")


def graph_name(tensors: Mapping[str, Any]) -> str:
    """Return the name of the entry of a graph beside these tensors: "graph", if no tensor has it."""
    name, number = "graph", 1
    while name in tensors:
        number += 1
        name = f"graph#{number}"
    return name


def network_of(source: Source) -> tuple[Source, Network]:
    """Return the tensors that are to be compressed, and the network that takes them.

    Without a network these are all tensors of the source.
    """
    if source.graph is not None:
        return source.with_tensors(_fixed(source, source.graph), source.graph), _network(source, source.graph)
    if source.kind != "onnx":
        return source, Network()
    try:
        from ..graph import onnx

        model = onnx.load(source.files[0])
    except RefcompressError as error:
        return source, Network(why=error.rule if error.argument in ("path", "onnx") else str(error))
    network = _network(source, model.graph)
    return _taken(source, network, model.tensors), network


def _network(source: Source, graph: Graph) -> Network:
    from ..graph.uses import is_turned, uses

    used = uses(graph)
    axes = {name: 1 for name, nodes in used.items() if nodes and all(map(is_turned, nodes))}
    return Network(graph, graph_name(used), axes=axes, folded=tuple(name for name in source if name not in used),
                   added=tuple(name for name in used if name not in source))


def _taken(source: Source, network: Network, tensors: Mapping[str, Any]) -> Source:
    """Return the tensors that the graph takes: those of the source in its order, and those that were made of others."""
    assert network.graph is not None
    names = set(network.graph.parameters)
    found = {name: each for name, each in source.items() if name in names}
    found |= {name: tensor(name, tensors[name]) for name in network.added}
    return source.with_tensors(_fixed(found, network.graph), network.graph)


def _fixed(tensors: Mapping[str, Tensor], graph: Graph) -> dict[str, Tensor]:
    """Return the tensors; weights of nodes that compute with integers count as coded, which no preset changes."""
    from ..graph.uses import is_weight, uses

    found = dict(tensors)
    for name, used in uses(graph).items():
        if name in found and found[name].type == "float32" and any(
                node.operation.endswith(INTEGERS) and is_weight((node, i)) for node, i in used):
            found[name] = replace(found[name], type="quantized")
    return found
