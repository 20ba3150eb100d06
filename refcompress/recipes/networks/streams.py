"""Values of a network that a rotation can go through: residual streams, and the values of attention heads."""

from dataclasses import dataclass, field

from ...formats import Node
from ...graph import Model

__all__ = ["Heads", "Stream", "heads_of", "streams_of"]

NORMS = ("layer_norm", "rms_norm")


@dataclass(eq=False)
class Stream:
    """Values that additions tie to each other along their last axis, of size k.

    writers : linear nodes and embeddings that give one. added : names of parameters that are added. norms : what reads
    one. readers : linear nodes behind the norms, with their norm; those without one read the stream itself. why : why
    it cannot be rotated, or "".
    """

    k: int
    values: set[str]
    writers: list[Node] = field(default_factory=list)
    added: list[tuple[Node, int]] = field(default_factory=list)
    norms: list[Node] = field(default_factory=list)
    readers: list[tuple[Node, Node | None]] = field(default_factory=list)
    why: str = ""


@dataclass(frozen=True, eq=False)
class Heads:
    """An attention whose values come from one linear node, and whose output goes to linear nodes alone."""

    node: Node
    value: Node
    readers: tuple[Node, ...]
    heads: int
    kv_heads: int
    size: int


def streams_of(model: Model) -> list[Stream]:
    """Return the values that additions tie together, each set once, with what writes and reads them."""
    of: dict[str, set[str]] = {}
    for node in model.graph.nodes:
        values = [name for name in (*node.inputs, *node.outputs) if name and name not in model.tensors]
        if node.operation in ("add", "identity") and sizes_agree(model, values):
            joined = set(values).union(*(of.get(name, set()) for name in values))
            for name in joined:
                of[name] = joined
        elif node.operation in NORMS:
            of.setdefault(node.inputs[0], {node.inputs[0]})
    found: list[set[str]] = []
    for each in of.values():
        if each not in found:
            found.append(each)
    return [described(model, each) for each in found]


def sizes_agree(model: Model, values: list[str]) -> bool:
    """Whether all values have the same last size, which is known."""
    last = {(model.known[name].shape or ("?",))[-1:] for name in values}
    return len(last) == 1 and isinstance(next(iter(last))[0] if next(iter(last)) else "?", int)


def described(model: Model, values: set[str]) -> Stream:
    """Return a stream with its writers and readers, and what keeps it from being rotated."""
    graph = model.graph
    stream = Stream((model.known[min(values)].shape or (0,))[-1], values)  # type: ignore[arg-type]
    outside = ({each.name for each in graph.inputs} | set(graph.outputs)) & values
    if outside:
        stream.why = f"{min(outside)!r} is an input or an output of the network"
    for node in graph.nodes:
        if any(name in values for name in node.outputs):
            if node.operation in ("add", "identity"):
                stream.added += [(node, i) for i, name in enumerate(node.inputs) if name in model.tensors]
            elif node.operation in ("linear", "embedding"):
                stream.writers.append(node)
            else:
                stream.why = stream.why or f"{node.name!r}, a {node.operation}, gives one of its values"
        if any(name in values for name in node.inputs):
            read(model, node, stream)
    for node, i in stream.added:
        if (model.known[node.inputs[i]].shape or ())[-1:] != (stream.k,):
            stream.why = stream.why or f"{node.inputs[i]!r} is added to it along no axis of its own"
    kinds = {node.operation for node in stream.norms}
    if "layer_norm" in kinds and (len(kinds) > 1 or any(norm is None for _, norm in stream.readers)):
        stream.why = stream.why or "its mean, which a layer norm takes off, is read elsewhere"
    return stream


def read(model: Model, node: Node, stream: Stream) -> None:
    """Add a node that takes a value of a stream to its readers, or say why the stream cannot be rotated."""
    if node.operation in ("add", "identity", "shape"):
        return
    if node.operation == "linear" and node.inputs[0] in stream.values and not set(node.inputs[1:]) & stream.values:
        stream.readers.append((node, None))
        return
    shape = model.known[node.inputs[0]].shape or ()
    if node.operation in NORMS and dict(node.attributes).get("axis", -1) in (-1, len(shape) - 1):
        users = model.graph.users(node.outputs[0])
        linear = all(user.operation == "linear" and user.inputs[0] == node.outputs[0]
                     and node.outputs[0] not in user.inputs[1:] for user in users)
        if linear and users and node.outputs[0] not in model.graph.outputs:
            stream.norms.append(node)
            stream.readers += [(user, node) for user in users]
            return
        stream.why = stream.why or f"what {node.name!r} gives is not read by linear nodes alone"
        return
    stream.why = stream.why or f"{node.name!r}, a {node.operation}, reads it"


def heads_of(model: Model) -> list[Heads]:
    """Return the attentions whose values can be rotated, head by head."""
    graph, found = model.graph, []
    for node in graph.nodes:
        given = dict(node.attributes)
        if node.operation != "attention" or not given.get("heads") or any(node.inputs[4:]):
            continue
        value, users = graph.giver(node.inputs[2]), graph.users(node.outputs[0])
        alone = value is not None and value.operation == "linear" and graph.users(node.inputs[2]) == [node]
        once = node.inputs.count(node.inputs[2]) == 1 and node.inputs[2] not in graph.outputs
        more = any(name and (graph.users(name) or name in graph.outputs) for name in node.outputs[1:])
        linear = users and all(user.operation == "linear" and user.inputs[0] == node.outputs[0] for user in users)
        if value is None or not (alone and once and linear) or more or node.outputs[0] in graph.outputs:
            continue
        heads = int(given["heads"])  # type: ignore[arg-type]
        kv_heads = int(given.get("kv_heads") or heads)  # type: ignore[arg-type]
        width = (model.known[node.inputs[2]].shape or (0,))[-1]
        if isinstance(width, int):
            found.append(Heads(node, value, tuple(users), heads, kv_heads, width // kv_heads))
    return found
