"""Deep Compression's own layout: codes of kept weights, and how many places lie between one and the next."""

from dataclasses import dataclass

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from .kept import Kept


@dataclass(frozen=True, eq=False, repr=False)
class Relative(Kept):
    """A matrix of shared values by relative index: for each kept weight a code, and the zeros between it and the last.

    shape : (m, k). starts : (m + 1,) int64: the entries of row i are those from starts[i] to starts[i + 1]. skips :
    uint8, a number of ``skip_bits`` (1 to 8) for each entry: the places between it and the entry before, or the row's
    begin. codes : uint8, a number of ``code_bits`` (1 to 8) for each entry. codebook : (c,) float32, finite, the first
    value +0.0, c at most 2**code_bits.

    Number e takes the bits from e * bits on, the lowest bit of the first byte first; bits left over are 0. Code 0 is a
    filler: it stores nothing, and stands only where the gap to the next kept weight is longer than a skip can say; its
    own skip is the longest, 2**skip_bits - 1. No row ends in one.
    """

    shape: tuple[int, int]
    starts: np.ndarray
    skips: np.ndarray
    codes: np.ndarray
    skip_bits: int
    code_bits: int
    codebook: np.ndarray

    scale = group = None  # codes have none

    def __post_init__(self):
        self._check_shape()
        m, k = self.shape
        starts = arguments.array(self.starts, "starts", np.int64, ndim=1)
        if len(starts) != m + 1:
            raise RefcompressError("starts", f"must have rows + 1 = {m + 1} entries, not {len(starts)}")
        if starts[0] != 0:
            raise RefcompressError("starts[0]", f"must be 0, not {starts[0]}")
        arguments.each(starts, "starts", np.append(True, np.diff(starts) >= 0), "must not decrease")
        for name in ("skip_bits", "code_bits"):
            self._set(name, arguments.integer(getattr(self, name), name, 1, 8))
        for name, bits in (("skips", self.skip_bits), ("codes", self.code_bits)):
            self._set(name, checked_packed(getattr(self, name), name, int(starts[-1]), bits))
        self._set("starts", starts)
        codes = unpacked(self.codes, self.code_bits, int(starts[-1]))
        self._set("codebook", self._checked_codebook(codes, "codes"))
        skips = unpacked(self.skips, self.skip_bits, int(starts[-1]))
        fillers = codes == 0
        longest = 2**self.skip_bits - 1
        arguments.each(skips, "skips", ~fillers | (skips == longest), f"must be {longest} where the code is 0")
        last = starts[1:][np.diff(starts) > 0] - 1
        if fillers[last].any():
            raise RefcompressError("codes", "must not end a row with a filler, code 0")
        if (self._columns(skips)[last] >= k).any():
            raise RefcompressError("skips", f"must not lead beyond the last of {k} columns")

    def _columns(self, skips: np.ndarray) -> np.ndarray:
        """Return the column of each entry."""
        ends = np.cumsum(skips + np.int64(1))
        before = np.append(0, ends)[self.starts[:-1]]
        return ends - 1 - np.repeat(before, np.diff(self.starts))

    @property
    def values(self) -> np.ndarray:  # type: ignore[override]
        """The codes of the kept weights, a byte each."""
        codes = unpacked(self.codes, self.code_bits, int(self.starts[-1]))
        return codes[codes != 0]

    @property
    def positions(self) -> np.ndarray:
        count = int(self.starts[-1])
        stored = unpacked(self.codes, self.code_bits, count) != 0
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.starts))
        columns = self._columns(unpacked(self.skips, self.skip_bits, count))
        return rows[stored] * self.shape[1] + columns[stored]

    @property
    def kept(self) -> np.ndarray:
        mask = np.zeros(self.shape, bool)
        mask.reshape(-1)[self.positions] = True
        return mask

    def describe(self) -> str:
        return self._described(f"relative index of {self.skip_bits} and codes of {self.code_bits} bits")


def packed(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Return numbers below 2**bits side by side, the lowest bit first."""
    each = np.unpackbits(numbers.astype(np.uint8)[:, None], axis=1, count=bits, bitorder="little")
    return np.packbits(each.reshape(-1), bitorder="little")


def unpacked(data: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Return the numbers that :func:`packed` has put side by side, a byte each."""
    each = np.unpackbits(data, count=count * bits, bitorder="little").reshape(count, bits)
    return np.packbits(each, axis=1, bitorder="little").reshape(count)


def checked_packed(data, argument: str, count: int, bits: int) -> np.ndarray:
    """Return ``count`` packed numbers of so many bits, or refuse them."""
    data = arguments.array(data, argument, np.uint8, ndim=1)
    if len(data) != -(-count * bits // 8):
        raise RefcompressError(argument, f"must have {-(-count * bits // 8)} bytes, not {len(data)}")
    if count * bits % 8 and data[-1] >> count * bits % 8:
        raise RefcompressError(f"{argument}[{len(data) - 1}]", f"must end in {-count * bits % 8} bits of 0")
    return data
