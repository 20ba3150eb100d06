"""The ledger of an ONNX model and of the files that hold its larger tensors.

The walk over the model finds each tensor. Protocol Buffers leave no byte between fields, so all else inside of the
graph is the graph: nodes, inputs, outputs, and the keys and lengths of its fields.
"""

from ...container.files import opening
from ...ledger import FRAME
from ...models.onnx.external import Folder, OnDemand
from ...models.onnx.graphs import Found, model_of
from ...models.onnx.tensor import NAME, RAW, STRINGS, WIRES, elements
from ...models.protobuf import Walker
from ...widths import BITS
from ..book import Book
from ..stored import Inspection, Stored
from .onnx_roles import Roles

__all__ = ["inspect"]

GRAPH, METADATA = 7, 14  # fields of a model


def inspect(path: str) -> Inspection:
    """Return the ledgers of an ONNX model and of its external data."""
    with opening(path) as file:
        walker, folder = Walker(file), Folder(file.path)
        roles = Roles(walker)
        model = model_of(walker, visit=roles.visit)
        book, beside = Book(file.path, file.size, gap="graph"), dict[str, Book]()
        frame(walker, book)
        tensors: list[Stored] = []
        notes: list[str] = []
        for name, found in model.found.items():
            if found.proto is None or found.left_out:
                book.add(found.whole.tag, found.whole.end, name, "unread tensors")
                notes.append(f"{name}: {found.left_out}")
                continue
            e = elements(walker, found.proto, name, folder.place)
            bits = BITS[found.proto.type]
            tensor = roles.of(Stored(name, found.proto.shape, found.proto.type, bits, e.count, e.nbytes), model.found)
            spans = own_spans(walker, found, name, tensor.role, book)
            if isinstance(e.opened, OnDemand):
                book_of(e.opened, beside).add(e.start, e.start + e.nbytes, name, tensor.role)
            tensors.append(tensor.at(e.opened, e.start) if e.opened is not None else tensor.spread(file, spans))
        ledgers = [(file.path, book.ledger()), *((path, other.ledger()) for path, other in beside.items())]
        return Inspection(file.path, "onnx", ledgers, tensors, notes, opened=[file])


def frame(walker: Walker, book: Book) -> None:
    """Enter what stands outside of the graph; functions are graphs, too."""
    for f in walker.fields(walker.whole):
        if f.number == METADATA:
            book.add(f.tag, f.end, FRAME, "metadata")
        elif f.number == GRAPH:
            book.add(f.tag, f.start, FRAME, "frame")
        elif f.number != 25:
            book.add(f.tag, f.end, FRAME, "frame")


def own_spans(walker: Walker, found: Found, name: str, role: str, book: Book) -> list[tuple[int, int]]:
    """Enter the fields of a tensor; return where its elements lie in the model itself."""
    assert found.proto is not None
    message, spans = found.proto.message, []
    if not found.is_constant:
        book.add(found.whole.tag, message.start, name, "shapes")
    for f in walker.fields(message):
        if f.number == RAW or f.number in WIRES or f.number == STRINGS:
            book.add(f.tag, f.start, name, "shapes")
            book.add(f.start, f.end, name, role)
            spans.append((f.start, f.end - f.start))
        else:
            book.add(f.tag, f.end, name, "names" if f.number == NAME else "shapes")
    return spans


def book_of(opened: OnDemand, beside: dict[str, Book]) -> Book:
    """Return the book of another file; tensors may share its bytes, and what lies between them aligns them."""
    if opened.path not in beside:
        beside[opened.path] = Book(opened.path, opened.size, gap="padding", shared=True)
    return beside[opened.path]
