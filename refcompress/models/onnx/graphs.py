"""Where the tensors of an ONNX model stand: its graphs are walked by an explicit stack, and nothing else is read.

**Source** ONNX, onnx.proto of release 1.23: the numbers of all fields.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...errors import LimitError
from ..protobuf import VARINT, Field, Message, Walker
from .tensor import Proto, pair, proto

MAX_TENSORS = 2**18  # each takes some 1,500 bytes of memory, and in a file that lies a dozen bytes
MAX_DEPTH = 32  # of graphs in graphs: the readers of protobuf allow 100 messages, and a graph in a graph takes three
OWN = ("", "ai.onnx")  # two names of the domain of ONNX's own operators
Visitor = Callable[[str, list[str], Message], None]


@dataclass(eq=False)
class Scope:
    """A graph, or the body of a function. inputs : the names of its inputs. names : those of its tensors so far."""

    message: Message
    is_function: bool = False
    inputs: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    @property
    def fields(self) -> tuple[int | None, ...]:
        """The numbers of its fields: nodes, initialisers, sparse initialisers, inputs."""
        return (7, None, None, None) if self.is_function else (1, 5, 15, 11)


@dataclass(frozen=True, eq=False)
class Found:
    """A tensor. name : in its graph. whole : the field of the graph that is the initialiser, or the node Constant.

    proto : None for a sparse initialiser.
    """

    name: str
    proto: Proto | None
    whole: Field
    scope: Scope
    is_constant: bool = False

    @property
    def left_out(self) -> str | None:
        """Why the tensor is not read; None where it is."""
        return self.proto.left_out if self.proto is not None else "it is a sparse initialiser"


@dataclass(eq=False)
class Model:
    """What the walk over a model found.

    opset : the version of ONNX's own operators, at ``opset_field`` in the message ``opset_message``. metadata : its own
    words, and the fields that hold them. values : every name of a value in any graph, where it was asked for.
    operators : of the nodes with an operator of ONNX's own its name, and the number of outputs.
    """

    ir_version: Field | None = None
    opset: int = 0
    opset_field: Field | None = None
    opset_message: Message | None = None
    has_functions: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    metadata_fields: dict[str, list[Field]] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)
    operators: set[tuple[str, int]] = field(default_factory=set)


def model_of(walker: Walker, *, values: bool = False, visit: Visitor | None = None) -> Model:
    """Return what a file holds, with the names of all values or without; CorruptError where it is no ONNX model.

    visit : is called for each node, with its operator, the names of its inputs and its message
    """
    model, scopes = model_without_graphs(walker)
    graphs = Graphs(walker, model, values, visit)
    for scope in scopes:
        graphs.walk(scope)
    return model


def model_without_graphs(walker: Walker) -> tuple[Model, list[Scope]]:
    """Return what stands outside of the graphs, and the graph and the functions that are not walked yet."""
    model, scopes = Model(), []
    for f in walker.fields(walker.whole):
        if f.number == 1:
            walker.expect(f, "an ir_version", VARINT)
            model.ir_version = f
        elif f.number in (7, 25):
            scopes.append(Scope(walker.inside(walker.whole, f, "a graph"), is_function=f.number == 25))
        elif f.number == 8:
            _opset(walker, walker.inside(walker.whole, f, "an opset_import"), model)
        elif f.number == 14:
            key, value = pair(walker, walker.inside(walker.whole, f, "metadata"))
            model.metadata[key] = value
            model.metadata_fields.setdefault(key, []).append(f)
    graphs = sum(not scope.is_function for scope in scopes)
    model.has_functions = len(scopes) > graphs
    if graphs != 1:
        raise walker.corrupt(f"is no ONNX model: it has {graphs} graphs where one must be")
    return model, scopes


def _opset(walker: Walker, message: Message, model: Model) -> None:
    domain, version = "", None
    for f in walker.fields(message):
        if f.number == 1:
            domain = walker.text(f, "the domain of an opset")
        elif f.number == 2:
            walker.expect(f, "the version of an opset", VARINT)
            version = f
    if domain in OWN:
        model.opset, model.opset_field = version.value if version else 0, version
        model.opset_message = message


class Graphs:
    """A walk that fills a Model, in the order of the file.

    A tensor whose name another graph had before gets "#2", "#3", ... after it. Within a graph names are unique.
    """

    def __init__(self, walker: Walker, model: Model, values: bool, visit: Visitor | None):
        self.walker, self.model, self.values, self.visit = walker, model, values, visit
        self._used: dict[str, int] = {}  # name -> the number that was put behind it last

    def walk(self, scope: Scope) -> None:
        """Find the tensors of a graph and of all graphs inside of it."""
        walker = self.walker
        stack: list[tuple[Scope, Iterator[Field]]] = [(scope, walker.fields(scope.message))]
        while stack:
            scope, fields = stack[-1]
            node, initializer, sparse, graph_input = scope.fields
            f = next(fields, None)
            if f is None:
                stack.pop()
            elif f.number == node:
                inner = self._node(scope, f)
                stack += [(graph, walker.fields(graph.message)) for graph in reversed(inner)]
            elif f.number == initializer:
                p = proto(walker, walker.inside(scope.message, f, "an initializer"))
                self._add(Found(p.name, p, f, scope))
            elif f.number == sparse:
                self._add(Found(self._sparse_name(walker.inside(scope.message, f, "a sparse tensor")), None, f, scope))
            elif f.number == graph_input:
                name = self._name(walker.inside(scope.message, f, "an input"), 1)
                scope.inputs.add(name)
                self.model.values.add(name)

    def _node(self, scope: Scope, whole: Field) -> list[Scope]:
        """Note a node, with the tensor of a Constant; return the graphs that are its attributes."""
        walker, model = self.walker, self.model
        message = walker.inside(scope.message, whole, "a node")
        inputs: list[str] = []
        outputs: list[str] = []
        operator, domain = "", ""
        graphs: list[Scope] = []
        tensors: list[Message] = []
        for f in walker.fields(message):
            if f.number == 2 or f.number == 1 and (self.values or self.visit):
                name = walker.text(f, "the name of a value")
                (inputs if f.number == 1 else outputs).append(name)
                if self.values:
                    model.values.add(name)
            elif f.number == 4:
                operator = walker.text(f, "the name of an operator")
            elif f.number == 7:
                domain = walker.text(f, "the domain of an operator")
            elif f.number == 5:
                attribute = walker.inside(message, f, "an attribute")
                graphs += [Scope(graph) for graph in self._inside(attribute, 6, 11)]
                if self._name(attribute, 1) == "value":
                    tensors += self._inside(attribute, 5)
        if graphs and graphs[0].message.depth > 3 * MAX_DEPTH:
            raise LimitError("path", f"{walker.opened.path!r} has graphs in graphs beyond the depth {MAX_DEPTH} "
                                     f"at byte {whole.tag}")
        if self.visit:
            self.visit(operator, inputs, message)
        if domain in OWN:
            model.operators.add((operator, len(outputs)))
            if operator == "Constant" and tensors:
                if len(tensors) != 1 or len(outputs) != 1:
                    raise walker.corrupt(f"has a Constant with {len(tensors)} tensors and {len(outputs)} outputs at "
                                         f"byte {whole.tag}")
                self._add(Found(outputs[0], proto(walker, tensors[0]), whole, scope, is_constant=True))
        return graphs

    def _add(self, found: Found) -> None:
        name, scope = found.name, found.scope
        if len(self.model.found) == MAX_TENSORS:
            raise LimitError("path", f"{self.walker.opened.path!r} has more than {MAX_TENSORS} tensors")
        if not name or name in scope.names:
            why = f"the name {name!r} of another one in its graph" if name else "no name"
            raise self.walker.corrupt(f"has a tensor at byte {found.whole.tag} with {why}")
        scope.names.add(name)
        self.model.values.add(name)
        number = self._used.get(name, 1)
        while name in self.model.found:
            number += 1
            name = f"{found.name}#{number}"
        self._used[found.name] = number
        self.model.found[name] = found

    def _inside(self, message: Message, *numbers: int) -> list[Message]:
        return [self.walker.inside(message, f, "an attribute") for f in self.walker.fields(message)
                if f.number in numbers]

    def _name(self, message: Message, number: int) -> str:
        """Return the text of a field: of several the last one, as protobuf has it."""
        text = ""
        for f in self.walker.fields(message):
            if f.number == number:
                text = self.walker.text(f, "a name")
        return text

    def _sparse_name(self, message: Message) -> str:
        """Return the name of a SparseTensorProto: that of its values."""
        name = ""
        for values in self._inside(message, 1):
            name = self._name(values, 8)
        return name


__all__ = ["Found", "Model", "Scope", "model_of", "model_without_graphs"]
