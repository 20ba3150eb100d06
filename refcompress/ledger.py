"""A file's bytes, itemised: what each entry pays for names, shapes, codebooks, code tables, values, indices, ...

The account is the one that the reader kept while it read the file; nothing is reckoned twice, so nothing can be
forgotten. It is kept in bits, because padding and fillers share bytes with what they accompany.
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

    The kinds: header (magic, version, counts, kinds of entries, layouts and coders), names, shapes, codebooks, code
    tables (lengths of Huffman codes), values, indices (distances and masks), fillers (distances that lead to no
    weight), contexts (codes and places in one, by the range coder), scales, zero points, factors (of low rank), arrays (as they are: biases), padding (bits to whole bytes and
    words), checksum.
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


def ledger(data: bytes, *, implementation=reference, limit: int = container.DEFAULT_LIMIT) -> Ledger:
    """Return the ledger of the file ``data``; raise as container.loads does where it is not one.

    >>> ledger(container.dumps({})).by_kind()
    {'header': 10.0, 'checksum': 32.0}
    """
    _, reader = container.read(data, implementation, limit, accounts=True)
    return Ledger(tuple(Item(*key, bits) for key, bits in reader.bits.items() if bits), len(data))
