"""The spans of one file: which bytes belong to whom. A span that is missing or counted twice is found, not hidden.

A walker that knows where something lies enters it from its first byte to its last. The ledger is made from the sorted
spans: what lies between two of them becomes an entry of its own, and two that overlap are refused.
"""

from collections.abc import Iterable, Mapping

from ..errors import CorruptError
from ..ledger import FRAME, Item, Ledger
from .stored import Stored

__all__ = ["Book"]


class Book:
    """The account of one file.

    path : for refusals. size : its bytes. gap : what bytes between two spans are called. shared : whether spans may
    overlap; then a byte belongs to the first span that has it.
    """

    def __init__(self, path: str, size: int, gap: str = "gaps", shared: bool = False):
        self.path, self.size, self.gap, self.shared = path, size, gap, shared
        self._spans: list[tuple[int, int, str, str | tuple[tuple[str, int], ...]]] = []

    def add(self, start: int, end: int, entry: str, kind: str) -> None:
        """Enter the bytes from ``start`` to ``end``, which belong to ``entry``; FRAME is the file as a whole."""
        if end > start:
            self._spans.append((start, end, entry, kind))

    def mixed(self, start: int, entry: str, kinds: Mapping[str, int]) -> None:
        """Enter bytes of several kinds that lie among each other, such as the scales and codes of blocks."""
        end = start + sum(kinds.values())
        if end > start:
            self._spans.append((start, end, entry, tuple(kinds.items())))

    def elements(self, tensors: Iterable[Stored]) -> None:
        """Enter the elements of those tensors that lie together in this file."""
        for tensor in tensors:
            if tensor.place is not None and tensor.place[0] == self.path:
                self.add(tensor.place[1], tensor.place[1] + tensor.nbytes, tensor.name, tensor.role)

    def ledger(self) -> Ledger:
        """Return the ledger; CorruptError where two spans overlap, or one leaves the file."""
        found: dict[tuple[str, str], int] = {}

        def count(entry: str, kind: str, size: int) -> None:
            if size:
                found[entry, kind] = found.get((entry, kind), 0) + size

        at, before = 0, "the file's begin"
        self._spans.sort(key=lambda span: span[:2])
        for start, end, entry, kind in self._spans:
            if start < at and self.shared and isinstance(kind, str):
                start, end = at, max(at, end)
            if start < at:
                raise CorruptError("path", f"{self.path!r} has {entry or 'its frame'!r} at byte {start}, where "
                                           f"{before!r} ends at byte {at}: they overlap")
            count(FRAME, self.gap, start - at)
            for part, size in ((kind, end - start),) if isinstance(kind, str) else kind:
                count(entry, part, size)
            at, before = end, entry or "the frame"
        if at > self.size:
            raise CorruptError("path", f"{self.path!r} has {self.size} bytes; {before!r} ends at byte {at}")
        count(FRAME, self.gap, self.size - at)
        return Ledger(tuple(Item(*key, 8 * size) for key, size in found.items()), self.size)
