"""The bits of an array's elements in planes: those of one place together, because they are alike; and back.

The exponents of a layer's weights take a dozen values, and some of these are far more frequent than others. The bits
of the fractions look like chance. Byte by byte in a row, the two hide each other; in planes of their own the former can
be coded, and the latter stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ...errors import ArgumentTypeError, RefcompressError
from ...formats.element_types import ELEMENT_TYPES

__all__ = ["planes_split", "planes_join"]

ROTATED = ("float16", "float32", "float64", "complex64", "bfloat16")
FOLDED = ("int8", "int16", "int32", "int64")


@dataclass(frozen=True)
class Plan:
    """How elements of a type are cut.

    word : the unsigned integer that is cut: the pattern, or for a complex number each of its two parts.
    turn : what is done to its bits before: "rotate", "fold" or None. widths : the bits of each plane, from the top.
    """

    word: np.dtype
    turn: str | None
    widths: tuple[int, ...]

    @property
    def dtypes(self) -> list[np.dtype]:
        """The dtype of each plane."""
        return [np.dtype(np.uint8 if width <= 8 else np.uint16) for width in self.widths]


def plan_of(type: str) -> Plan:
    """Return how elements of ``type``, a name in ELEMENT_TYPES, are cut."""
    bits = {"bool": 1, "complex64": 32}.get(type, ELEMENT_TYPES[type].bits)
    turn = "rotate" if type in ROTATED else "fold" if type in FOLDED else None
    widths = (11, 5, *[8] * 6) if type == "float64" else (8,) * (bits // 8) or (bits,)
    return Plan(np.dtype(f"u{max(1, bits // 8)}"), turn, widths)


def planes_split(patterns: NDArray, type: str) -> tuple[NDArray, ...]:
    """Cut the bit patterns of an array's elements into planes.

        u = a float's bits rotated left by one: the exponent, the fraction, the sign
        u = 2 v of a signed integer v >= 0, and -2 v - 1 of v < 0;   else u = the pattern
        planes = u's bits from the top, eight at a time

    Parameters
    ----------
    patterns : any shape, uint8, uint16, uint32 or uint64 as the type says
        Of a type below 8 bits they fill the low bits of a byte.
    type : a name in ELEMENT_TYPES
        Rotated are float16, bfloat16, float32, float64 and the two parts of complex64. Types of 8 bits and less have
        one plane; their codes are short enough to be coded whole.

    Returns
    -------
    planes : one for each byte of an element, uint8, 1-D; exact
        The elements are in C order. The first plane of float64 is its 11 bits of exponent, uint16, and the second
        the 5 bits below. Planes of complex64 have two entries an element: for the real part and the imaginary one.

    **Source** Hershcovitch et al., ZipNN (2024, arXiv 2411.05239): exponents apart from fractions, bytes of one place
    together.

    **Departs** signed integers are folded.

    Cost O(size).

    >>> import numpy as np
    >>> exponent, *rest = planes_split(np.float32([1, -1.5, 0.25]).view(np.uint32), "float32")
    >>> exponent, rest[0], rest[2]
    (array([127, 127, 125], dtype=uint8), array([  0, 128,   0], dtype=uint8), array([0, 1, 0], dtype=uint8))
    """
    patterns, plan = split_arguments(patterns, type)
    u = turned(patterns.reshape(-1).view(plan.word), plan.turn)
    planes, shift = [], sum(plan.widths)
    for width, dtype in zip(plan.widths, plan.dtypes):
        shift -= width
        planes.append((u >> u.dtype.type(shift) & u.dtype.type(2**width - 1)).astype(dtype))
    return tuple(planes)


def planes_join(planes: Sequence[NDArray], type: str) -> NDArray:
    """Put the bit patterns of elements together from their planes; the inverse of :func:`planes_split`.

        u = the planes' bits, those of the first plane on top
        pattern = u's bits rotated right by one, or unfolded, or u

    Parameters
    ----------
    planes : a tuple or list of 1-D arrays of one length, as planes_split returns them
    type : a name in ELEMENT_TYPES

    Returns
    -------
    patterns : (n,), uint8, uint16, uint32 or uint64 as the type says; exact

    **Source** as :func:`planes_split`. **Departs** as :func:`planes_split`. Cost O(size).

    >>> import numpy as np
    >>> x = np.float64([-0.0, np.nan, 3])
    >>> planes_join(planes_split(x.view(np.uint64), "float64"), "float64").view(np.float64)
    array([-0., nan,  3.])
    """
    planes, plan = join_arguments(planes, type)
    u = np.zeros(len(planes[0]), plan.word)
    for plane, width in zip(planes, plan.widths):
        u = (u << u.dtype.type(width % (8 * u.itemsize))) | plane
    return turned_back(u, plan.turn).view(ELEMENT_TYPES[type].pattern)


def turned(words: NDArray, turn: str | None) -> NDArray:
    """Return unsigned integers with their bits rotated left by one, or folded; or themselves."""
    one, top = words.dtype.type(1), words.dtype.type(8 * words.itemsize - 1)
    if turn == "rotate":
        return words << one | words >> top
    return words << one ^ np.negative(words >> top) if turn == "fold" else words


def turned_back(words: NDArray, turn: str | None) -> NDArray:
    """Return the words whose :func:`turned` are these."""
    one, top = words.dtype.type(1), words.dtype.type(8 * words.itemsize - 1)
    if turn == "rotate":
        return words >> one | words << top
    return words >> one ^ np.negative(words & one) if turn == "fold" else words


def split_arguments(patterns, type) -> tuple[NDArray, Plan]:
    """Return the checked patterns, and how they are cut."""
    type = arguments.choice(type, "type", ELEMENT_TYPES)
    patterns = arguments.array(patterns, "patterns", ELEMENT_TYPES[type].pattern)
    plan = plan_of(type)
    return (within(patterns, "patterns", plan.widths[0]) if patterns.itemsize == 1 else patterns), plan


def join_arguments(planes, type) -> tuple[list[NDArray], Plan]:
    """Return the checked planes, and how they were cut."""
    type = arguments.choice(type, "type", ELEMENT_TYPES)
    plan = plan_of(type)
    if not isinstance(planes, tuple | list):
        raise ArgumentTypeError("planes", f"must be a tuple or a list of arrays, not {planes.__class__.__name__}")
    if len(planes) != len(plan.widths):
        raise RefcompressError("planes", f"must be {len(plan.widths)} for {type}, not {len(planes)}")
    checked: list[NDArray] = []
    for i, (plane, width, dtype) in enumerate(zip(planes, plan.widths, plan.dtypes)):
        checked.append(within(arguments.array(plane, f"planes[{i}]", dtype, ndim=1), f"planes[{i}]", width))
        if len(checked[i]) != len(checked[0]):
            rule = f"must have {len(checked[0])} entries, as planes[0] has, not {len(checked[i])}"
            raise RefcompressError(f"planes[{i}]", rule)
    if type == "complex64" and len(checked[0]) % 2:
        raise RefcompressError("planes[0]", f"must have two entries for each number, not {len(checked[0])} in all")
    return checked, plan


def within(a: NDArray, argument: str, bits: int) -> NDArray:
    """Return ``a``; refuse an element that so many bits do not hold."""
    if bits < 8 * a.itemsize and a.size and a.max() >= 1 << bits:
        arguments.each(a, argument, a < 1 << bits, f"must be below 2**{bits}")
    return a
