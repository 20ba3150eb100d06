"""A file's bytes, itemised: what each entry pays for names, shapes, codebooks, code tables, values, indices, ...

The reader keeps the account while it reads the file. Nothing is counted a second time, so nothing can be forgotten. It
is kept in bits, because padding and fillers share bytes with their neighbours.
"""

from dataclasses import dataclass

from . import container, reference
from .errors import RefcompressError

FRAME = ""  # the entry of what belongs to the file as a whole; no entry of a file has this name


@dataclass(frozen=True)
class Item:
    """``bits`` of the file that ``entry`` spends on ``kind``."""

    entry: str
    kind: str
    bits: int

    @property
    def bytes(self) -> float:
        return self.bits / 8


@dataclass(frozen=True)
class Ledger:
    """The items of a file of ``size`` bytes, one for each entry and kind, in the order of the file.

    The kinds: header (magic, version, counts, sizes and kinds of entries, layouts, coders and bits), names, metadata,
    shapes, codebooks, code tables (lengths of Huffman codes), values, indices (distances and masks), fillers (distances
    that lead to no weight), graph (of a network), contexts (codes and places in one, by the range coder), scales, zero
    points, factors (of low rank), arrays (as they are, such as biases), padding (bits to whole bytes and words),
    checksum (that of the index, and a digest a section).
    """

    items: tuple[Item, ...]
    size: int

    def __post_init__(self):
        total = sum(item.bits for item in self.items)
        if total != 8 * self.size or any(item.bits < 0 for item in self.items):
            raise RefcompressError("items", f"must add up to the file's {8 * self.size} bits, not {total}")

    def by_entry(self) -> dict[str, float]:
        """Return the bytes of each entry; those of the file as a whole under ''."""
        return self._total(lambda item: item.entry)

    def by_kind(self) -> dict[str, float]:
        """Return the bytes of each kind."""
        return self._total(lambda item: item.kind)

    def _total(self, key) -> dict[str, float]:
        totals: dict[str, int] = {}
        for item in self.items:
            totals[key(item)] = totals.get(key(item), 0) + item.bits
        return {name: bits / 8 for name, bits in totals.items()}


def ledger(
    data: bytes, *, implementation: object = reference, limit: int = container.DEFAULT_LIMIT, exact: bool = True
) -> Ledger:
    """Return the ledger of the file ``data``; raise as container.loads does where it is not one.

    exact : False for the ledger of outlines_and_ledger, which does not decode what the entries hold

    >>> ledger(container.dumps({})).by_kind()
    {'header': 19.0, 'checksum': 32.0}
    """
    find = layers_and_ledger if exact else outlines_and_ledger
    return find(data, implementation=implementation, limit=limit)[1]


def layers_and_ledger(
    data: bytes | container.files.Opened, *, implementation: object = reference, limit: int = container.DEFAULT_LIMIT
) -> "tuple[dict[str, container.Layer], Ledger]":
    """Return the layers as container.loads does, and the ledger of what was read for them: the file is decoded once.

    >>> layers, book = layers_and_ledger(container.dumps({"bias": np.zeros(3, np.float32)}))
    >>> layers["bias"].tolist(), book.by_entry()["bias"]
    ([0.0, 0.0, 0.0], 22.0)
    """
    layers, reader = container.read(data, implementation, limit, accounts=True)
    return layers, _ledger(reader, data)


def outlines_and_ledger(
    data: bytes | container.files.Opened, *, implementation: object = reference, limit: int = container.DEFAULT_LIMIT
) -> "tuple[dict[str, container.outlines.Outline], Ledger]":
    """Return what each entry says of itself, and the ledger that needs no decoding.

    The digests are checked, and all lengths; what streams hold is not. The bits that fill up the words of a Huffman
    stream are not told from the others: they count as what the stream holds, and not as padding.

    >>> outlines, book = outlines_and_ledger(container.dumps({"bias": np.zeros(3, np.float32)}))
    >>> outlines["bias"].text, outlines["bias"].nbytes, book.by_entry()["bias"]
    ('array, float32', 12, 22.0)
    """
    found, reader = container.read(data, implementation, limit, True, container.outlines.read)
    return found, _ledger(reader, data)


def _ledger(reader: "container.Reader", data: bytes | container.files.Opened) -> Ledger:
    bits = reader.bits or {}
    size = data.size if isinstance(data, container.files.Opened) else len(data)
    return Ledger(tuple(Item(*key, count) for key, count in bits.items() if count), size)
