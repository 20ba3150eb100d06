"""Rotate what flows through a network, so that no channel has outliers, and the network computes the same."""

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentTypeError
from ...formats import Graph, Node, is_array_format
from ...graph import Model
from .orthogonal import rotation
from .streams import Heads, Stream, heads_of, streams_of

__all__ = ["Rotated", "rotate_network"]


@dataclass(frozen=True, eq=False)
class Rotated:
    """The rotated model; what was rotated, in words; and what was not, with the reason."""

    model: Model
    done: tuple[str, ...]
    left: tuple[str, ...]


def rotate_network(model: Model, *, seed: int = 0) -> Rotated:
    """Rotate residual streams and the values of attention heads, and take the rotations into the weights around them.

        x' = q x:   a layer that writes x gets q w, one that reads it w q.T;   norm(q x) = q norm(x)

    Parameters
    ----------
    model : Model
        Its weights are float32 arrays: a network is rotated before it is quantized.
    seed : int >= 0
        Of the signs of each rotation.

    Returns
    -------
    Rotated
        The same function, but for rounding: weights are products in float64, rounded once to float32. A residual stream
        is rotated where linear nodes and embeddings write it, and norms over its last axis with linear nodes behind
        them read it. The weight and bias of such a norm are taken into those linear nodes. A layer norm becomes an RMS
        norm of equal result: the mean that it takes off is taken off what is written. The values of an attention are
        rotated within each head, and so are the columns of the linear nodes that read its output. A weight that is
        used elsewhere too is stored again for the nodes that are changed. ``left`` names what could not be rotated:
        where norms stand behind the additions (as in BERT), their weights lie between two uses of one stream.

    **Source** Ashkboos et al., QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs (2024, arXiv 2404.00456); layer
    norms as RMS norms: Ashkboos, Croci, do Nascimento, Hoefler & Hensman, SliceGPT (2024, arXiv 2401.15024).

    **Departs** only rotations that cost nothing in a run are done: none is multiplied by while the network runs.

    Cost k**2 for each row of a weight.

    >>> from refcompress.graph import Builder
    >>> b, table = Builder(), np.float32([[1, 1, -1, 1], [1, -1, -1, -1]])
    >>> x = b.embedding(b.input("tokens", ("batch",), "int64"), table, name="table")
    >>> x = b.rms_norm(x, epsilon=0.0, name="norm")
    >>> model = b.model(b.linear(x, np.float32([[4, 3, 2, 1]]), name="head"))
    >>> rotated = rotate_network(model).model
    >>> model(np.array([0, 1])).tolist() == rotated(np.array([0, 1])).tolist()
    True
    >>> rotated.tensors["table.weight"].tolist() == table.tolist()
    False
    """
    if not isinstance(model, Model):
        raise ArgumentTypeError("model", f"must be a Model, not {type(model).__name__}")
    edit, done, left = Edit(model), [], []
    for stream in streams_of(model):
        said = f"the stream of {min(stream.values)!r}, {stream.k} channels"
        if stream.why or not stream.norms:
            left.append(f"{said}: {stream.why or 'no norm reads it'}")
            continue
        turn_stream(edit, stream, rotation(stream.k, seed))
        done.append(f"{said}: {len(stream.writers)} nodes write it, {len(stream.readers)} read it")
    for each in heads_of(model):
        turn_heads(edit, each, rotation(each.size, seed))
        done.append(f"the values of {each.node.name!r}, {each.heads} heads of {each.size}")
    return Rotated(edit.model(), tuple(done), tuple(left))


class Edit:
    """The nodes and tensors of a network as they are changed; nobody else's tensor changes."""

    def __init__(self, model: Model):
        self._model = model
        self.nodes = {node.name: node for node in model.graph.nodes}
        self.tensors = dict(model.tensors)

    def array(self, node: Node, i: int) -> np.ndarray | None:
        """Return an input of a node as it stands, float64; None where the node has none."""
        now = self.nodes[node.name]
        if len(now.inputs) <= i or not now.inputs[i]:
            return None
        value = self.tensors[now.inputs[i]]
        if is_array_format(value):
            raise ArgumentTypeError(f"tensors[{now.inputs[i]!r}]", f"must be an array to be rotated, not a "
                                                                   f"{type(value).__name__}: rotate first")
        return np.asarray(value, np.float64)

    def give(self, node: Node, i: int, value: np.ndarray, part: str) -> None:
        """Make an array an input of a node, rounded to float32, under a new name where the tensor is another's too."""
        now = self.nodes[node.name]
        name = now.inputs[i] if i < len(now.inputs) else ""
        if not name or sum(each.inputs.count(name) for each in self.nodes.values()) > 1:
            name = f"{node.name}.{part}"
            while name in self.tensors or name in self._model.known:
                name += "'"
        self.tensors[name] = value.astype(np.float32)
        inputs = [*now.inputs, *[""] * (i + 1 - len(now.inputs))]
        inputs[i] = name
        self.nodes[node.name] = Node(now.operation, tuple(inputs), now.outputs, now.attributes, now.name)

    def model(self) -> Model:
        """Return the network as it stands."""
        graph = Graph(self._model.graph.inputs, self._model.graph.outputs, tuple(self.nodes.values()))
        return Model(graph, {name: self.tensors[name] for name in graph.parameters})


def turn_stream(edit: Edit, stream: Stream, q: np.ndarray) -> None:
    """Rotate a residual stream by q."""
    for reader, norm in stream.readers:
        w = edit.array(reader, 1)
        assert w is not None
        if norm is not None:
            gain, offset = edit.array(norm, 1), edit.array(norm, 2)
            bias = edit.array(reader, 2)
            if offset is not None:
                edit.give(reader, 2, w @ offset + (0 if bias is None else bias), "bias")
            w = w if gain is None else w * gain
        edit.give(reader, 1, w @ q.T, "weight")
    centred = any(node.operation == "layer_norm" for node in stream.norms)
    for norm in stream.norms:  # without weight and bias, whose mean was taken off what is written
        given = dict(norm.attributes)
        edit.nodes[norm.name] = Node("rms_norm", norm.inputs[:1], norm.outputs, {
            "epsilon": given.get("epsilon", 1e-5)}, norm.name)
    turn = q - q.mean(axis=1, keepdims=True) if centred else q  # q times (identity - mean)
    for writer in stream.writers:
        w, bias = edit.array(writer, 1), edit.array(writer, 2)
        assert w is not None
        edit.give(writer, 1, w @ turn.T if writer.operation == "embedding" else turn @ w, "weight")
        if bias is not None:
            edit.give(writer, 2, turn @ bias, "bias")
    for node, i in stream.added:
        added = edit.array(node, i)
        assert added is not None
        edit.give(node, i, added @ turn.T, "added")


def turn_heads(edit: Edit, each: Heads, q: np.ndarray) -> None:
    """Rotate the values of each head of an attention by q."""
    w, bias = edit.array(each.value, 1), edit.array(each.value, 2)
    assert w is not None
    rows = np.kron(np.eye(each.kv_heads), q)
    edit.give(each.value, 1, rows @ w, "weight")
    if bias is not None:
        edit.give(each.value, 2, rows @ bias, "bias")
    columns = np.kron(np.eye(each.heads), q)
    for reader in each.readers:
        read = edit.array(reader, 1)
        assert read is not None
        edit.give(reader, 1, read @ columns.T, "weight")
