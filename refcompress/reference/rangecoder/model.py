"""The probability of the next bit of a matrix of codes, learnt from the codes before it: contexts, slots, mixing.

The encoder and the decoder keep the same model and take the same steps, so nothing about it is sent.

All arithmetic is of integers, so that every machine has the same bits. A probability p of a one is in 1 / 65536, its
logit ln(p / (1 - p)) in 1 / 256.
"""

from array import array
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

__all__ = []

CONTEXTS = 7  # the slots whose logits are mixed for one flag
FIRST_WEIGHT = 65536 // CONTEXTS  # of a logit, in 1 / 65536: at first the mean of the logits
RATE = 2  # of learning the weights, in 2**-18 of (logit x error): chosen on pruned LeNets, flat around it
# A step of a weight is below 2**10: 2**11 (logit) * 2**17 (error) >> 18. So no bytes can make it overflow 32 bits.
HIGHEST_WEIGHT = 2**24  # 256, far above what is ever learnt

LIMIT = 60  # the bits that a slot counts: it goes on forgetting, by 1 / (LIMIT + 1.5) of what is missing
# stretch looks at the upper 12 bits of a probability. Those of a slot's are neither all 0 nor all 1: 1 to 4094.
LOWEST_IN_SLOT, HIGHEST_IN_SLOT = 1 << 4, (4095 << 4) - 1
LOWEST = 24  # of a flag's probability: a zero takes at least log2(65536 / (65536 - LOWEST)) bits, which is above 2**-11
LOWEST_IN_TREE = 64  # of the other bits: each takes at most log2(65536 / LOWEST_IN_TREE) = 10 bits
MOST_COUNTED = 20  # weights of a column: bucket does not tell more apart, neither of one column nor of two

# 65536 / (1 + exp(-i / 2)) for i = -16 to 16, rounded: squash is a straight line between two of them.
ANCHORS = [22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768, 40793, 47911,
           53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514]


def squash(logit: int) -> int:
    """Return the probability of a logit, cut to -2047 .. 2047.

    >>> squash(0), squash(256), squash(-9999)
    (32768, 47911, 22)
    """
    at = within(logit, -2047, 2047) + 2048
    i, f = at >> 7, at & 127
    return (ANCHORS[i] * (128 - f) + ANCHORS[i + 1] * f + 64) >> 7


def within(value: int, lowest: int, highest: int) -> int:
    return min(max(value, lowest), highest)


def _stretches() -> NDArray[np.int16]:
    """Return by the upper 12 bits of a probability the largest logit whose squash is at most the middle of these."""
    middles = np.arange(4096) * 16 + 8
    logits = np.arange(-2047, 2048)
    found = np.searchsorted([squash(int(d)) for d in logits], middles, side="right") - 1
    return logits[np.maximum(found, 0)].astype(np.int16)


STRETCH = _stretches()


class Slot:
    """A probability p that follows the bits: it moves towards each by 1 / (n + 1.5), n the bits seen, up to LIMIT."""

    __slots__ = ("p", "n")

    def __init__(self, p: int = 32768, n: int = 0):
        self.p, self.n = p, n

    def update(self, bit: int) -> None:
        step, size = 2 * ((bit << 16) - self.p), 2 * self.n + 3
        move = step // size if step >= 0 else -(-step // size)  # rounded towards zero
        self.p = within(self.p + move, LOWEST_IN_SLOT, HIGHEST_IN_SLOT)
        self.n = min(self.n + 1, LIMIT)


def bucket(count: int) -> int:
    """Return one of 8 sizes of a count: 0, 1, 2, 3, then 4 to 5, 6 to 9, 10 to 19, and more."""
    return count if count < 4 else 4 + (count >= 6) + (count >= 10) + (count >= 20)


def magnitude(number: int) -> int:
    """Return floor(log2(number)), at most 15."""
    return min(number.bit_length() - 1, 15)


def depth_of(alphabet: int) -> int:
    """Return the depth of the tree of values: the least one with 2**depth >= alphabet - 1."""
    return max(alphabet - 2, 0).bit_length()


class Model:
    """The probability of the next bit, and what is learnt from it.

    codes : the (m, k) codes; of these the model looks at those before the next one.

    The slots of the columns are kept as numbers, four bytes a column: as objects they would take more memory than the
    codes. In the first row every column is new, so the slots of a matrix of one row are not kept at all.
    """

    def __init__(self, codes: NDArray[np.uint8], alphabet: int):
        (m, self.k), self.codes = codes.shape, codes.data
        self.depth = depth_of(alphabet)
        self.stretch = STRETCH.tolist()
        kept = self.k if m > 1 else 0
        self.p, self.n, self.counts = array("H", [32768]) * kept, bytearray(kept), bytearray(self.k)
        self.overall = Slot()
        self.tables: list[defaultdict[object, Slot]] = [defaultdict(Slot) for _ in range(5)]
        self.weights: defaultdict[int, list[int]] = defaultdict(lambda: [FIRST_WEIGHT] * CONTEXTS)
        self.tree = [Slot() for _ in range(1 << self.depth)]

    def begin_row(self, i: int) -> None:
        self.i, self.in_row, self.line = i, 0, Slot()

    def flag_at(self, i: int, j: int) -> int:
        """Return 1 where there is a weight, 0 where there is none and outside of the matrix."""
        return int(i >= 0 and 0 <= j < self.k and self.codes[i, j] > 0)

    def count(self, j: int) -> int:
        """Return the number of weights in column j so far."""
        return self.counts[j] if 0 <= j < self.k else 0

    def slots_of(self, j: int, own: int) -> list[Slot]:
        """Return the seven slots that predict the flag in column j of this row; new ones have the overall p."""
        i, f = self.i, self.flag_at
        near = (f(i, j - 1) + 2 * f(i, j - 2) + 4 * f(i - 1, j) + 8 * f(i - 2, j) + 16 * f(i - 1, j - 1)
                + 32 * f(i - 1, j + 1))
        beside, rows, columns = bucket(self.count(j - 1) + self.count(j + 1)), magnitude(i + 1), magnitude(j + 1)
        pattern, by_column, by_row, sides, plain = self.tables
        slots = [Slot(self.p[j], self.n[j]) if self.p else Slot(), self.line, pattern[near], by_column[own, rows],
                 by_row[bucket(self.in_row), columns], sides[min(own, 3), beside, min(rows, 7)], plain[beside, own]]
        for slot in slots:
            if slot.n == 0:
                slot.p = self.overall.p
        return slots

    def p_of_flag(self, j: int) -> int:
        """Return the probability that column j has a weight in this row: the logits of its slots, mixed by weights."""
        own = bucket(self.count(j))
        self.slots, self.mix = self.slots_of(j, own), self.weights[own]
        self.logits = [self.stretch[slot.p >> 4] for slot in self.slots]
        logit = sum(weight * logit for weight, logit in zip(self.mix, self.logits)) >> 16
        self.p_flag = within(squash(logit), LOWEST, 65536 - LOWEST)
        return self.p_flag

    def learn(self, j: int, bit: int) -> None:
        """Take in whether there was one: the weights go down the gradient of the bit's cost, the slots follow it."""
        error = ((bit << 16) - self.p_flag) * RATE
        for t, (slot, logit) in enumerate(zip(self.slots, self.logits)):
            weight = self.mix[t] + ((logit * error + (1 << 17)) >> 18)
            self.mix[t] = within(weight, -HIGHEST_WEIGHT, HIGHEST_WEIGHT)
            slot.update(bit)
        self.overall.update(bit)
        if self.p:
            self.p[j], self.n[j] = self.slots[0].p, self.slots[0].n
        self.in_row += bit
        self.counts[j] = min(self.counts[j] + bit, MOST_COUNTED)

    def p_of_value(self, node: int) -> int:
        """Return the probability of the next bit of a value: node 1 is the root, and bit b leads from x to 2 x + b."""
        return within(self.tree[node].p, LOWEST_IN_TREE, 65536 - LOWEST_IN_TREE)
