"""The ledger of an archive of NumPy: a member an array, and the records of zip around it."""

import math
from functools import partial

from ...container.files import opening
from ...models import archive, npz
from ...widths import BITS
from ..roles import with_roles
from ..stored import Inspection, Stored
from . import archives

__all__ = ["inspect"]


def inspect(path: str) -> Inspection:
    """Return the ledger of an archive of NumPy."""
    with opening(path) as file:
        book = archives.book_of(file)
        members = list(archive.members(file))
        tensors, notes = [], []
        for member, limit in zip(members, [m.place for m in members[1:]] + [archive.directory(file)[0]]):
            name = member.name.removesuffix(npz.SUFFIX)
            archives.around(book, member, name, limit)
            try:
                shape, dtype, _, begin = npz.header_of(member, True)
            except npz.NoNumbers as error:
                book.add(member.start, member.start + member.packed, name, "unread tensors")
                notes.append(error.rule)
                continue
            kind = "bfloat16" if dtype == npz.BFLOAT16 else dtype.name
            bits = BITS[kind] if kind in BITS else 8 * dtype.itemsize
            tensor = Stored(name, shape, kind, bits, math.prod(shape), member.size - begin)
            if member.method == archive.STORED:
                tensor = tensor.at(file, member.start + begin)
                book.add(member.start, member.start + begin, name, "array headers")
            else:
                tensor = tensor.through(partial(archives.unpacked, member, begin, tensor.nbytes))
                book.add(member.start, member.start + member.packed, name, "packed arrays")
            tensors.append(tensor)
        if len({member.name for member in members}) < len(members):
            raise archive.corrupt("an array comes twice")
        tensors = with_roles(tensors)
        book.elements(tensors)
        return Inspection(file.path, "npz", [(file.path, book.ledger())], tensors, notes, opened=[file])
