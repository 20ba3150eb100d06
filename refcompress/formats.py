"""The formats of a compressed array: frozen, checked once when they are made, trusted everywhere after.

``.dense()`` gives the array that a format stands for, ``.nbytes`` the bytes of its arrays in memory (a file's bytes are
the container's business). An array handed in is kept if it is read-only and owns its memory, and copied otherwise, so
that nobody can change a format after it was checked.

Letters: m rows, n columns or outputs, k inputs, r rank.
"""

from dataclasses import dataclass, fields

import numpy as np

from . import arguments
from .errors import LimitError, RefcompressError

SMALLEST_NORMAL = np.finfo(np.float32).tiny
LARGEST = np.finfo(np.float32).max


class _Format:
    """What all formats share: the sum of their arrays' bytes."""

    @property
    def nbytes(self) -> int:
        values = (getattr(self, field.name) for field in fields(self))
        return sum(v.nbytes for v in values if hasattr(v, "nbytes"))

    def _set(self, name: str, value) -> None:
        object.__setattr__(self, name, arguments.frozen(value) if isinstance(value, np.ndarray) else value)


@dataclass(frozen=True, eq=False)
class CSR(_Format):
    """A sparse matrix by compressed rows: row i holds data[p] at column indices[p] for p in indptr[i]:indptr[i + 1].

    shape : (m, k); indptr : (m + 1,) int64; indices : (nnz,) int32; data : (nnz,) float32.
    canonical (the default) promises that the columns of each row strictly increase. Without it they may come in any
    order and more than once (their products add up, in the order in which they are stored).
    A stored zero is an entry like any other: it multiplies, and 0 * NaN is NaN.
    """

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    canonical: bool = True

    def __post_init__(self):
        shape = arguments.shape(self.shape, itemsize=4)
        if len(shape) != 2:
            raise RefcompressError("shape", f"must have 2 sizes, not {len(shape)}")
        m, k = shape
        if k > 2**31 - 1:
            raise LimitError("shape[1]", f"must be at most 2**31 - 1 (columns are int32), not {k}")
        # Pointers and columns may come as int32 or int64; columns are narrowed only after they were found in range.
        indptr = arguments.array(self.indptr, "indptr", np.int64, np.int32, ndim=1).astype(np.int64, copy=False)
        indices = arguments.array(self.indices, "indices", np.int32, np.int64, ndim=1)
        data = arguments.array(self.data, "data", np.float32, ndim=1)
        if len(indptr) != m + 1:
            raise RefcompressError("indptr", f"must have rows + 1 = {m + 1} entries, not {len(indptr)}")
        if indptr[0] != 0:
            raise RefcompressError("indptr[0]", f"must be 0, not {indptr[0]}")
        rising = np.ones(m + 1, dtype=bool)
        np.less_equal(indptr[:-1], indptr[1:], out=rising[1:])
        arguments.each(indptr, "indptr", rising, "must not decrease")
        if indptr[-1] != len(indices):
            raise RefcompressError(f"indptr[{m}]", f"must equal len(indices) = {len(indices)}, not {indptr[-1]}")
        if len(data) != len(indices):
            raise RefcompressError("data", f"must have len(indices) = {len(indices)} entries, not {len(data)}")
        arguments.each(indices, "indices", (indices >= 0) & (indices < k), f"must be in [0, {k})")
        if self.canonical:
            increasing = np.ones(len(indices), dtype=bool)
            np.less(indices[:-1], indices[1:], out=increasing[1:])
            increasing[indptr[:-1][indptr[:-1] < len(indices)]] = True  # the first of a row has no predecessor
            arguments.each(indices, "indices", increasing, "must increase within a row (or pass canonical=False)")
        self._set("shape", shape)
        self._set("indptr", indptr)
        self._set("indices", indices.astype(np.int32, copy=False))
        self._set("data", data)
        self._set("canonical", bool(self.canonical))

    @property
    def nnz(self) -> int:
        return len(self.data)

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 array; entries that meet at one place add up in storage order."""
        w = np.zeros(self.shape, dtype=np.float32)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        if self.canonical:
            w[rows, self.indices] = self.data  # assignment keeps -0.0, which adding to +0.0 would lose
        else:
            np.add.at(w, (rows, self.indices), self.data)
        return w


@dataclass(frozen=True, eq=False)
class Shared(_Format):
    """Weights that share values: weight = codebook[code].

    codes : any shape, uint8 (at most 256 codes) or uint16; codebook : (c,) float32, finite, 1 <= c <= 65536.
    Where the input was pruned, code 0 is the value +0.0 and stands for the pruned weights.
    """

    codes: np.ndarray
    codebook: np.ndarray

    def __post_init__(self):
        codes = arguments.array(self.codes, "codes", np.uint8, np.uint16)
        codebook = arguments.finite(arguments.array(self.codebook, "codebook", np.float32, ndim=1), "codebook")
        c = len(codebook)
        if c > 65536:
            raise LimitError("codebook", f"must have at most 65536 entries, not {c}")
        if c == 0 and codes.size:
            raise RefcompressError("codebook", "must have an entry for the codes to point at")
        narrowest = np.dtype(np.uint8 if c <= 256 else np.uint16)
        if codes.dtype != narrowest:
            raise RefcompressError("codes", f"must be {narrowest.name} for a codebook of {c}, not {codes.dtype.name}")
        if codes.size and codes.max() >= c:  # the maximum first: it needs no array of booleans as large as the codes
            arguments.each(codes, "codes", codes < c, f"must be below the codebook's length {c}")
        self._set("codes", codes)
        self._set("codebook", codebook)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    @property
    def pruned(self) -> bool:
        """Whether code 0 is the value +0.0, bit for bit."""
        return len(self.codebook) > 0 and self.codebook[:1].view(np.uint32)[0] == 0

    def dense(self) -> np.ndarray:
        """Return the float32 array codebook[codes]."""
        return self.codebook[self.codes] if self.codes.size else np.zeros(self.shape, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Quantized(_Format):
    """Integers with scales: weight = scale * (value - zero_point).

    values : any shape of at least one dimension, int8. scale : float32, finite, at least 2**-126; zero_point : int8, as
    scale. Both have as many dimensions as values, each of size 1 (shared along it) or the full size (one a channel); with
    ``group`` the last one has ceil(size / group) entries, one for each run of ``group`` values along the last axis.
    """

    values: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray
    group: int | None = None

    def __post_init__(self):
        values = arguments.array(self.values, "values", np.int8)
        scale = arguments.array(self.scale, "scale", np.float32)
        zero_point = arguments.array(self.zero_point, "zero_point", np.int8)
        if values.ndim == 0:
            raise RefcompressError("values", "must have at least one dimension")
        if self.group is not None:
            self._set("group", arguments.integer(self.group, "group", 1))
        arguments.finite(scale, "scale")
        arguments.each(scale, "scale", scale >= SMALLEST_NORMAL, "must be at least 2**-126")
        full = values.shape if self.group is None else (*values.shape[:-1], -(-values.shape[-1] // self.group))
        fits = scale.ndim == len(full) and all(s in (1, f) for s, f in zip(scale.shape, full))
        if not fits or (self.group is not None and scale.shape[-1] != full[-1]):
            raise RefcompressError("scale", f"must have a shape of ones and sizes of {full}, not {scale.shape}")
        if zero_point.shape != scale.shape:
            raise RefcompressError("zero_point", f"must have the shape of scale, {scale.shape}, not {zero_point.shape}")
        self._set("values", values)
        self._set("scale", scale)
        self._set("zero_point", zero_point)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def dense(self) -> np.ndarray:
        """Return float32 scale * (value - zero_point): the difference is exact, the product rounded once.

        A product that would overflow is the largest finite float32: the grid's point next to 3e38 may lie beyond it.
        """
        scale, zero_point = self.expand(self.scale), self.expand(self.zero_point)
        with np.errstate(over="ignore"):
            product = (self.values.astype(np.int32) - zero_point).astype(np.float32) * scale
        return np.clip(product, -LARGEST, LARGEST)

    def expand(self, a: np.ndarray) -> np.ndarray:
        """Return a scale-shaped array so that it broadcasts against values: groups repeated along the last axis."""
        if self.group is None:
            return a
        size = self.values.shape[-1]
        return np.repeat(a, min(self.group, size), axis=-1)[..., :size]  # a group may be longer than the axis


@dataclass(frozen=True, eq=False)
class LowRank(_Format):
    """A matrix as a product: u * s @ vt, with u : (m, r), s : (r,), vt : (r, k), float32 and finite."""

    u: np.ndarray
    s: np.ndarray
    vt: np.ndarray

    def __post_init__(self):
        for name, ndim in (("u", 2), ("s", 1), ("vt", 2)):
            self._set(name, arguments.finite(arguments.array(getattr(self, name), name, np.float32, ndim=ndim), name))
        r = len(self.s)
        if self.u.shape[1] != r or self.vt.shape[0] != r:
            raise RefcompressError("s", f"must have one entry a column of u and a row of vt, not {r} for "
                                        f"{self.u.shape} and {self.vt.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        return self.u.shape[0], self.vt.shape[1]

    @property
    def rank(self) -> int:
        return len(self.s)

    def dense(self) -> np.ndarray:
        """Return the (m, k) float32 product, summed in float64 and rounded once."""
        return ((self.u.astype(np.float64) * self.s) @ self.vt.astype(np.float64)).astype(np.float32)


MAX_CODE_LENGTH = 15  # bits: a length then fits a nibble, and a 32-bit lane always holds a whole code (see huffman.py)


@dataclass(frozen=True, eq=False)
class HuffmanCode(_Format):
    """A complete canonical prefix code: symbol i is written as the ``lengths[i]`` low bits of ``codes[i]``.

    lengths : (alphabet,) uint8, 0 for a symbol that does not occur, else 1 to 15; codes : (alphabet,) uint16, 0 where the
    length is 0. Complete: the sum of 2**-length is exactly 1; a lone symbol has length 1 and code 0; no symbol, no code.
    Canonical: in the order of (length, symbol) the codes, aligned left, count up without a gap.
    """

    lengths: np.ndarray
    codes: np.ndarray

    def __post_init__(self):
        lengths = arguments.array(self.lengths, "lengths", np.uint8, ndim=1)
        codes = arguments.array(self.codes, "codes", np.uint16, ndim=1)
        if len(lengths) > 2**MAX_CODE_LENGTH:
            raise LimitError("lengths", f"must have at most {2**MAX_CODE_LENGTH} symbols, not {len(lengths)}")
        if codes.shape != lengths.shape:
            raise RefcompressError("codes", f"must have one code a length, {len(lengths)}, not {len(codes)}")
        arguments.each(lengths, "lengths", lengths <= MAX_CODE_LENGTH, f"must be at most {MAX_CODE_LENGTH}")
        used = np.flatnonzero(lengths)
        order = used[np.argsort(lengths[used], kind="stable")]
        # Aligned left in 15 bits, a code of l bits covers 2**(15 - l) of the 2**15 patterns. Canonical and complete codes
        # tile them in order: each starts where the one before it ends, and the last one ends at 2**15.
        widths = np.int64(1) << (MAX_CODE_LENGTH - lengths[order].astype(np.int64))
        lone = len(used) == 1 and lengths[used[0]] == 1
        if len(used) and widths.sum() != 2**MAX_CODE_LENGTH and not lone:
            raise RefcompressError("lengths", f"must fill the code space: the sum of 2**-length is "
                                              f"{widths.sum() / 2**MAX_CODE_LENGTH:g}, not 1")
        expected = np.zeros(len(lengths), dtype=np.int64)
        expected[order] = (np.cumsum(widths) - widths) >> (MAX_CODE_LENGTH - lengths[order].astype(np.int64))
        arguments.each(codes, "codes", codes == expected, "must be the canonical code of its length")
        self._set("lengths", lengths)
        self._set("codes", codes)

    @property
    def longest(self) -> int:
        """The length of the longest code in bits; 0 if no symbol occurs."""
        return int(self.lengths.max(initial=0))


@dataclass(frozen=True, eq=False)
class Encoded(_Format):
    """A Huffman-coded sequence: ``count`` symbols in 16-bit ``words``, laid out as FORMAT.md's section on streams says.

    words : (w,) uint16; count : int; code : HuffmanCode. Whether the words decode is known only once they were decoded:
    huffman_decode raises CorruptError where they do not.
    """

    words: np.ndarray
    count: int
    code: HuffmanCode

    def __post_init__(self):
        words = arguments.array(self.words, "words", np.uint16, ndim=1)
        count = arguments.integer(self.count, "count", 0)
        if not isinstance(self.code, HuffmanCode):
            raise RefcompressError("code", f"must be a HuffmanCode, not {type(self.code).__name__}")
        if count > 16 * len(words):  # a symbol takes at least one bit
            raise RefcompressError("count", f"must be at most the {16 * len(words)} bits of words, not {count}")
        if count and not self.code.longest:
            raise RefcompressError("count", "must be 0 for a code without symbols")
        self._set("words", words)
        self._set("count", count)
