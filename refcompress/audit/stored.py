"""A tensor as a file stores it, and what an inspection of a file returns."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from ..container import files
from ..ledger import FRAME, Item, Ledger
from .kinds import NOT_NUMBERS

__all__ = ["Inspection", "Stored", "layer_of", "pieces_of"]

STEP = 2**18  # bytes read at a time: they stay in a cache of a core
Pieces = Callable[[int], Iterator[bytes]]  # of so many bytes each


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of a file. No element of it is read.

    name, shape : as the file has them. type : the name of its element type or block type, as the models' readers say
    it. bits : of one number by the name of the type; None where it says none. numbers : how many numbers it stands for.
    nbytes : of its elements, unpacked. role : the kind of its bytes. weight : the name of the weight that it belongs
    to; its own name, where it is one. place : its file and its first byte there, where its elements lie as they are.
    pieces : reads its bytes, unpacked where the file packs them; None where they do not lie together.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    bits: float | None
    numbers: int
    nbytes: int
    role: str = "values"
    weight: str = ""
    place: tuple[str, int] | None = None
    pieces: Pieces | None = field(default=None, repr=False, compare=False)

    def at(self, opened: files.Opened, start: int) -> "Stored":
        """Return the tensor with the place of its elements."""
        return replace(self, place=(opened.path, start), pieces=partial(pieces_of, opened, start, self.nbytes))

    def through(self, pieces: Pieces) -> "Stored":
        """Return the tensor with what reads its bytes."""
        return replace(self, pieces=pieces)

    def spread(self, opened: files.Opened, spans: list[tuple[int, int]]) -> "Stored":
        """Return the tensor with several places of its elements, which the file may pack in a way of its own."""
        return replace(self, pieces=lambda step: (piece for span in spans for piece in pieces_of(opened, *span, step)))


@dataclass
class Inspection:
    """What a file is, and where its bytes go. To be closed, or used in a ``with``.

    path : the file that was named. kind : "rcz" or one of the models' kinds. ledgers : each file's path with its
    ledger: an index has several, and so has a model with external data. tensors : in the order of the file. notes :
    what a reader must know. about : entry -> its form in words, where the format has forms.
    """

    path: str
    kind: str
    ledgers: list[tuple[str, Ledger]]
    tensors: list[Stored]
    notes: list[str] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    opened: list[files.Opened] = field(default_factory=list, repr=False)

    @property
    def size(self) -> int:
        return sum(ledger.size for _, ledger in self.ledgers)

    def items(self) -> Iterable[Item]:
        for _, ledger in self.ledgers:
            yield from ledger.items

    def by_kind(self) -> dict[str, float]:
        """Return the bytes of each kind, the most first."""
        return _most_first((item.kind, item.bits) for item in self.items())

    def by_layer(self) -> dict[str, dict[str, float]]:
        """Return the bytes of each layer by kind, in the order of the file; what belongs to no tensor under ''."""
        of = {tensor.name: layer_of(tensor.weight or tensor.name) for tensor in self.tensors}
        found: dict[str, dict[str, float]] = {}
        for item in self.items():
            layer = found.setdefault(of.get(item.entry, item.entry), {})
            layer[item.kind] = layer.get(item.kind, 0) + item.bits / 8
        if FRAME in found:
            found = {FRAME: found.pop(FRAME)} | found
        return found

    def of_numbers(self) -> dict[str, float]:
        """Return the bytes of each tensor's elements, scales and so on: names, shapes and padding left out."""
        found: dict[str, float] = {}
        for item in self.items():
            if item.entry != FRAME and item.kind not in NOT_NUMBERS:
                found[item.entry] = found.get(item.entry, 0) + item.bits / 8
        return found

    def close(self) -> None:
        for each in self.opened:
            each.close()

    def __enter__(self) -> "Inspection":
        return self

    def __exit__(self, *error) -> None:
        self.close()


def layer_of(name: str) -> str:
    """Return the layer that a tensor belongs to: its name without the last part.

    >>> layer_of("model.layers.0.mlp.up.weight"), layer_of("/conv/Conv_weight"), layer_of("bias")
    ('model.layers.0.mlp.up', '/conv', 'bias')
    """
    for mark in (".", "/"):
        layer, _, last = name.rpartition(mark)
        if layer and last:
            return layer
    return name


def pieces_of(opened: files.Opened, start: int, nbytes: int, step: int) -> Iterator[bytes]:
    """Yield the bytes of a file from ``start`` on, a step at a time."""
    buffer = bytearray(min(step, nbytes))
    for at in range(start, start + nbytes, step):
        view = memoryview(buffer)[: start + nbytes - at]
        opened.fill(at, view)
        yield bytes(view)


def _most_first(pairs: Iterable[tuple[str, int]]) -> dict[str, float]:
    total: dict[str, int] = {}
    for name, bits in pairs:
        total[name] = total.get(name, 0) + bits
    return {name: bits / 8 for name, bits in sorted(total.items(), key=lambda pair: -pair[1])}
