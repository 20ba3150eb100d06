"""The ledger of a file of ours, which its own reader keeps."""

import math
import re

from ... import container, reference
from ...container.outlines import Outline
from ...errors import RefcompressError
from ...ledger import Ledger, outlines_and_ledger
from ...widths import BITS
from ..stored import Inspection, Stored

__all__ = ["inspect", "of_outlines"]

CLAIM = re.compile(r"(\d+) bit|(?:mxfp|mxint|nf|nvfp|[IT]?Q)(\d)|(\d+) values|csr|blocks of \d+ x")


def inspect(path: str) -> Inspection:
    """Return the ledger of a file of ours."""
    with container.files.Opened(path) as file:
        return of_outlines(file.path, *outlines_and_ledger(file, limit=2**62))


def coded(file: container.files.Opened) -> list[Stored]:
    """Return the entries of a file with their bytes as they lie there, coded.

    A file of versions 1 and 2 has no index, so that where its entries lie is known only to who decodes them.
    """
    version = container.reading.version_of(file)
    if version < container.index.INDEXED:
        raise RefcompressError("--bounds", f"needs the index of a file; {file.path!r} is of version {version}, which "
                                           "has none")
    sizes = container.index.read(file, 2**62, container.cursor.Coding(reference, version))[0].sizes
    found, start = [], container.index.START
    for name, size in sizes.items():
        found.append(Stored(name, (), "coded bytes", None, size, size).at(file, start))
        start += size
    return found


def of_outlines(path: str, outlines: dict[str, Outline], book: Ledger) -> Inspection:
    """Return the inspection of a file of ours whose entries and ledger are known."""
    tensors = [_stored(name, outline) for name, outline in outlines.items() if outline.type != "graph"]
    about = {name: outline.text for name, outline in outlines.items()}
    return Inspection(path, "rcz", [(path, book)], tensors, about=about)


def _stored(name: str, outline: Outline) -> Stored:
    """Return an entry as a tensor; its form is the type, without the counts of this entry."""
    text = outline.text.removeprefix("array, ")
    parts = text.removeprefix("layer, ").split(", ")
    kind = ", ".join(parts[:2]) if parts[0] == "shared" else parts[0]
    if outline.type not in (None, "float32"):  # of what is kept bit for bit
        kind = str(outline.type)
    return Stored(name, outline.shape, kind, bits_of(text), math.prod(outline.shape), outline.nbytes, weight=name)


def bits_of(text: str) -> float | None:
    """Return the bits of a number that the words for a form claim; None where they claim none.

    >>> bits_of("4 bits, 3 scales"), bits_of("shared, 15 values and zero"), bits_of("float16"), bits_of("rank 3")
    (4, 4.0, 16, None)
    """
    if (first := text.partition(",")[0]) in BITS:
        return BITS[first]
    found = CLAIM.search(text)
    if found is None:
        return None
    bits, digit, values = found.groups()
    if values:
        return math.log2(max(int(values) + ("and zero" in text), 1))
    return int(bits or digit or 32)
