"""A graph of operations that learns: its tensors are the parameters, and each node sends its gradient back.

    network = GraphNetwork(model)                 # parameters, forward, backward, ... as a Network has them
    fit(network, inputs, labels, optimizer=Adam(), epochs=3, rng=np.random.default_rng(0))
    network.model()                               # a graph.Model with what was learnt
"""

import copy
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from .. import arguments
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Graph, Node, is_array_format
from ..formats.graph import subgraphs
from ..graph import OPERATIONS, Model
from ..graph.run import checked_inputs, values_of
from ..graph.table import REQUIRED
from .arithmetic import Arithmetic, Precision
from .gradients import GRADIENTS
from .gradients.normalization import batch_normalized, batch_normalized_gradient
from .grids import with_grids
from .layers import Layer
from .network import assign
from .paths import Paths

__all__ = ["GraphNetwork"]


class GraphNetwork:
    """A model of one output that learns; the same to an optimizer, a hook and ``fit`` as a Network.

    model : a graph.Model. Its float32 tensors are the parameters, those from which a gradient leads to the output; what
    is an index, a shape, an exponent or a running average is none. frozen : names of tensors that stay as they are; a
    tensor in a compressed format must be one of these, and is computed with as what it decodes to. behind : value of
    the graph → layer (Dropout, QuantizedInputs, ...) that stands behind it; its parameters are "<value>.<parameter>".
    batch_statistics : whether batch norms in training take the mean and variance of the batch, and move their running
    averages towards these by the factor ``momentum``; else they compute in training as in use.

    Operations on the way from a parameter to the output that have no gradient are refused, all of them with counts and
    a node. Gradients pass straight through a quantize and a dequantize (gradients/integers.py).
    A tensor that several nodes take gets the sum of their gradients. Forward, each node is computed by the graph's own
    function, with NumPy's arithmetic (see arithmetic.py).

    **Source** Griewank and Walther 2008, Evaluating Derivatives: reverse mode. **Departs** nothing. Cost: every value
    of the graph is kept from forward to backward.

    >>> from refcompress.graph import Builder
    >>> b = Builder()
    >>> y = b.linear(b.input("x", ("n", 2)), np.float32([[1, 0]]), name="fc")
    >>> network = GraphNetwork(b.model(b.tanh(y)))
    >>> network.forward(np.float32([[0, 5]])).tolist()
    [[0.0]]
    >>> network.backward(np.float32([[1]]))
    >>> network.gradients["fc.weight"].tolist()
    [[0.0, 5.0]]
    """

    gradient_scale = 1.0

    def __init__(self, model: Model, *, frozen: Collection[str] = (), behind: Mapping[str, Layer] | None = None,
                 batch_statistics: bool = False, momentum: float = 0.1):
        if not isinstance(model, Model):
            raise ArgumentTypeError("model", f"must be a graph.Model, not {type(model).__name__}")
        if len(model.graph.outputs) != 1:
            raise RefcompressError("model", f"must have one output to be trained, not {len(model.graph.outputs)}")
        for name in frozen:
            if name not in model.tensors:
                raise RefcompressError("frozen", f"names {name!r}, which is no tensor of the model")
        self.graph, self.behind, self._known = model.graph, dict(behind or {}), model.known
        self.batch_statistics = arguments.boolean(batch_statistics, "batch_statistics")
        self.momentum = arguments.real(momentum, "momentum", 0, 1)
        self._paths = Paths(model, frozen, self.behind)
        self._nodes, self._kind = self._paths.nodes, "float32"
        self.tensors = {name: np.array(value.dense() if is_array_format(value) else value)
                        for name, value in model.tensors.items()}
        self._gradients = {name: np.zeros_like(self.tensors[name]) for name in self._paths.parameters}
        self._arithmetic = Arithmetic()
        self._passed: dict[str, tuple] = {}
        self._shape: tuple[int, ...] = ()  # of the last output

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes on which the output depends, in their order."""
        return self._nodes

    def passed(self, node: Node) -> tuple:
        """Return what a node was given and what it gave in the last ``forward``, and how its gradient goes back."""
        return self._passed[node.name]

    def types(self, node: Node) -> list[str]:
        """Return the element types of what a node takes, as the model was made; "" for what is left out."""
        return [self._known[name].type if name else "" for name in node.inputs]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters themselves (no copies), by name."""
        return {name: self.tensors[name] for name in self._gradients} | {
            f"{value}.{p}": a for value, layer in self.behind.items() for p, a in layer.parameters.items()}

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients of the last ``backward``, by the name of their parameter; the next one overwrites them."""
        return self._gradients | {
            f"{value}.{p}": a for value, layer in self.behind.items() for p, a in layer.gradients.items()}

    def forward(self, x: np.ndarray | Mapping[str, np.ndarray], rng: np.random.Generator | None = None, *,
                precision: Precision = Precision()) -> np.ndarray:
        """Return the output for the inputs (by name, where there are several); with ``rng`` as in training."""
        values: dict = {"": None, **self.tensors, **checked_inputs(self.graph, x)[0]}
        self._passed = {}
        for node in self._nodes:
            given = precision.entering(node, [values[name] for name in node.inputs])
            outputs, function = self._outputs(node, given, values, training=rng is not None)
            outputs = precision.leaving(node, outputs)
            self._passed[node.name] = given, outputs, function
            if self.behind.keys() & set(node.outputs):
                outputs = precision.leaving(node, tuple(self.behind[name].forward(y, rng) if name in self.behind else y
                                                        for name, y in zip(node.outputs, outputs)))
            values.update(zip(node.outputs, outputs))
        self._shape = values[self.graph.outputs[0]].shape
        return values[self.graph.outputs[0]]

    def _outputs(self, node: Node, given: list, values: dict, *, training: bool) -> tuple[tuple, tuple]:
        """Return what a node gives, and the function that sends the gradient back through it."""
        row = OPERATIONS[node.operation]
        attributes = {name: value for name, value in row.attributes.items() if value is not REQUIRED}
        attributes |= dict(node.attributes)
        if node.operation == "batch_norm" and training and self.batch_statistics:
            y, mean, variance = batch_normalized(*given[:3], **attributes)
            self._move(node, given[0], mean, variance)
            return (y,), (batch_normalized_gradient, attributes)
        gradient = GRADIENTS.get(node.operation)
        if gradient is not None and gradient.forward is not None:
            found = gradient.forward(*given, **attributes)
        else:
            self._arithmetic.node = node.name
            around = {"evaluate": lambda inner: values_of(inner, values, self._arithmetic)} if subgraphs(node) else {}
            found = row.compute(*given, use=self._arithmetic, **attributes, **around)
        return found if isinstance(found, tuple) else (found,), (gradient and gradient.backward, attributes)

    def _move(self, node, x, mean, variance) -> None:
        """Move the running averages; the variance as an estimate of that of all examples (Ioffe and Szegedy 2015)."""
        n = x.size // x.shape[1]
        for name, now in zip(node.inputs[3:], (mean, variance * x.dtype.type(n / max(n - 1, 1)))):
            a = self.tensors[name]
            a += a.dtype.type(self.momentum) * (now - a)

    def backward(self, dy: np.ndarray, *, precision: Precision = Precision()) -> None:
        """Fill ``gradients`` from the gradient ``dy`` of the loss with respect to the last output."""
        if not self._passed:
            raise RefcompressError("dy", "must be of an output: forward comes first")
        if not isinstance(dy, np.ndarray) or dy.dtype.kind != "f" or dy.shape != self._shape:
            given = f"{dy.dtype} of the shape {dy.shape}" if isinstance(dy, np.ndarray) else type(dy).__name__
            raise ArgumentTypeError("dy", f"must be floats of the output's shape {self._shape}, not {given}")
        sent: dict[str, np.ndarray] = {self.graph.outputs[0]: dy}
        for node in reversed(self._nodes):
            wanted = self._paths.wanted[node.name]
            given, outputs, (function, attributes) = self._passed[node.name]
            names = node.outputs + ("",) * (len(outputs) - len(node.outputs))  # the last ones may be left out
            arrived = [self._arrived(name, sent) for name in names]
            if not any(wanted) or all(each is None for each in arrived):
                continue
            dys = precision.returning(node, tuple(np.zeros_like(y) if d is None else d
                                                  for y, d in zip(outputs, arrived)))
            one = len(outputs) == 1
            found = function(dys[0] if one else dys, outputs[0] if one else outputs, *given, wanted=wanted,
                             **attributes)
            for name, want, dx in zip(node.inputs, wanted, precision.sending(node, found)):
                if want:
                    sent[name] = sent[name] + dx if name in sent else dx
        for name, gradient in self._gradients.items():
            gradient[...] = sent.get(name, 0)

    def _arrived(self, name: str, sent: dict) -> np.ndarray | None:
        """Return the gradient of a node's output, behind which a layer may stand."""
        if name not in self.behind:
            return sent.pop(name, None)
        if name not in sent:
            for g in self.behind[name].gradients.values():
                g[...] = 0
            return None
        return self.behind[name].backward(sent.pop(name))

    def assign(self, values: Mapping[str, np.ndarray]) -> None:
        """Copy ``values`` into the parameters of these names; refuse an unknown name, another dtype or shape."""
        assign(self.parameters, values)

    def copy(self) -> "GraphNetwork":
        """Return a network of its own with the same graph and values."""
        other = copy.copy(self)
        other.tensors = {name: value.copy() for name, value in self.tensors.items()}
        other._gradients = {name: value.copy() for name, value in self._gradients.items()}
        other.behind, other._passed, other._arithmetic = copy.deepcopy(self.behind), {}, Arithmetic()
        return other

    def astype(self, dtype: DTypeLike) -> "GraphNetwork":
        """Return a network of its own in another dtype: that of its parameters, its inputs, and casts to its own."""
        try:
            floats = np.dtype(dtype).kind == "f"
        except TypeError:
            floats = False
        if not floats:
            raise ArgumentTypeError("dtype", f"must be a type of floats, not {dtype!r}")
        other = self.copy()
        other.tensors = {name: value.astype(dtype) if value.dtype.kind == "f" else value
                         for name, value in other.tensors.items()}
        other._gradients = {name: np.zeros_like(other.tensors[name]) for name in other._gradients}
        for layer in other.behind.values():
            for name, p in layer.parameters.items():
                layer.parameters[name] = p.astype(dtype)
                layer.gradients[name] = np.zeros_like(layer.parameters[name])
        kind = np.dtype(dtype).name
        inputs = tuple(replace(each, type=kind) if each.type.startswith("float") else each
                       for each in self.graph.inputs)
        nodes = {node.name: replace(node, attributes=node.attributes if dict(node.attributes).get("type") != self._kind
                                    else (*(pair for pair in node.attributes if pair[0] != "type"), ("type", kind)))
                 for node in self.graph.nodes}
        other.graph = Graph(inputs, self.graph.outputs, tuple(nodes.values()))
        other._kind = kind
        other._nodes = tuple(nodes[node.name] for node in self._nodes)
        return other

    def model(self) -> Model:
        """Return the graph with the tensors as they are now; QuantizedInputs behind a value are nodes there.

        Raises ArgumentTypeError where another layer than Dropout, which is nothing in use, stands behind a value.
        """
        return Model(with_grids(self.graph, self.behind), self.tensors)
