"""Dropout while a pruned network is retrained: fewer connections need less of it."""

from collections.abc import Mapping

from ..graph import OPERATIONS
from ..training import Convolution, Dense, Dropout, GraphNetwork, Network

__all__ = ["adapt_dropout"]


def adapt_dropout(network: Network | GraphNetwork, original: Network | GraphNetwork,
                  kept: Mapping[str, float] | None) -> None:
    """Set each Dropout of ``network`` to D_r = D_o sqrt(C_ir / C_io) for the Dense layer or Convolution that follows
    it. In a graph that is the first node with a weight that takes its value, through nodes without one.

    D_o is the rate in ``original``, C_ir / C_io the share of the layer's connections that is left: ``kept`` by the name
    of its weight, 1 where it has none. kept None turns dropout off.

    **Source** Han et al. 2015 (arXiv 1506.02626), eq. 2. **Departs** nothing.
    """
    if isinstance(network, GraphNetwork) and isinstance(original, GraphNetwork):
        for value, layer in network.behind.items():
            first = original.behind[value]
            if isinstance(layer, Dropout) and isinstance(first, Dropout):
                layer.rate = 0.0 if kept is None else first.rate * kept.get(_follower(network, value), 1.0) ** 0.5
        return
    assert isinstance(network, Network) and isinstance(original, Network)  # two of a kind
    share = 0.0 if kept is None else 1.0  # of what follows the last layer
    for name, layer in reversed(network.layers.items()):
        if isinstance(layer, (Dense, Convolution)):
            share = 0.0 if kept is None else kept.get(f"{name}.weight", 1.0)
        elif isinstance(layer, Dropout):
            before = original.layers[name]
            assert isinstance(before, Dropout)  # the same network, before its layers were pruned
            layer.rate = before.rate * share**0.5


def _follower(network: GraphNetwork, value: str) -> str:
    """Return the name of the weight of the first node behind a value that has one; "" where there is none."""
    reached = {value}
    for node in network.graph.nodes:
        if reached.intersection(node.inputs):
            weight = OPERATIONS[node.operation].weight
            if weight is not None and node.inputs[weight] in network.tensors:
                return node.inputs[weight]
            reached.update(node.outputs)
    return ""
