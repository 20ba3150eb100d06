"""Which tensor of the source a quantized one comes from: that of its name, else the one whose numbers are nearest."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ...models import Source, Tensor, Value
from .blame import of_file
from .folded import verdict_of_folded
from .items import Item
from .names import heads_turned, source_names
from .plain import float32_of, verdict_of_plain
from .stored import Stored, Unread
from .verdict import AMBIGUOUS, BOUNDED, EXACT, NEAR, NEAREST, NOT_DERIVED, ORDER, Verdict, distance, verdict_of

__all__ = ["Origins"]


class Origins:
    """The tensors of a source, by name and by size. beside : those of the quantized file that are not quantized."""

    def __init__(self, source: Source, beside: Mapping[str, Tensor] | None = None):
        self.source, self._beside = source, beside or {}
        self._taken: set[str] = set()  # tensors that some verdict was made with

    def left(self) -> tuple[str, ...]:
        """Return the names of the source's tensors with which no tensor was compared so far."""
        return tuple(name for name in self.source if name not in self._taken)

    def verdict(self, item: Item) -> Verdict:
        """Return the verdict on a tensor of the quantized file."""
        with np.errstate(all="ignore"):  # files of strangers have scales of every kind; IEEE 754 says what they give
            return self.of_value(item.name, item.read())

    def of_value(self, name: str, value: list[Stored] | Value | Unread) -> Verdict:
        """Return the verdict on what was read of a tensor: its readings, or its value where it is not quantized."""
        with np.errstate(all="ignore"):
            if isinstance(value, Unread):
                return Verdict(name, "blocks", NOT_DERIVED, why=str(value))
            if isinstance(value, list):
                return self._of_readings(name, value)
            return self._of_plain(name, value)

    def _of_readings(self, name: str, readings: list[Stored]) -> Verdict:
        """Return the one verdict that some reading of the bytes allows; more than one reading is ambiguous."""
        nearest = [self._nearest(stored) for stored in readings]
        taken = [origin for _, origin in nearest]
        verdicts = [Verdict(name, stored.scheme, NOT_DERIVED, codes=stored.ranks.size, reading=stored.reading,
                            why="no tensor of the source is near") if found is None else verdict_of(stored, *found)
                    for stored, (found, _) in zip(readings, nearest)]
        if all(each.verdict == NOT_DERIVED for each in verdicts):
            verdicts = [verdict if found is None else self._folded(stored, *found, verdict)
                        for stored, (found, _), verdict in zip(readings, nearest, verdicts)]
        best = min(verdicts, key=lambda each: (ORDER.index(each.verdict), sum(each.differing.values()),
                                               each.not_nearest))
        self._taken.add(taken[verdicts.index(best)])
        equal = [i for i, each in enumerate(verdicts) if each.verdict == best.verdict]
        if best.verdict in (EXACT, NEAREST, BOUNDED) and len(equal) > 1 and _differ([readings[i] for i in equal]):
            said = " and ".join(verdicts[i].reading for i in equal)
            return replace(best, verdict=AMBIGUOUS, why=f"{best.verdict} by more than one reading: {said}")
        return best

    def _folded(self, stored: Stored, source: str, w: np.ndarray, kind: str, plain: Verdict) -> Verdict:
        """Return the verdict with scaled inputs, if it explains more of the file than that on the weights as they are.

        A rule that makes all but a few elements out of the weights as they are leaves no room for factors: those few
        were altered.
        """
        found = verdict_of_folded(stored, source, w, kind, self.source, self._beside)
        if found is None or plain.differing and sum(plain.differing.values()) < sum(found.differing.values()):
            return plain
        return found

    def _of_plain(self, name: str, value: Value) -> Verdict:
        tensor = self._named(name, value.shape)
        if tensor is not None:
            self._taken.add(tensor.name)
            return verdict_of_plain(name, value, tensor.name, _read(tensor))
        numbers = float32_of(value)
        best = Verdict(name, value.dtype.name, NOT_DERIVED, why=self._why_none(name))
        if numbers is None or numbers.size < 2:
            return best
        for tensor in self.source.values():
            if tensor.shape == value.shape:
                found = verdict_of_plain(name, value, tensor.name, _read(tensor))
                if found.verdict == EXACT:
                    self._taken.add(tensor.name)
                    return found
        return best

    def _nearest(self, stored: Stored) -> tuple[tuple[str, np.ndarray, str] | None, str]:
        """Return the words, weights and type of the tensor that a quantized one comes from, None where none is near;
        and that tensor's name, which is that of the quantized one's namesake where it is not near."""
        named = self._named(stored.name, stored.shape)
        candidates = [named] if named is not None else self.source.values()
        best: tuple[float, str, np.ndarray, str] | None = None
        origin = "" if named is None else named.name
        for tensor in candidates:
            for said, weights in _arrangements(tensor, stored):
                apart = distance(stored, stored.in_order(weights))
                if best is None or apart < best[0]:
                    best, origin = (apart, said, weights, tensor.type), tensor.name
        if best is None or named is None and not best[0] < NEAR:
            return None, origin if named is not None else ""
        return best[1:], origin

    def _why_none(self, name: str) -> str:
        """Return why no tensor of the source is the one of a name."""
        for each in source_names(name):
            if each in self.source:
                size = "x".join(map(str, self.source[each].shape)) or "no dimension"
                return f"the source's tensor of its name has another shape, {size}"
        return "no tensor of the source has its name"

    def _named(self, name: str, shape: tuple[int, ...]) -> Tensor | None:
        """Return the tensor that has one of the names that the source may have, if its size fits."""
        for each in source_names(name):
            if each in self.source and sorted(self.source[each].shape) == sorted(shape):
                return self.source[each]
        return None


def _read(tensor: Tensor) -> Value:
    with of_file("source"):
        return tensor.read()


def _arrangements(tensor: Tensor, stored: Stored) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the weights of a tensor in the shape of a quantized one, in each order that tools have, if they fill it."""
    shape = stored.shape
    if sorted(tensor.shape) != sorted(shape):
        return
    weights = float32_of(_read(tensor))
    if weights is None:
        return
    if tensor.shape == shape:
        yield tensor.name, weights
        for said, turned in heads_turned(stored.name, weights):
            yield f"{tensor.name}, {said}", turned
    if len(shape) == 2 and tensor.shape == shape[::-1]:
        yield f"{tensor.name} transposed", np.ascontiguousarray(weights.T)


def _differ(readings: list[Stored]) -> bool:
    """Return whether readings of the same bytes stand for different numbers."""
    first, *others = [each.numbers() for each in readings]
    return any(each.shape != first.shape or not np.array_equal(first, each, equal_nan=True) for each in others)
