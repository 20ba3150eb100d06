"""What a page says of a file, as plain data: no markup, and no array of the file's size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from os import PathLike

import numpy as np

from ... import models, reference
from .. import derive
from ..derive.blame import of_file
from ..derive.items import File, Item, opened
from ..derive.origins import Origins
from ..derive.plain import float32_of
from ..derive.stored import Stored
from ..derive.words import only_in_source
from ..findings import findings, not_finite
from ..ledgers import KINDS, inspect
from ..limits import limit_of_others
from ..stored import Inspection
from .break_even import BreakEven, break_even
from .distributions import Distribution, of_codes, of_values, pieces

__all__ = ["Facts", "Weight", "facts"]

PICTURES = 12  # distributions on a page: those of the tensors that cost most
COLUMNS = (1, 64)  # of the products that are measured: one input, and a batch
SPARSE = 0.05  # share of zeros from which on a tensor is worth a word about sparse products


@dataclass(frozen=True)
class Weight:
    """A tensor with what it costs.

    kinds : bytes by kind, names and shapes and its scales with it. numbers_bytes : of these what its numbers cost.
    zeros : how many of its numbers are zero; None where it was not read. not_finite : how many are NaN or infinite.
    error : root of the mean squared difference from the source over that of the source's weights; None where there is
    no source. verdict : of ``derive``.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    numbers: int
    claimed_bits: float | None
    kinds: dict[str, float]
    numbers_bytes: float
    zeros: int | None = None
    error: float | None = None
    verdict: derive.Verdict | None = None
    distribution: Distribution | None = None
    not_finite: int = 0

    @property
    def nbytes(self) -> float:
        return sum(self.kinds.values())

    @property
    def bits(self) -> float:
        return 8 * self.numbers_bytes / self.numbers if self.numbers else 0.0


@dataclass(frozen=True)
class Facts:
    """What there is to say of a file. kinds : bytes by kind, the most first. rest : those that belong to no tensor."""

    path: str
    kind: str
    size: int
    files: tuple[tuple[str, int], ...]
    kinds: dict[str, float]
    weights: tuple[Weight, ...]
    rest: dict[str, float]
    findings: tuple[str, ...]
    left: tuple[str, ...]
    source: str | None = None
    digests: dict[str, str] = field(default_factory=dict)
    break_even: tuple[BreakEven, ...] = ()

    @property
    def numbers(self) -> int:
        return sum(weight.numbers for weight in self.weights)


def facts(path: str | bytes | PathLike, source: str | bytes | PathLike | None = None, *, limit: int | None = None,
          implementation: object = reference, timing: bool = True) -> Facts:
    """Return what a page says of a model file.

    Each tensor is read once, and one at a time is in memory.

    Parameters
    ----------
    path : the file, of a kind that ``audit.inspect`` reads
    source : the file that it was made from, or None
    limit : the most bytes that one tensor may have; None for what ``limits`` says
    implementation : the namespace that decodes a compressed file of ours
    timing : whether to measure on this machine from which density on sparse products win
    """
    with inspect(path) as found:
        said = [each.text for each in findings(found)]
        weights, left = _costs(found), list(found.notes)
        with opened(path, limit, implementation) as mine:
            digests = {found.path: mine.sha256()}
            if source is None:
                read = dict(_read(mine, weights, None))
            else:
                with of_file("source"):
                    other = models.open(source, limit=limit_of_others(limit), rest=True)
                with other as theirs:
                    digests[theirs.files[0]] = theirs.sha256()
                    origins = Origins(theirs, mine.beside)
                    read = dict(_read(mine, weights, origins))
                    left += only_in_source(origins.left())
        whole = tuple(read.get(name, weight) for name, weight in weights.items())
        odd = {weight.name: weight.not_finite for weight in whole if weight.not_finite}
        if odd:
            said.append(not_finite(odd).text)
        named = {tensor.name for tensor in found.tensors}
        rest: dict[str, float] = {}
        for item in found.items():
            if item.entry not in named:
                rest[item.kind] = rest.get(item.kind, 0) + item.bits / 8
        return Facts(found.path, KINDS[found.kind][1], found.size,
                     tuple((at, book.size) for at, book in found.ledgers), found.by_kind(), whole, rest, tuple(said),
                     tuple(left), None if source is None else list(digests)[-1], digests,
                     tuple(_break_evens(whole)) if timing else ())


def _costs(found: Inspection) -> dict[str, Weight]:
    """Return each tensor that is no part of another one, with the bytes of both."""
    belongs = {tensor.name: tensor.weight or tensor.name for tensor in found.tensors}
    kinds: dict[str, dict[str, float]] = {}
    for item in found.items():
        if item.entry in belongs:
            of = kinds.setdefault(belongs[item.entry], {})
            of[item.kind] = of.get(item.kind, 0) + item.bits / 8
    numbers: dict[str, float] = {}
    for name, nbytes in found.of_numbers().items():
        if name in belongs:
            numbers[belongs[name]] = numbers.get(belongs[name], 0) + nbytes
    return {tensor.name: Weight(tensor.name, tensor.shape, tensor.type, tensor.numbers, tensor.bits,
                                kinds.get(tensor.name, {}), numbers.get(tensor.name, 0.0))
            for tensor in found.tensors if belongs[tensor.name] == tensor.name}


def _read(mine: File, weights: dict[str, Weight], origins: Origins | None) -> Iterator[tuple[str, Weight]]:
    """Yield the tensors with what their values say."""
    costly = sorted(weights.values(), key=lambda weight: -weight.nbytes)[:PICTURES]
    drawn = {weight.name for weight in costly if weight.numbers > 1}
    for item in mine.items:
        name = _of_item(item, weights)
        if name is not None:
            yield name, _judged(item, weights[name], origins, name in drawn)


def _of_item(item: Item, weights: dict[str, Weight]) -> str | None:
    """Return which tensor with a cost an item is: that of its name, or the largest one that it is read from."""
    if item.name in weights:
        return item.name
    parts = [each for each in item.uses if each in weights] or [
        each for each in weights if each.startswith((f"{item.name}_", f"{item.name}."))]
    return max(parts, key=lambda each: weights[each].nbytes, default=None)


@np.errstate(all="ignore")  # files of strangers have scales of every kind; IEEE 754 says what they give
def _judged(item: Item, weight: Weight, origins: Origins | None, drawn: bool) -> Weight:
    value = item.read()
    verdict = None if origins is None else origins.of_value(item.name, value)
    stored = _reading(value, verdict) if isinstance(value, list) else None
    numbers = stored.numbers() if stored is not None else _as_numbers(value)
    if numbers is None:
        return replace(weight, verdict=verdict)
    origin = None
    if origins is not None and verdict is not None and verdict.source is not None \
            and verdict.source in origins.source:
        with of_file("source"):
            origin = float32_of(origins.source[verdict.source].read())
    error = None
    if origin is not None and origin.size == numbers.size:
        error = _relative(numbers, stored.in_order(origin) if stored is not None else origin.reshape(numbers.shape))
    distribution = None
    if drawn:
        same = origin if origin is not None and origin.size == numbers.size else None
        distribution = of_codes(stored, same) if stored is not None else of_values(numbers)
    return Weight(weight.name, weight.shape, weight.type, weight.numbers, weight.claimed_bits, weight.kinds,
                  weight.numbers_bytes, int(numbers.size - np.count_nonzero(numbers)), error, verdict, distribution,
                  sum(int(np.count_nonzero(~np.isfinite(piece))) for piece in pieces(numbers)))


def _reading(readings: list[Stored], verdict: derive.Verdict | None) -> Stored:
    """Return the reading that the verdict is on, or the first one."""
    said = None if verdict is None else verdict.reading
    return next((stored for stored in readings if stored.reading == said), readings[0])


def _as_numbers(value: object) -> np.ndarray | None:
    """Return what a tensor that is not quantized stands for; None where it is no number."""
    dense = value if isinstance(value, np.ndarray) else getattr(value, "dense", lambda: None)()
    return dense if dense is not None and dense.dtype.kind in "fiu" else None


def _relative(numbers: np.ndarray, origin: np.ndarray) -> float | None:
    """Return the root of the mean squared error over the root of the mean square; None for a source of zeros."""
    error = size = 0.0
    with np.errstate(all="ignore"):
        for mine, theirs in zip(pieces(numbers), pieces(origin)):
            wide = theirs.astype(np.float64)
            error, size = error + np.square(mine - wide).sum(), size + np.square(wide).sum()
    return math.sqrt(error / size) if size > 0 else None


def _break_evens(weights: tuple[Weight, ...]) -> Iterator[BreakEven]:
    """Measure the shape of the largest matrix that has zeros; nothing where no matrix has many."""
    sparse = [weight for weight in weights if len(weight.shape) >= 2 and weight.zeros is not None
              and weight.zeros > SPARSE * weight.numbers]
    if sparse:
        largest = max(sparse, key=lambda weight: weight.numbers)
        shape = largest.shape[0], largest.numbers // max(largest.shape[0], 1)
        for columns in COLUMNS:
            yield break_even(shape, columns)
