"""A quantized tensor as its file keeps it, and the rules that may have made it.

Every scheme is one formula:

    number = offset + step * levels[rank]

A level is a number of a table in ascending order: the integers -128 to 127, the eight magnitudes of E2M1 with their
signs, sixteen quantiles. The rank is the place of a code's level. Step and offset are those of the tensor, the channel
or the block. So a code is the nearest one exactly where neither neighbour of its level is nearer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

__all__ = ["F16", "F32", "Arrays", "Integers", "Rule", "Site", "Stored", "Unread",
           "away_from_zero", "bits", "in_pieces"]

Arrays: TypeAlias = Mapping[str, np.ndarray]  # by name, "codes" among them, as the file has them
PIECE = 2**20  # numbers for which a rule of blocks is computed at a time
F32, F16 = 2.0**-24, 2.0**-11  # unit roundoffs: by how much a rounded scale is off, as a part of it


@dataclass(frozen=True)
class Integers:
    """The levels low, low + 1, ..., high, without a table of them."""

    low: int
    high: int

    def __len__(self) -> int:
        return self.high - self.low + 1

    def __getitem__(self, ranks: np.ndarray) -> np.ndarray:
        return ranks.astype(np.float64) + self.low


@dataclass(frozen=True)
class Rule:
    """How a tool computes what a file has.

    name : short, as in a report. says : the arithmetic in a sentence. made : from the weights, float32 of the shape of
    the ranks, to every array that the file has; None where the rule gives nothing for these weights. typed : whether
    ``made`` takes the element type of the source as well, for it computes in that type.
    """

    name: str
    says: str
    made: Callable[..., Arrays | None] = field(repr=False)
    typed: bool = False

    def arrays(self, weights: np.ndarray, kind: str) -> Arrays | None:
        """Return what the rule gives for weights that are of this element type in the source."""
        return self.made(weights, kind) if self.typed else self.made(weights)


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor of a quantized file.

    name : in the file. scheme : what it is stored as. shape : of the weights that it stands for. arrays : what a rule
    must give, bit for bit. ranks : integers; of the shape in which the file has them. levels : ascending float64, or
    Integers. step, offset : float64, which broadcast against ranks. rules : in the order in which they are tried.
    loss : the unit roundoff of the file's scales where codes are found by scales that are not rounded yet. arranged :
    from weights of ``shape`` to the shape of ranks. reading : how the bytes were read, where a format leaves it open.
    ends : levels next to the first and the last one that weights may be clipped to as well: a tool clips them to a
    range whose ends are levels only up to the rounding of the zero point. dense : the numbers, float32, of a tensor
    without levels, such as that of factors or of rows of two widths: nothing is measured there in steps.
    """

    name: str
    scheme: str
    shape: tuple[int, ...]
    arrays: Arrays
    ranks: np.ndarray
    levels: np.ndarray | Integers
    step: np.ndarray
    rules: tuple[Rule, ...]
    offset: np.ndarray = field(default_factory=lambda: np.zeros(1))
    loss: float = F32
    arranged: Callable[[np.ndarray], np.ndarray] | None = None
    reading: str = ""
    ends: int = 0
    dense: np.ndarray | None = None

    def in_order(self, weights: np.ndarray) -> np.ndarray:
        """Return weights in the shape of the ranks."""
        return weights.reshape(self.ranks.shape) if self.arranged is None else self.arranged(weights)

    def numbers(self, places: np.ndarray | None = None) -> np.ndarray:
        """Return the numbers that the tensor stands for, as float32: in the shape of the ranks, or at flat places."""
        if self.dense is not None:
            return self.dense if places is None else self.dense.reshape(-1)[places]
        at = ... if places is None else np.unravel_index(places, self.ranks.shape)
        offset, step = (np.broadcast_to(a, self.ranks.shape)[at] for a in (self.offset, self.step))
        with np.errstate(all="ignore"):
            return (offset + step * self.levels[self.ranks[at]]).astype(np.float32)


class Unread(str):
    """Why a tensor is not read, in words."""


@dataclass(frozen=True)
class Site:
    """A quantized tensor that several tensors of a file make. uses : their names. read : gives its readings."""

    name: str
    uses: tuple[str, ...]
    read: Callable[[], list[Stored]]


def in_pieces(made: Callable[[np.ndarray], Arrays]) -> Callable[[np.ndarray], Arrays | None]:
    """Return a rule of blocks that takes some blocks at a time, so that its memory stays small; none for NaN."""
    def arrays(w: np.ndarray) -> Arrays | None:
        if not np.isfinite(w).all():
            return None
        rows = max(1, PIECE // max(1, w[:1].size))
        pieces = [made(w[i : i + rows]) for i in range(0, max(1, len(w)), rows)]
        return {name: np.concatenate([each[name] for each in pieces]) for name in pieces[0]}

    return arrays


def away_from_zero(a: np.ndarray) -> np.ndarray:
    """Return the integers nearest to float32 numbers, halves away from zero, as float64."""
    a = a.astype(np.float64)  # in which the sum with a half is exact
    return np.trunc(a + np.copysign(0.5, a))


def bits(a: np.ndarray) -> np.ndarray:
    """Return the bit patterns of an array: -0.0 is not 0.0 here, and a NaN is itself."""
    return a.view(f"u{a.dtype.itemsize}") if a.dtype.kind == "f" else a
