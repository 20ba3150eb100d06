"""The ledger of a GGUF file: the header record by record, and of each block how much of it is scales.

**Source** ggml, src/ggml-common.h: the structs of the block types.
"""

import math

from ...container.files import opening
from ...ledger import FRAME
from ...models import gguf_header
from ...widths import BITS, BLOCKS
from ..book import Book
from ..stored import Inspection, Stored

__all__ = ["SCALES", "inspect"]

SCALES: dict[str, tuple[int, int]] = {  # of a block: the bytes of its scales, and of its least values
    "Q4_0": (2, 0), "Q4_1": (2, 2), "Q5_0": (2, 0), "Q5_1": (2, 2), "Q8_0": (2, 0), "Q2_K": (10, 10), "Q3_K": (14, 0),
    "Q4_K": (8, 8), "Q5_K": (8, 8), "Q6_K": (18, 0), "IQ4_NL": (2, 0), "IQ4_XS": (8, 0), "TQ1_0": (2, 0),
    "TQ2_0": (2, 0), "MXFP4": (1, 0), "NVFP4": (4, 0),
}
BITS_OF_BLOCKS = {"TQ1_0": 1.6}  # a number of three values: five fill a byte
TOKENIZER = ("tokenizer.",)


def inspect(path: str) -> Inspection:
    """Return the ledger of a GGUF file."""
    with opening(path) as file:
        header = gguf_header.read_header(file, others=True)
        book = Book(file.path, file.size, gap="padding")
        book.add(0, gguf_header.FRAME, FRAME, "frame")
        at = gguf_header.FRAME
        for key, raw in header.raw.items():
            kind = "tokenizer" if key.startswith(TOKENIZER) else "metadata"
            book.add(at, at + len(raw), FRAME, kind)
            at += len(raw)
        tensors = []
        for info in header.infos:
            start, end = info.record
            letters = len(info.name.encode())
            book.mixed(start, info.name, {"names": 8 + letters, "shapes": end - start - 8 - letters})
            book.mixed(info.start, info.name, parts(info.type, info.nbytes))
            tensors.append(Stored(info.name, info.shape, info.type, bits_of(info.type), math.prod(info.shape),
                                  info.nbytes, weight=info.name).at(file, info.start))
        return Inspection(file.path, "gguf", [(file.path, book.ledger())], tensors, notes(header),
                          opened=[file])


def parts(kind: str, nbytes: int) -> dict[str, int]:
    """Return the bytes of a tensor by kind.

    >>> parts("Q4_1", 40)
    {'values': 32, 'scales': 4, 'zero points': 4}
    """
    if kind not in BLOCKS:
        return {"values": nbytes}
    blocks = nbytes // BLOCKS[kind].nbytes
    scales, least = (blocks * each for each in SCALES[kind])
    return {"values": nbytes - scales - least, "scales": scales, "zero points": least}


def bits_of(kind: str) -> float:
    """Return the bits that the name of a type says.

    >>> bits_of("Q4_K"), bits_of("MXFP4"), bits_of("bfloat16")
    (4, 4, 16)
    """
    if kind in BITS:
        return BITS[kind]
    return BITS_OF_BLOCKS.get(kind) or next(int(letter) for letter in kind if letter.isdigit())


def notes(header: gguf_header.Header) -> list[str]:
    """Return what the metadata say about other files, and which types of blocks are not taken apart."""
    count = header.metadata.get("split.count", "").rpartition(" ")[2]
    said = f"The model is split into {count} files; this is the ledger of one."
    found = [said] if count not in ("", "0", "1") else []
    others = sorted({info.type for info in header.infos} & gguf_header.SIZES.keys())
    return found + [f"Blocks of {kind} are not read here: their scales count as values." for kind in others]
