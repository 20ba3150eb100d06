"""The ledger of a file of ours, which its own reader keeps."""

import math
import re

from ... import container
from ...container.outlines import Outline
from ...formats import ELEMENT_TYPES
from ...ledger import outlines_and_ledger
from ..stored import Inspection, Stored

__all__ = ["inspect"]

BITS = re.compile(r"(\d+) bit|(?:mxfp|mxint|nf|nvfp|[IT]?Q)(\d)|(\d+) values|csr|blocks of \d+ x")


def inspect(path: str) -> Inspection:
    """Return the ledger of a file of ours."""
    with container.files.Opened(path) as file:
        found, book = outlines_and_ledger(file, limit=2**62)
        tensors = [_stored(name, outline) for name, outline in found.items() if outline.type != "graph"]
        about = {name: outline.text for name, outline in found.items()}
        return Inspection(file.path, "rcz", [(file.path, book)], tensors, about=about)


def _stored(name: str, outline: Outline) -> Stored:
    """Return an entry as a tensor; its form is the type, without the counts of this entry."""
    text = outline.text.removeprefix("array, ")
    form = text.removeprefix("layer, ").partition(",")[0]
    kind = outline.type if outline.type in ELEMENT_TYPES and text == outline.type else form
    return Stored(name, outline.shape, kind, bits_of(text), math.prod(outline.shape), outline.nbytes, weight=name)


def bits_of(text: str) -> float | None:
    """Return the bits of a number that the words for a form claim; None where they claim none.

    >>> bits_of("4 bits, 3 scales"), bits_of("shared, 15 values and zero"), bits_of("float16"), bits_of("rank 3")
    (4, 4.0, 16, None)
    """
    if (first := text.partition(",")[0]) in ELEMENT_TYPES:
        return ELEMENT_TYPES[first].bits
    found = BITS.search(text)
    if found is None:
        return None
    bits, digit, values = found.groups()
    if values:
        return math.log2(max(int(values) + ("and zero" in text), 1))
    return int(bits or digit or 32)
