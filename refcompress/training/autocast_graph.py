"""Automatic mixed precision on a graph: each node computes in the format that torch's lists of operations say."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import ArgumentTypeError, RefcompressError
from ..formats import Node
from ..graph import OPERATIONS
from .arithmetic import Precision
from .graph_network import GraphNetwork
from .precision import Mixed, Policy, rounded
from .scaling import LossScaler

__all__ = ["AutocastGraph", "POLICIES"]

# What torch.autocast does to each operation that a graph has. The others are on no list: they compute in the widest
# format of what they take. float16: the lists for CUDA; products, recurrent layers and attention in float16;
# exponentials, powers, norms, sums and resizing in float32. bfloat16: the lists for the CPU, on which a gru is not, and
# which keep none of these in float32: bfloat16 has the range.
PRODUCTS = ("linear", "conv", "conv_transposed", "matmul", "attention", "lstm")
POLICIES = {
    "float16": Policy("float16", low=(*PRODUCTS, "gru"),
                      full=("softmax", "layer_norm", "rms_norm", "group_norm", "exp", "power", "reciprocal",
                            "reduce_sum", "reduce_product", "cumulative_sum", "resize")),
    "bfloat16": Policy("bfloat16", low=PRODUCTS, full=()),
    "float32": Policy("float32", low=(), full=()),
}
DATA_FIRST = frozenset({"batch_norm", "group_norm", "layer_norm", "rms_norm"})  # parameters do not widen the format


class AutocastGraph(Mixed, Precision):
    """A graph network that computes as a policy says; ``network`` keeps the float32 master weights.

    Forward, a node of the policy's ``low`` gets all that it takes rounded to the format, computes in float32, and what
    it gives is rounded once. A node of ``full`` computes in float32. Every other node computes in the widest format of
    what it takes, in which tensors and the inputs of the graph are float32; of a norm only the data count. Backward,
    the gradient that a node gets is rounded to the format of its value, and what it sends to the format in which it
    computed and to that of the value it goes to.

    policy : by names of operations; by default the one of POLICIES for "float16". scaler, watch : as for Autocast; in
    ``underflow`` a gradient has the name of its value or tensor, and "loss" is that of the output.

    **Source** Micikevicius et al. 2018 (arXiv 1710.03740), section 3; the lists: "Autocast Op Reference" of torch.amp.
    **Departs** attention and recurrent layers are one operation each: what is between their products is float32.
    Cost: that of the network, and of rounding every weight, activation and gradient.
    """

    def __init__(self, network: GraphNetwork, *, policy: Policy = POLICIES["float16"],
                 scaler: LossScaler | None = None, watch: bool = False):
        if not isinstance(network, GraphNetwork):
            raise ArgumentTypeError("network", f"must be a GraphNetwork, not {type(network).__name__}")
        for name in ("low", "full"):
            if strange := sorted(getattr(policy, name) - set(OPERATIONS)):
                raise RefcompressError(f"policy.{name}", f"names {strange[0]!r}, which is no operation of a graph")
        super().__init__(network, policy, scaler, watch)
        self._formats: dict[str, str] = {}

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients of the last ``backward``, times the scale, by the name of their parameter."""
        return self.network.gradients

    def forward(self, x: np.ndarray | Mapping[str, np.ndarray],
                rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the output for float32 inputs, in the policy's arithmetic; with ``rng`` as in training."""
        self._formats = {}
        return self.network.forward(x, rng, precision=self)

    def backward(self, dy: np.ndarray) -> None:
        """Fill ``gradients`` from the gradient ``dy`` of the loss, before scaling, with respect to the output."""
        self.gradient_scale = self.scaler.scale  # of these gradients; after the step the scaler may have another
        output = self.network.graph.outputs[0]
        dy = self._gradient("loss", dy * np.float32(self.gradient_scale), self._format(output))
        self.network.backward(dy, precision=self)

    def _format(self, value: str) -> str:
        return self._formats.get(value, "float32")

    def _computed(self, node: Node) -> str:
        """Return the format in which a node computes."""
        policy, operation = self.policy, node.operation
        if operation in policy.low or operation in policy.full:
            return policy.format if operation in policy.low else "float32"
        taken = [name for name, kind in zip(node.inputs, self.network.types(node)) if kind.startswith("float")]
        if operation in DATA_FIRST:
            taken = taken[:1]
        return policy.format if taken and all(self._format(name) == policy.format for name in taken) else "float32"

    def entering(self, node: Node, values: list) -> list:
        if node.operation not in self.policy.low:
            return values  # each is a number of its own format already
        return [_rounded(x, self.policy.format) for x in values]

    def leaving(self, node: Node, values: tuple) -> tuple:
        format = self._computed(node)
        self._formats.update(dict.fromkeys(node.outputs, format))
        return tuple(_rounded(x, format) for x in values)

    def returning(self, node: Node, gradients: tuple) -> tuple:
        format = next(self._format(name) for name in node.outputs if name)  # one for all that a node gives
        return tuple(rounded(g, format) for g in gradients)

    def sending(self, node: Node, gradients: Sequence) -> Sequence:
        low = node.operation in self.policy.low
        sent = []
        for name, g in zip(node.inputs, gradients):
            format = self.policy.format if low else self._format(name)
            sent.append(None if g is None else self._gradient(name, g, format))
        return sent


def _rounded(x, format: str):
    return rounded(x, format) if isinstance(x, np.ndarray) and x.dtype == np.float32 else x
