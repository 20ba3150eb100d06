"""The ledger of a file of safetensors: of the header each name and each shape, and the elements behind it."""

import math

from ...container import files
from ...container.files import opening
from ...ledger import FRAME
from ...models import safetensors_header
from ...widths import BITS
from ..book import Book
from ..roles import with_roles
from ..stored import Inspection, Stored

__all__ = ["inspect", "of_file"]


def inspect(path: str) -> Inspection:
    """Return the ledger of a file of safetensors."""
    with opening(path) as file:
        book, tensors = of_file(file)
        tensors = with_roles(tensors)
        book.elements(tensors)
        return Inspection(file.path, "safetensors", [(file.path, book.ledger())], tensors, opened=[file])


def of_file(file: files.Opened) -> tuple[Book, list[Stored]]:
    """Return the book of a file, in which the elements are not entered yet, and the tensors."""
    begin, text = safetensors_header.header(file)
    book = Book(file.path, file.size)
    tensors, at, last = [], 8, 0  # byte of the file, and the character of the header that is there

    def upto(character: int) -> int:
        nonlocal at, last
        words = text.text[last:character]
        at, last = at + (len(words) if words.isascii() else len(words.encode())), character
        return at

    ends = 0  # of what is entered
    for entry in safetensors_header.entries(file, begin, text):
        first, middle, end = map(upto, entry.words)
        book.add(ends, first, FRAME, "frame")
        ends = end
        if entry.name == safetensors_header.METADATA:
            book.add(first, end, FRAME, "metadata")
            continue
        book.add(first, middle, entry.name, "names")
        book.add(middle, end, entry.name, "shapes")
        tensors.append(Stored(entry.name, entry.shape, entry.type, BITS[entry.type],
                              math.prod(entry.shape), entry.end - entry.start).at(file, entry.start))
    end = upto(len(text.text.rstrip(" \t\r\n")))
    book.add(ends, end, FRAME, "frame")
    book.add(end, begin, FRAME, "padding")
    return book, tensors
