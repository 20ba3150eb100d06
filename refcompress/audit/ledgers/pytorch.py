"""The ledger of an archive of PyTorch: the pickle, the storages, and what no tensor shows of them."""

import math
from functools import partial

from ...container import files
from ...container.files import opening
from ...ledger import FRAME
from ...models import archive, pytorch
from ...models.pytorch_views import View
from ...widths import BITS
from ..book import Book
from ..roles import with_roles
from ..stored import Inspection, Stored
from . import archives

__all__ = ["inspect"]

KINDS = {"data.pkl": "pickle", "version": "frame", "byteorder": "frame", ".format_version": "frame",
         ".storage_alignment": "frame", ".data/serialization_id": "frame"}


def inspect(path: str) -> Inspection:
    """Return the ledger of an archive of PyTorch, or of TorchScript."""
    with opening(path) as file:
        book = archives.book_of(file)
        try:
            table = pytorch.table_of(file)
        except pytorch.NoTensor as error:
            return _by_members(file, book, f"Its tensors are not told apart: it {error.rule}.")
        tensors = with_roles(_stored(name, view) for name, view in table.views.items())
        members = list(table.records.members.values())
        storages: dict[str, list[tuple[View, Stored]]] = {}
        for view, tensor in zip(table.views.values(), tensors):
            storages.setdefault(view.storage.member.name, []).append((view, tensor))
        for member, limit in zip(members, [m.place for m in members[1:]] + [archive.directory(file)[0]]):
            shown = storages.get(member.name, [])
            archives.around(book, member, shown[0][1].name if shown else FRAME, limit)
            if shown:
                _enter(book, member, shown)
            else:
                kind = kind_of(member.name.removeprefix(table.records.prefix))
                book.add(member.start, member.start + member.packed, FRAME, kind)
        notes = [f"{len(table.left_out):,} values in the pickle are no tensors"] if table.left_out else []
        return Inspection(file.path, "torch", [(file.path, book.ledger())], tensors, notes, opened=[file])


def _by_members(file: files.Opened, book: Book, note: str) -> Inspection:
    """Return the ledger of an archive whose pickle is not understood: each member by its name."""
    records = pytorch.Records(file)
    members = list(records.members.values())
    for member, limit in zip(members, [m.place for m in members[1:]] + [archive.directory(file)[0]]):
        archives.around(book, member, FRAME, limit)
        name = member.name.removeprefix(records.prefix)
        kind = "unread tensors" if name.startswith("data/") else kind_of(name)
        book.add(member.start, member.start + member.packed, FRAME, kind)
    return Inspection(file.path, "torch", [(file.path, book.ledger())], [], [note], opened=[file])


def kind_of(name: str) -> str:
    """Return the kind of a member that is no storage of a tensor."""
    if name.startswith("code/"):
        return "code"
    return KINDS.get(name, "unused elements" if name.startswith("data/") else "records")


def _stored(name: str, view: View) -> Stored:
    """Return a tensor as it is stored; what views share is counted for the first of them."""
    member, bits = view.storage.member, BITS[view.kind]
    item, count = max(1, bits // 8), math.prod(view.shape)
    shape = (*view.shape[:-1], 2 * view.shape[-1]) if view.kind == "fp4_e2m1" and view.shape else view.shape
    tensor = Stored(name, shape, view.kind, bits, math.prod(shape), count * item)
    start, nbytes = _span(view)
    if nbytes != tensor.nbytes:
        return tensor
    if member.method == archive.STORED:
        return tensor.at(member.file, member.start + start)
    return tensor.through(partial(archives.unpacked, member, start, nbytes))


def _span(view: View) -> tuple[int, int]:
    """Return where in its storage a view begins, and the bytes to its last element."""
    item = max(1, BITS[view.kind] // 8)
    if not math.prod(view.shape):
        return view.offset * item, 0
    last = sum((size - 1) * step for size, step in zip(view.shape, view.strides))
    return view.offset * item, (last + 1) * item


def _enter(book: Book, member: archive.Member, shown: list[tuple[View, Stored]]) -> None:
    """Enter the elements of a storage, and those that no tensor shows."""
    if member.method != archive.STORED:
        book.add(member.start, member.start + member.packed, shown[0][1].name, shown[0][1].role)
        return
    at = 0
    for (start, nbytes), tensor in sorted(((_span(view), tensor) for view, tensor in shown), key=lambda pair: pair[0]):
        book.add(member.start + at, member.start + start, FRAME, "unused elements")
        first = max(at, start)
        book.add(member.start + first, member.start + start + nbytes, tensor.name, tensor.role)
        at = max(at, start + nbytes)
    book.add(member.start + at, member.start + member.packed, FRAME, "unused elements")
