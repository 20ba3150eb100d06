"""The model of sixteen rows side by side: fewer slots than in ``model.py``, and the same step for all rows at once.

Rows 16 g to 16 g + 15 are a group, row 16 g + r is its lane r. In step s lane r is at column s - 2 r, so the row above
has gone on by two columns: what a flag's neighbours are is known to all lanes before the step. A step has three parts:
the probabilities of all flags, the bits of lane 0, of lane 1 and so on, and what the lanes learn from their flags.

All numbers are integers of at most 32 bits. A slot's probability is in 1 / 2**22, a flag's in 1 / 65536. A logit is in
1 / 256 of a power of two.
"""

import numpy as np
from numpy.typing import NDArray

from ...errors import CorruptError
from .coder import Decoder, Encoder, check_end
from .model import LOWEST_IN_TREE, Slot, depth_of, within

__all__ = []

LANES = 16
WHOLE = 2**22  # a slot's probability of 1
LOWEST_PART = 64  # of a slot's probability, so that a logit is at most 4095
LOWEST_FLAG = 16  # of a flag's: a zero takes more than log2(1 + 16 / 65536) bits, which is above 2**-12
FIRST_WEIGHT = 19660  # of a logit, in 1 / 65536: 0.3
HIGHEST_WEIGHT = 2**17 - 1  # the sum of three logits with such weights is below 2**31
MOST_ROWS, MOST_COLUMNS = 255, 48  # the flags that a column's slot counts, and a row's: then it forgets
FIRST_RATE, LEAST_RATE = 683, 8  # of the slot of a pattern, in 1 / 1024
PATTERNS = 64


def logarithm(x: NDArray) -> NDArray:
    """Return 256 log2(x), a straight line between two powers of two: that is how a float holds a number.

    >>> logarithm(np.array([1, 2, 3, 4])).tolist()
    [0, 256, 384, 512]
    """
    return (x.astype(np.float32).view(np.int32) >> 15) - 127 * 256


def logit(p: NDArray) -> NDArray:
    """Return the logits of probabilities of slots.

    >>> logit(np.array([2**21, 2**20, 64])).tolist()
    [0, -384, -4095]
    """
    return logarithm(p) - logarithm(WHOLE - p)


def probability(x: NDArray) -> NDArray:
    """Return the probability of a logit, t / (1 + t) with t = 2**(x / 256): by a cubic, and 1 less that of -x if x > 0.

    >>> probability(np.array([0, -256, 256, -5000])).tolist()
    [32768, 21760, 43776, 16]
    """
    below = np.maximum(-np.abs(x), -4095)
    t = ((256 + (below & 255)) << 8) >> -(below >> 8)  # in 1 / 65536, a straight line between two powers of two
    slope = 55296 - ((t >> 2) + (t >> 4) + (t >> 5))
    p = np.maximum(t * (65536 - (t * slope >> 16)) >> 16, LOWEST_FLAG)
    return np.where(x <= 0, p, 65536 - p)


def moved(p: NDArray, flags: NDArray, rate: NDArray, bits: int) -> NDArray:
    """Return the probabilities of slots that have taken in flags; a rate of 1 is 2**bits."""
    missing = flags * WHOLE - p
    return np.clip(p + ((missing >> 6) * rate >> bits - 6), LOWEST_PART, WHOLE - LOWEST_PART)


def rate_of(n: NDArray) -> NDArray:
    """Return 1 / (n + 1.5) in 1 / 2**14."""
    return 2**15 // (2 * n + 3)


class Rows:
    """The probabilities of the flags of a step, and what is learnt from them.

    k : the columns. Four bytes a column are kept, and the flags of eighteen rows.
    """

    def __init__(self, k: int, alphabet: int):
        self.k = k
        self.columns = np.full(k, WHOLE // 64, np.int32)
        self.pattern, self.rate = np.full(PATTERNS, WHOLE // 8), np.full(PATTERNS, FIRST_RATE)
        self.weights = np.full((3, 1), FIRST_WEIGHT)
        self.flags = np.zeros((2 + LANES, k + 3), np.uint8)  # two rows and columns before the first ones, one behind
        self.depth = depth_of(alphabet)
        self.tree = [Slot() for _ in range(1 << self.depth)]

    def begin_group(self, row: int, rows: int) -> None:
        """Begin with the group at `row`, of so many rows."""
        self.row, self.rows, self.line = row, rows, np.full(LANES, WHOLE // 64)
        self.flags[:2] = self.flags[LANES:]
        self.flags[2:] = 0

    def begin_step(self, step: int) -> list[tuple[int, int, int]]:
        """Return (lane, column, probability of its flag) for each lane that is inside the matrix."""
        first = 0 if step < self.k else (step - self.k) // 2 + 1
        self.lanes = r = np.arange(first, min(step // 2 + 1, self.rows))
        self.at = j = step - 2 * r
        f = self.flags  # of row r, column j at [r + 2, j + 2]
        self.near = near = np.zeros(len(r), np.int64)
        for bit, (up, left) in enumerate([(0, 1), (0, 2), (1, 0), (2, 0), (1, 1), (1, -1)]):
            near |= f[r + 2 - up, j + 2 - left].astype(np.int64) << bit
        self.slots = np.stack([self.columns[j].astype(np.int64), self.line[r], self.pattern[near]])
        self.logits = logit(self.slots)
        self.p = probability((self.weights * self.logits).sum(axis=0) >> 16)
        return list(zip(r.tolist(), j.tolist(), self.p.tolist()))

    def set_flag(self, lane: int, j: int) -> None:
        self.flags[lane + 2, j + 2] = 1

    def end_step(self) -> None:
        """Learn from the flags of the step."""
        r, j, near = self.lanes, self.at, self.near
        flags = self.flags[r + 2, j + 2].astype(np.int64)
        slope = (self.logits * ((flags * 65536 - self.p) >> 2)).sum(axis=1, keepdims=True)
        self.weights = np.clip(self.weights + (slope + 2**15 >> 16), -HIGHEST_WEIGHT, HIGHEST_WEIGHT)
        column, line, pattern = self.slots
        self.columns[j] = moved(column, flags, rate_of(np.minimum(self.row + r, MOST_ROWS)), 14)
        self.line[r] = moved(line, flags, rate_of(np.minimum(j, MOST_COLUMNS)), 14)
        rate = self.rate[near]
        for place, p, less in zip(near.tolist(), moved(pattern, flags, rate, 10).tolist(),
                                  (rate - (rate * rate + 1023 >> 10)).tolist()):
            self.pattern[place], self.rate[place] = p, max(less, LEAST_RATE)  # of one pattern the last lane's stays


def steps_of(shape: tuple[int, int]):
    """Yield (first row, rows, step) of all groups and their steps."""
    m, k = shape
    for row in range(0, m, LANES):
        rows = min(LANES, m - row)
        for step in range(k + 2 * (rows - 1)):
            yield row, rows, step


def encode_rows(codes: NDArray[np.uint8], alphabet: int) -> bytes:
    """Return the bytes of a matrix that is not empty."""
    coder, model = Encoder(), Rows(codes.shape[1], alphabet)
    for row, rows, step in steps_of(codes.shape):
        if step == 0:
            model.begin_group(row, rows)
        for lane, j, p in model.begin_step(step):
            code = int(codes[row + lane, j])
            coder.put(int(code > 0), p)
            if code:
                model.set_flag(lane, j)
                node = 1
                for place in reversed(range(model.depth)):
                    bit = code - 1 >> place & 1
                    slot = model.tree[node]
                    coder.put(bit, within(slot.p, LOWEST_IN_TREE, 65536 - LOWEST_IN_TREE))
                    slot.update(bit)
                    node = 2 * node + bit
        model.end_step()
    return coder.end()


def decode_rows(data: bytes, codes: NDArray[np.uint8], alphabet: int) -> None:
    """Put the codes of a matrix that is not empty into `codes`, which are 0."""
    coder, model = Decoder(data), Rows(codes.shape[1], alphabet)
    for row, rows, step in steps_of(codes.shape):
        if step == 0:
            model.begin_group(row, rows)
        for lane, j, p in model.begin_step(step):
            if not coder.get(p):
                continue
            model.set_flag(lane, j)
            node = 1
            for _ in range(model.depth):
                slot = model.tree[node]
                bit = coder.get(within(slot.p, LOWEST_IN_TREE, 65536 - LOWEST_IN_TREE))
                slot.update(bit)
                node = 2 * node + bit
            code = node - (1 << model.depth) + 1
            if code >= alphabet:
                raise CorruptError("data", f"code {code} at [{row + lane}, {j}] is not below the alphabet's size "
                                           f"{alphabet}")
            codes[row + lane, j] = code
        if coder.dropped > len(data):  # bits that the encoder wrote, and no longer the zeros behind its last byte
            raise CorruptError("data", f"ends before the codes of row {row}, column {step}")
        model.end_step()
    check_end(coder.data, coder.dropped, coder.low, coder.high)
