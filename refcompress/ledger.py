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

    The kinds: header (magic, version, counts, kinds of entries, layouts, coders and bits), names, shapes, codebooks,
    code tables (lengths of Huffman codes), values, indices (distances and masks), fillers (distances that lead to no
    weight), contexts (codes and places in one, by the range coder), scales, zero points, factors (of low rank), arrays
    (as they are, such as biases), padding (bits to whole bytes and words), checksum.
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


def ledger(data: bytes, *, implementation: object = reference, limit: int = container.DEFAULT_LIMIT) -> Ledger:
    """Return the ledger of the file ``data``; raise as container.loads does where it is not one.

    >>> ledger(container.dumps({})).by_kind()
    {'header': 19.0, 'checksum': 32.0}
    """
    return layers_and_ledger(data, implementation=implementation, limit=limit)[1]


def layers_and_ledger(
    data: bytes, *, implementation: object = reference, limit: int = container.DEFAULT_LIMIT
) -> tuple[dict[str, container.Layer], Ledger]:
    """Return the layers as container.loads does, and the ledger of what was read for them: the file is decoded once.

    >>> layers, book = layers_and_ledger(container.dumps({"bias": np.zeros(3, np.float32)}))
    >>> layers["bias"].tolist(), book.by_entry()["bias"]
    ([0.0, 0.0, 0.0], 22.0)
    """
    layers, reader = container.read(data, implementation, limit, accounts=True)
    bits = reader.bits or {}
    return layers, Ledger(tuple(Item(*key, count) for key, count in bits.items() if count), len(data))
