"""What kernels read of a weight, packed in a call or once: ``packers`` has the table of who packs what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..formats import Prepared


@dataclass(frozen=True)
class Held:
    """A struct for the kernels, what keeps alive that it points at, and the bytes that were made for it."""

    struct: Any
    arrays: tuple
    nbytes: int = 0


@dataclass(frozen=True, eq=False)
class Packing:
    """What ``pack`` made of a weight, or of the operand that its product takes in the weight's place.

    nbytes : of memory beside the weight. again : makes the Prepared of a weight and a product, for its copies.
    """

    weight: Any
    operand: Any
    pack: Callable[[Any], Held | None] | None
    held: Held | None
    nbytes: int
    again: Callable


def held_of(given: Any, pack: Callable[[Any], Held | None]) -> Held | None:
    """Return what ``pack`` made of the weight that a caller gave: of a Prepared, and none of another product's."""
    if type(given) is Prepared:
        packing = given.packing
        if type(packing) is Packing and packing.pack is pack:
            return packing.held
    return None
