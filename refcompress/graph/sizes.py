"""Arithmetic of sizes that are open before a run: numbers, or texts that say how they follow from the inputs' sizes.

"?" is a size of which nothing is known; it equals no other, itself neither.
"""

import re
from collections.abc import Iterable
from math import prod

import numpy as np

from .known import Size

__all__ = ["UNKNOWN", "added", "broadcast", "differ", "divided", "multiplied", "product", "quotient", "shape_text",
           "subtracted"]

UNKNOWN = "?"
LONGEST = 240  # characters of a text


def shape_text(shape: Iterable[Size]) -> str:
    """Return a shape for a person: "batch x 3"."""
    return " x ".join(map(str, shape)) or "scalar"


def differ(a: Size, b: Size) -> bool:
    """Return whether two sizes are known to differ."""
    return isinstance(a, int) and isinstance(b, int) and a != b


def added(a: Size, b: Size) -> Size:
    """Return a + b."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if UNKNOWN in (a, b):
        return UNKNOWN
    (first, i), (second, j) = _split(a), _split(b)
    if first == second:
        return added(product((2, first)), i + j)
    return _short(_joined(" + ".join(sorted(filter(None, (first, second)))), i + j))


def subtracted(a: Size, b: Size) -> Size:
    """Return a - b; "?" for the difference of two open sizes."""
    if isinstance(b, int):
        return added(a, -b)
    return 0 if a == b != UNKNOWN else UNKNOWN


def multiplied(a: Size, b: Size) -> Size:
    """Return a * b."""
    return product((a, b))


def product(sizes: Iterable[Size]) -> Size:
    """Return the product of sizes."""
    factors = [each for size in sizes for each in _factors(size)]
    number = prod(each for each in factors if isinstance(each, int))
    names = sorted(each for each in factors if isinstance(each, str))
    if number == 0 or not names:
        return number
    if UNKNOWN in names:
        return UNKNOWN
    return _short(" * ".join([str(number)] * (number != 1) + names))


def divided(a: Size, d: Size) -> Size:
    """Return the floor of a / d."""
    if isinstance(a, int) and isinstance(d, int):
        return a // d if d else UNKNOWN
    if UNKNOWN in (a, d) or not isinstance(d, int) or d < 1:
        return UNKNOWN
    if d == 1:
        return a
    factors = _factors(a)
    for i, each in enumerate(factors):
        if isinstance(each, int) and each % d == 0:
            return product([*factors[:i], each // d, *factors[i + 1 :]])
    if found := re.fullmatch(r"(\w+|\(.*\)) // (\d+)", str(a)):
        if "(" not in found[1] or _whole(found[1]):
            return f"{found[1]} // {d * int(found[2])}"
    return _short(f"{_atom(str(a))} // {d}")


def quotient(sizes: Iterable[Size], others: Iterable[Size]) -> Size:
    """Return the product of sizes over that of others: what is left of a reshape; "?" where it is not known."""
    above = [each for size in sizes for each in _factors(size)]
    below = [each for size in others for each in _factors(size)]
    for each in [each for each in below if isinstance(each, str) and each != UNKNOWN]:
        if each in above:
            above.remove(each)
            below.remove(each)
    if any(isinstance(each, str) for each in below):
        return UNKNOWN
    return divided(product(above), prod(each for each in below if isinstance(each, int)))


def broadcast(*shapes: tuple[Size, ...] | None) -> tuple[Size, ...] | None:
    """Return the shape to which shapes are broadcast, as NumPy does; None where one is not known.

    Raises ValueError for two sizes that differ, neither of which is 1.
    """
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    rank = max(map(len, known), default=0)
    return tuple(_common([shape[axis - rank + len(shape)] for shape in known if axis >= rank - len(shape)])
                 for axis in range(rank))


def _common(sizes: list[Size]) -> Size:
    numbers = {size for size in sizes if isinstance(size, int) and size != 1}
    if len(numbers) > 1:
        raise ValueError(f"the sizes {' and '.join(map(str, sorted(numbers)))} do not fit")
    if numbers:
        return numbers.pop()
    names = {size for size in sizes if isinstance(size, str)}
    return UNKNOWN if len(names) > 1 else names.pop() if names else 1


def elementwise(operation: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return add, subtract, multiply or divide of two arrays of sizes, an element at a time."""
    one = {"add": added, "subtract": subtracted, "multiply": multiplied, "divide": divided}[operation]
    return np.asarray(np.frompyfunc(one, 2, 1)(a, b), object)


def _short(a: str) -> str:
    """Return a text; "?" for a long one: in a hostile graph each could be twice as long as the one before."""
    return a if len(a) <= LONGEST else UNKNOWN


def _split(a: Size) -> tuple[str, int]:
    """Return an open size without its constant, and the constant; ("", a) of a number."""
    if isinstance(a, int):
        return "", a
    found = re.fullmatch(r"(.*) ([+-]) (\d+)", a)
    if found and found[1].count("(") == found[1].count(")"):
        return found[1], int(found[2] + found[3])
    return a, 0


def _joined(name: str, constant: int) -> str:
    return name + (f" + {constant}" if constant > 0 else f" - {-constant}" if constant else "")


def _factors(a: Size) -> list[Size]:
    """Return the factors of a size; those of "2 * rows * (columns + 1)" are 2, rows and (columns + 1)."""
    if isinstance(a, int):
        return [a]
    parts, depth, begin = [], 0, 0
    for i, each in enumerate(a):
        depth += (each == "(") - (each == ")")
        if not depth and a.startswith(" * ", i):
            parts.append(a[begin:i])
            begin = i + 3
    parts.append(a[begin:])
    if len(parts) == 1:
        inner = _factors(a[1:-1]) if _whole(a) else []
        return inner if len(inner) > 1 else [_atom(a)]
    if any(" " in part and not _whole(part) for part in parts):
        return [_atom(a)]  # a sum, or a quotient, with a product in it
    return [each for part in parts for each in ([int(part)] if part.isdigit() else _factors(part))]


def _atom(a: str) -> str:
    return a if re.fullmatch(r"\S+", a) or _whole(a) else f"({a})"


def _whole(a: str) -> bool:
    """Return whether a text stands in one pair of parentheses."""
    depth = 0
    for i, each in enumerate(a):
        depth += (each == "(") - (each == ")")
        if not depth and i < len(a) - 1:
            return False
    return a.startswith("(") and not depth
