"""Tensors that are not quantized: copied, widened, or rounded to a narrower float."""

from collections.abc import Iterator

import numpy as np

from ...formats import ELEMENT_TYPES, Plain
from ...models import Value
from .verdict import EXACT, FEW, NOT_DERIVED, Verdict

__all__ = ["float32_of", "verdict_of_plain"]

NUMPY = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
EXPONENT, FRACTION = 0x7F800000, 0x007FFFFF  # of a float32


def float32_of(value: Value) -> np.ndarray | None:
    """Return weights as float32; None where they are no floats, or float32 does not hold all of them."""
    if isinstance(value, Plain):
        return value.dense() if value.type[0] == "f" or value.type == "bfloat16" else None
    if not isinstance(value, np.ndarray):
        return value.dense()
    if value.dtype.kind != "f":
        return None
    with np.errstate(all="ignore"):
        narrow = value.astype(np.float32)
    same = value.itemsize <= 4 or np.array_equal(narrow.astype(value.dtype), value, equal_nan=True)
    return narrow if same else None


def verdict_of_plain(name: str, value: Value, source: str, origin: Value) -> Verdict:
    """Return whether a tensor that is not quantized has the numbers of its source, and how they were rounded."""
    kind, mine = patterns(value)
    if mine is None:
        return Verdict(name, kind, NOT_DERIVED, source, why=f"no rule for elements of {kind}")
    best = ("", np.ones(mine.shape, bool))
    for rule, theirs in made(origin, kind):
        differ = theirs.reshape(mine.shape) != mine
        if not differ.any():
            return Verdict(name, kind, EXACT, source, rule, codes=mine.size, sizes={"codes": mine.size})
        if not best[0] or np.count_nonzero(differ) < np.count_nonzero(best[1]):
            best = rule, differ
    if not best[0]:
        why = f"no rule makes {kind} of {patterns(origin)[0]}"
        return Verdict(name, kind, NOT_DERIVED, source, codes=mine.size, why=why)
    first = tuple(np.flatnonzero(best[1])[:FEW].tolist())
    return Verdict(name, kind, NOT_DERIVED, source, best[0], codes=mine.size,
                   differing={"codes": int(np.count_nonzero(best[1]))}, sizes={"codes": mine.size}, first=first)


def patterns(value: Value) -> tuple[str, np.ndarray | None]:
    """Return the element type of a tensor and its bit patterns."""
    if isinstance(value, Plain):
        return value.type, value.patterns
    if not isinstance(value, np.ndarray):
        return getattr(value, "type", type(value).__name__), None
    name = value.dtype.name
    return name, value.view(ELEMENT_TYPES[name].pattern) if name in ELEMENT_TYPES and name != "bool" else None


def made(origin: Value, kind: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each rule by which a source becomes elements of a type, and the bit patterns that it gives."""
    theirs, same = patterns(origin)
    if theirs == kind and same is not None:
        yield "copied", same
    wide = float32_of(origin)
    if wide is None:
        yield from _converted(origin, theirs, kind)
    elif kind == "float64":
        yield f"widened from {theirs}", wide.astype(np.float64).view(np.uint64)
    elif kind == "float32":
        yield f"{'narrowed without loss' if theirs == 'float64' else 'widened'} from {theirs}", wide.view(np.uint32)
    elif kind == "float16":
        with np.errstate(all="ignore"):
            yield "rounded to float16, ties to even", wide.astype(np.float16).view(np.uint16)
    elif kind == "bfloat16":
        word = wide.view(np.uint32)
        is_nan = word & 0x7FFFFFFF > EXPONENT
        even = (word + (np.uint32(0x7FFF) + (word >> 16 & 1))) >> 16
        yield "rounded to bfloat16, ties to even", np.where(is_nan, word >> 16 | 64, even).astype(np.uint16)
        yield "cut to bfloat16", (word >> 16).astype(np.uint16)
        tiny = word & EXPONENT == 0
        yield ("rounded to bfloat16, ties to even, subnormal numbers are 0",
               np.where(tiny, word >> 16 & 0x8000, np.where(is_nan, word >> 16 | 64, even)).astype(np.uint16))


def _converted(origin: Value, theirs: str, kind: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what NumPy makes of integers, and of floats that float32 does not hold, in another type."""
    if not isinstance(origin, np.ndarray) or theirs not in NUMPY or kind not in NUMPY or theirs == kind:
        return
    with np.errstate(all="ignore"):
        made_of = origin.astype(kind)
        same = np.array_equal(made_of.astype(theirs), origin)
    bits = made_of.view(ELEMENT_TYPES[kind].pattern)
    if origin.dtype.kind == made_of.dtype.kind == "f":
        yield f"rounded to {kind}, ties to even", bits
    elif same:
        yield f"the same numbers as {theirs}", bits
