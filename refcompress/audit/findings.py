"""What an auditor says of a file, in words: each finding has a code, a sentence, and its figures."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .claims import claim_of
from .stored import Inspection, Stored

__all__ = ["Finding", "by_type", "findings", "not_finite", "tensors_of"]

LEAST = 64  # bytes: smaller tensors are the same by chance, or because they are all zeros
HEAD = 2**12  # bytes that two tensors are told apart by: nearly all of them differ there
PIECE = 2**16  # bytes compared at a time: an allocator hands out larger ones as fresh pages
FEW = 4  # groups that each tensor is compared with
SLACK = 1.05  # of the bits that a name claims, before it is said that they are more


@dataclass(frozen=True)
class Finding:
    """code : what is found, for programs. text : a sentence or two. figures : the numbers in it."""

    code: str
    text: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass
class OfType:
    """The tensors of one type. nbytes : what their numbers cost, with scales, zero points and codebooks."""

    bits: float | None
    tensors: int = 0
    numbers: int = 0
    nbytes: float = 0

    @property
    def actual(self) -> float:
        """The bits that a number costs."""
        return 8 * self.nbytes / self.numbers if self.numbers else 0.0


def by_type(found: Inspection) -> dict[str, OfType]:
    """Return by type the weights with what they cost; the scales of a weight belong to its type."""
    cost = found.of_numbers()
    weights = {tensor.name: tensor for tensor in found.tensors}
    types: dict[str, OfType] = {}
    for tensor in found.tensors:
        weight = weights.get(tensor.weight, tensor)
        of = types.setdefault(weight.type, OfType(weight.bits))
        of.nbytes += cost.get(tensor.name, 0)
        if weight is tensor:
            of.tensors += 1
            of.numbers += tensor.numbers
    return dict(sorted(types.items(), key=lambda pair: -pair[1].nbytes))


def findings(found: Inspection) -> list[Finding]:
    """Return what there is to say of a file without a look at the values of its numbers."""
    return [*_claims(found), *_twice(found), *_idle(found)]


def _claims(found: Inspection) -> Iterator[Finding]:
    """Compare what the file's name says with what its numbers cost."""
    claim, types = claim_of(found.path), by_type(found)
    numbers = sum(of.numbers for of in types.values())
    if claim is None or not numbers:
        return
    word, bits = claim
    actual = 8 * sum(of.nbytes for of in types.values()) / numbers
    wider = {kind: of for kind, of in types.items() if of.bits is not None and of.bits > bits}
    share = sum(of.nbytes for of in wider.values()) / max(sum(of.nbytes for of in types.values()), 1)
    figures = {"word": word, "claimed_bits": bits, "actual_bits": actual, "wider_share": share,
               "wider": {kind: of.numbers for kind, of in wider.items()}}
    if actual > bits * SLACK:
        said = ", ".join(f"{of.numbers:,} numbers are {kind}" for kind, of in wider.items()) or \
            "scales and the like make the rest"
        yield Finding("name claims fewer bits", f"The name says {word!r}, {bits:g} bits a number. The numbers cost "
                      f"{actual:.2f} bits each: {said}.", figures)
    else:
        yield Finding("name claims bits", f"The name says {word!r}, {bits:g} bits a number. The numbers cost "
                      f"{actual:.2f} bits each.", figures)


def _twice(found: Inspection) -> Iterator[Finding]:
    """Find tensors whose bytes are stored twice; only those of one size and one beginning are read whole."""
    groups = twice(found.tensors)
    if groups:
        lost = sum(group[0].nbytes * (len(group) - 1) for group in groups)
        names = [[tensor.name for tensor in group] for group in groups]
        first = " and ".join(names[0][:2])
        yield Finding("stored twice", f"{lost:,} bytes are copies of other tensors, in {len(groups)} "
                      f"group{'s' * (len(groups) > 1)}; the largest: {first}"
                      + (f", and {len(names[0]) - 2} more" if len(names[0]) > 2 else "") + ".",
                      {"bytes": lost, "groups": names})


def not_finite(numbers: dict[str, int]) -> Finding:
    """Return the finding on tensors with numbers that are NaN or infinite, and how many each has."""
    return Finding("numbers that are not finite", f"{sum(numbers.values()):,} numbers are NaN or infinite, in "
                   f"{tensors_of(len(numbers))}; the most are in {max(numbers, key=numbers.__getitem__)}.",
                   {"numbers": numbers})


def tensors_of(count: int) -> str:
    """Return a number of tensors in words.

    >>> tensors_of(1), tensors_of(2000)
    ('1 tensor', '2,000 tensors')
    """
    return f"{count:,} tensor{'s' * (count != 1)}"


def twice(tensors: list[Stored]) -> list[list[Stored]]:
    """Return the groups of tensors of the same type and bytes, of which each has its own copy; the largest first."""
    own = {tensor.place or tensor.name: tensor for tensor in tensors
           if tensor.pieces is not None and tensor.nbytes >= LEAST}
    groups = _split([list(own.values())], lambda tensor: (tensor.nbytes, tensor.type, tensor.numbers))
    groups = [same for group in _split(groups, lambda tensor: _hashes(tensor, HEAD)) for same in _alike(group)]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: -group[0].nbytes * (len(group) - 1))


def _split(groups: Iterable[list[Stored]], key: Callable[[Stored], Hashable]) -> list[list[Stored]]:
    """Return the groups split by a key, those of one tensor left out."""
    found = []
    for group in groups:
        parts: dict[Hashable, list[Stored]] = {}
        for tensor in group:
            parts.setdefault(key(tensor), []).append(tensor)
        found += [part for part in parts.values() if len(part) > 1]
    return found


def _alike(group: list[Stored]) -> list[list[Stored]]:
    """Return the groups of a group whose bytes are the same; where there are many groups, hashes tell them apart."""
    found: list[list[Stored]] = []
    for tensor in group:
        same = next((each for each in found if _same(each[0], tensor)), None)
        if same is not None:
            same.append(tensor)
        elif len(found) < FEW:
            found.append([tensor])
        else:
            hashed = _split([group], lambda tensor: _hashes(tensor, tensor.nbytes))
            return [[first, *(each for each in others if _same(first, each))] for first, *others in hashed]
    return found


def _hashes(tensor: Stored, most: int) -> tuple[int, ...]:
    """Return Python's hashes of the first bytes of a tensor, a piece at a time: they are faster than any digest."""
    assert tensor.pieces is not None
    found, left = [], most
    for piece in tensor.pieces(min(most, PIECE)):
        found.append(hash(piece if len(piece) <= left else piece[:left]))
        left -= len(piece)
        if left <= 0:
            break
    return tuple(found)


def _same(a: Stored, b: Stored) -> bool:
    """Return whether two tensors have the same bytes."""
    assert a.pieces is not None and b.pieces is not None
    return all(p == q for p, q in zip(a.pieces(PIECE), b.pieces(PIECE), strict=True))


def _idle(found: Inspection) -> Iterator[Finding]:
    """Find bytes that are there for nothing."""
    kinds = found.by_kind()
    for kind, said in (("gaps", "belong to no part of the file"), ("unused elements", "are elements that no tensor "
                                                                                      "shows")):
        if count := kinds.get(kind, 0):
            yield Finding(kind, f"{count:,.0f} bytes {said}.", {"bytes": count})
