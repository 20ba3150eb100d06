"""An adaptive binary range coder for matrices of codes that are mostly 0: each bit by a probability mixed from contexts.

Code 0 is a bit of its own, predicted from where weights lay before (in this column, this row, next to it); the other codes
are bits of a tree, predicted from how often they came. Nothing is sent but the bits: the decoder counts along.

All arithmetic is of integers: a probability p of a one is in 1 / 65536, its logit ln(p / (1 - p)) in 1 / 256.
"""

from array import array

import numpy as np

from ... import arguments
from ...errors import CorruptError, RefcompressError

__all__ = ["rangecoder_encode", "rangecoder_decode"]

# 65536 / (1 + exp(-i / 2)) for i = -16 to 16, rounded: what squash goes between in straight lines.
ANCHORS = [22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768, 40793, 47911, 53581,
           57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514]
CONTEXTS = 7
LIMIT = 60  # a slot's probability moves by at least 1 / (LIMIT + 1.5) of what is missing: it forgets slowly
FIRST_WEIGHT = 65536 // CONTEXTS  # in 1 / 65536: at first the mean of the logits
RATE = 2  # of learning the weights, in 2**-18 of (logit x error): chosen on pruned LeNets, flat around it
HIGHEST_WEIGHT = 1 << 24  # 256, far above what is ever learnt: so that no bytes, whatever they say, can overflow 32 bits
LOWEST = 24  # of a probability: a zero among zeros then takes 2**-11 bits, which bounds what few bytes can announce
MOST_COUNTED = 20  # in a column: bucket tells no more apart, neither of one column nor of two
MOST_A_BYTE = 8 * 2048  # codes that a byte can hold: log2(65536 / (65536 - 24)) is above 2**-11


def squash(logit: int) -> int:
    """Return the probability of a logit, cut to -2047 .. 2047.

    >>> squash(0), squash(256), squash(-9999)
    (32768, 47911, 22)
    """
    at = min(max(logit, -2047), 2047) + 2048
    i, f = at >> 7, at & 127
    return (ANCHORS[i] * (128 - f) + ANCHORS[i + 1] * f + 64) >> 7


def _stretches() -> np.ndarray:
    """Return for each probability, by its upper 12 bits, the largest logit whose squash is at most the middle of these."""
    middles = np.arange(4096) * 16 + 8
    logits = np.arange(-2047, 2048)
    found = np.searchsorted([squash(int(d)) for d in logits], middles, side="right") - 1
    return logits[np.maximum(found, 0)].astype(np.int16)


STRETCH = _stretches()


class Slot:
    """A probability that follows what comes: p moves towards the bit by 1 / (n + 1.5), n the bits seen, up to LIMIT."""

    __slots__ = ("p", "n")

    def __init__(self, p: int = 32768):
        self.p, self.n = p, 0

    def update(self, bit: int) -> None:
        step, size = 2 * ((bit << 16) - self.p), 2 * self.n + 3
        self.p += step // size if step >= 0 else -(-step // size)  # towards zero
        self.p = min(max(self.p, 16), 65519)
        self.n = min(self.n + 1, LIMIT)


def bucket(count: int) -> int:
    """Return one of 8 sizes of a count: 0, 1, 2, 3, then 4 to 5, 6 to 9, 10 to 19, and more."""
    return count if count < 4 else 4 + (count >= 6) + (count >= 10) + (count >= 20)


class Model:
    """The probability of the next bit, and what is learnt from it; the same steps in the encoder and in the decoder.

    codes : the m x k codes row by row; of these the model sees those before the next one. A column takes four bytes: many slots
    would take more than the codes. In the first row every column is new, so that a matrix of one row keeps no columns.
    """

    def __init__(self, codes: memoryview, m: int, k: int, alphabet: int):
        self.codes, self.k, self.depth = codes, k, max(alphabet - 2, 0).bit_length()
        self.stretch = STRETCH.tolist()
        self.overall = Slot()
        kept = k if m > 1 else 0
        self.p, self.n, self.counts = array("H", [32768]) * kept, bytearray(kept), bytearray(kept)
        self.tables = [[Slot() for _ in range(size)] for size in (64, 128, 128, 256, 64)]
        self.weights = [[FIRST_WEIGHT] * CONTEXTS for _ in range(8)]
        self.tree = [Slot() for _ in range(1 << self.depth)]
        self.here = self.above = bytes(k)

    def row(self, i: int) -> None:
        """Begin row ``i``."""
        self.i, self.rows = i, min((i + 1).bit_length() - 1, 15)
        self.above2, self.above, self.here = self.above, self.here, self.codes[i * self.k : (i + 1) * self.k]
        self.in_row, self.line = 0, Slot()

    def flag(self, j: int) -> int:
        """Return the probability that column j has a weight in this row."""
        here, above, above2, first, last = self.here, self.above, self.above2, j == 0, j == self.k - 1
        left = not first and here[j - 1] > 0
        near = left | (j > 1 and here[j - 2] > 0) << 1 | (above[j] > 0) << 2 | (above2[j] > 0) << 3
        near |= (not first and above[j - 1] > 0) << 4 | (not last and above[j + 1] > 0) << 5
        column, own, beside = Slot(), 0, int(left)
        if self.i > 0:
            counts = self.counts
            column.p, column.n, own = self.p[j], self.n[j], bucket(counts[j])
            beside = bucket((0 if first else counts[j - 1]) + (0 if last else counts[j + 1]))
        along = min((j + 1).bit_length() - 1, 15)
        pattern, by_column, by_row, sides, plain = self.tables
        self.slots = (column, self.line, pattern[near], by_column[own * 16 + self.rows],
                      by_row[bucket(self.in_row) * 16 + along],
                      sides[min(own, 3) * 64 + beside * 8 + min(self.rows, 7)], plain[beside * 8 + own])
        for slot in self.slots:
            if slot.n == 0:
                slot.p = self.overall.p  # what is known where nothing is
        self.logits = [self.stretch[slot.p >> 4] for slot in self.slots]
        self.mix = self.weights[own]
        self.p_flag = min(max(squash(sum(w * d for w, d in zip(self.mix, self.logits)) >> 16), LOWEST), 65536 - LOWEST)
        return self.p_flag

    def learn(self, j: int, bit: int) -> None:
        """Take in whether there was one."""
        error = ((bit << 16) - self.p_flag) * RATE
        for t, (slot, logit) in enumerate(zip(self.slots, self.logits)):
            weight = self.mix[t] + ((logit * error + (1 << 17)) >> 18)
            self.mix[t] = min(max(weight, -HIGHEST_WEIGHT), HIGHEST_WEIGHT)
            slot.update(bit)
        self.overall.update(bit)
        self.in_row += bit
        if self.counts:
            self.p[j], self.n[j] = self.slots[0].p, self.slots[0].n
            self.counts[j] = min(self.counts[j] + bit, MOST_COUNTED)


def rangecoder_encode(codes, *, alphabet) -> np.ndarray:
    """Write a matrix of codes in few bytes, where 0 is the most frequent by far.

    Parameters
    ----------
    codes : (m, k) uint8, below alphabet
    alphabet : int in [1, 256]

    Returns
    -------
    bytes : (n,) uint8. The codes go row by row. For each a bit says whether it is not 0; then ceil(log2(alphabet - 1)) bits
        say code - 1, the highest first. A bit with probability p of being 1 splits the interval [low, high] of 32-bit
        integers at low + ((high - low) p >> 16): the lower part is 1. Upper bytes in which low and high agree are written;
        at the end the fewest bytes that, with zeros after them, lie in the interval. FORMAT.md, "Contexts", says how p
        follows from what came before. One matrix has one sequence of bytes, from every implementation.

    Raises ArgumentTypeError, RefcompressError by name.

    **Source** Martin, Range Encoding (1979); Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression (2005),
    for mixing logits with weights that learn; contexts, slots and constants are ours. **Departs** nothing else.
    Cost O(m k); some 10 microseconds a code here, a hundredth of that in C.

    >>> w = np.zeros((40, 50), np.uint8)
    >>> w[::8, 7] = 3
    >>> data = rangecoder_encode(w, alphabet=4)
    >>> len(data), np.array_equal(rangecoder_decode(data, shape=(40, 50), alphabet=4), w)
    (7, True)
    """
    codes, alphabet = encode_arguments(codes, alphabet)
    m, k = codes.shape
    if codes.size == 0:
        return np.zeros(0, np.uint8)
    model, low, high, out = Model(memoryview(codes).cast("B"), m, k, alphabet), 0, 0xFFFFFFFF, bytearray()

    def put(bit: int, p: int) -> None:
        nonlocal low, high
        middle = low + ((high - low) * p >> 16)
        low, high = (low, middle) if bit else (middle + 1, high)
        while (low ^ high) >> 24 == 0:
            out.append(low >> 24)
            low, high = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255

    for i, row in enumerate(codes.tolist()):
        model.row(i)
        for j, code in enumerate(row):
            put(int(code > 0), model.flag(j))
            model.learn(j, int(code > 0))
            if code:
                node = 1
                for place in range(model.depth - 1, -1, -1):
                    bit = code - 1 >> place & 1
                    put(bit, min(max(model.tree[node].p, 64), 65472))
                    model.tree[node].update(bit)
                    node = 2 * node + bit
    return np.frombuffer(bytes(out) + ending(low, high), np.uint8).copy()


def rangecoder_decode(data, *, shape, alphabet) -> np.ndarray:
    """Read the matrix of codes that :func:`rangecoder_encode` wrote.

    data : (n,) uint8; shape : (m, k), m k at most 16384 (n + 5): more the bytes cannot hold; alphabet : int in [1, 256].
    Returns (m, k) uint8.

    Raises ArgumentTypeError, RefcompressError by name; CorruptError for bytes that no encoder writes: a code beyond the
    alphabet, bytes that are missing (at the first code that would need them), left over, not the fewest or not the lowest.

    **Source** as rangecoder_encode. **Departs** as there. Cost O(m k); besides the codes four bytes a column if m > 1.

    >>> rangecoder_decode(np.zeros(0, np.uint8), shape=(2, 0), alphabet=5).shape
    (2, 0)
    """
    data, (m, k), alphabet = decode_arguments(data, shape, alphabet)
    codes = np.zeros((m, k), np.uint8)
    if codes.size == 0:
        check_end(data, 0, 0, 0)
        return codes
    flat, bytes_ = memoryview(codes).cast("B"), data.tobytes()
    model, low, high, at = Model(flat, m, k, alphabet), 0, 0xFFFFFFFF, 4
    value = int.from_bytes(bytes_[:4].ljust(4, b"\0"), "big")

    def get(p: int) -> int:
        nonlocal low, high, value, at
        middle = low + ((high - low) * p >> 16)
        bit = int(value <= middle)
        low, high = (low, middle) if bit else (middle + 1, high)
        while (low ^ high) >> 24 == 0:
            low, high = low << 8 & 0xFFFFFFFF, high << 8 & 0xFFFFFFFF | 255
            value = value << 8 & 0xFFFFFFFF | (bytes_[at] if at < len(bytes_) else 0)
            at += 1
        return bit

    for i in range(m):
        model.row(i)
        for j in range(k):
            bit = get(model.flag(j))
            model.learn(j, bit)
            if bit:
                node = 1
                for _ in range(model.depth):
                    bit = get(min(max(model.tree[node].p, 64), 65472))
                    model.tree[node].update(bit)
                    node = 2 * node + bit
                code = node - (1 << model.depth) + 1
                if code >= alphabet:
                    raise CorruptError("data", f"code {code} at [{i}, {j}] is not below the alphabet's size {alphabet}")
                flat[i * k + j] = code
            if at - 4 > len(bytes_):  # bits that the encoder wrote, and no longer the zeros behind its last byte
                raise CorruptError("data", f"ends before the code at [{i}, {j}]")
    check_end(data, at - 4, low, high)
    return codes


def check_end(data: np.ndarray, written: int, low: int, high: int) -> None:
    """Refuse bytes that, after the ``written`` ones in which low and high agreed, are not those that the encoder adds."""
    if written > len(data) or data[written:].tobytes() != ending(low, high):
        raise CorruptError("data", "does not end as an encoder ends: bytes are missing, left over, or not the lowest")


def ending(low: int, high: int) -> bytes:
    """Return the fewest bytes, of these the lowest, that stand for a number in [low, high] when zeros follow."""
    for count in range(5):
        shift = 32 - 8 * count
        first = -(-low >> shift)
        if first << shift <= high:
            return first.to_bytes(count, "big")
    raise AssertionError("low is above high")


def encode_arguments(codes, alphabet):
    codes = arguments.array(codes, "codes", np.uint8, ndim=2)
    alphabet = arguments.integer(alphabet, "alphabet", 1, 256)
    if codes.size and codes.max() >= alphabet:
        arguments.each(codes, "codes", codes < alphabet, f"must be below the alphabet's size {alphabet}")
    return codes, alphabet


def decode_arguments(data, shape, alphabet):
    data = arguments.array(data, "data", np.uint8, ndim=1)
    alphabet = arguments.integer(alphabet, "alphabet", 1, 256)
    m, k = arguments.shape(shape)[:2] if len(arguments.shape(shape)) == 2 else (None, None)
    if m is None:
        raise RefcompressError("shape", f"must have 2 dimensions, not {len(arguments.shape(shape))}")
    if m * k > MOST_A_BYTE * (len(data) + 5):
        raise CorruptError("data", f"of {len(data)} bytes cannot hold {m * k} codes")
    return data, (m, k), alphabet
