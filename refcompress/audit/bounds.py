"""What the bytes of each tensor could take: the entropy of its elements, and what zlib and zstd make of them.

This is the one part of an inspection that reads values. Each tensor is read once, a piece at a time, and all figures
are made from the piece.

    bits of a tensor = sum over its planes of  n sum_s  -p_s log2 p_s,   p_s = the share of the symbol s

The planes of a type: elements of at most 16 bits are symbols themselves; of wider ones each byte is a plane of its own;
so is each field of the blocks of ggml. No code that looks at one symbol at a time is shorter than this sum, apart from
its table. A code that looks at neighbours may be: where zlib or zstd is below it, the order of the elements tells
something.

**Source** C. E. Shannon, A Mathematical Theory of Communication (1948), section 6.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ..container.ggml import COLUMNS
from ..formats import ELEMENT_TYPES, GGML_TYPES
from .findings import Finding, not_finite, tensors_of
from .stored import STEP, Stored

__all__ = ["Bounds", "bounds_of", "findings_of", "has_zstd"]

ZLIB_LEVEL, ZSTD_LEVEL = 6, 3  # what their programs take when nothing is said
EXPONENTS = {  # in a number that is NaN or infinite they are all ones
    "float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF << 52}
LEAST = 64  # elements: what holds for fewer may be chance
SYMBOL_BITS = 16  # the widest elements that are counted as they are: 65,536 counters


@dataclass(frozen=True)
class Bounds:
    """What a tensor could take, in bytes. nbytes : what it takes, unpacked. zstd : None where the package is missing.

    zeros : its elements that are 0; None where its type has no such pattern. narrower : of a tensor of float32, the
    type of 16 bits that holds each of its numbers; None where there is none. not_finite : its numbers that are NaN or
    infinite, of a type of IEEE 754 or bfloat16; 0 where it has another type.
    """

    name: str
    elements: int
    nbytes: int
    entropy: float
    zlib: int
    zstd: int | None
    zeros: int | None
    narrower: str | None
    not_finite: int = 0


def has_zstd() -> bool:
    """Return whether zstd's package is there (the extra ``audit``)."""
    return find_spec("zstandard") is not None


def bounds_of(tensor: Stored) -> Bounds:
    """Return what a tensor whose bytes lie together could take."""
    assert tensor.pieces is not None
    planes, kind = _planes(tensor), tensor.type.rpartition(" in ")[2]
    deflate, zstd = zlib.compressobj(ZLIB_LEVEL), _zstd()
    small, smaller, zeros, odd = 0, 0, 0, 0
    element = ELEMENT_TYPES.get(kind)
    narrow = {"bfloat16", "float16"} if kind == "float32" and tensor.nbytes else set()
    step = STEP // planes.unit * planes.unit
    for piece in tensor.pieces(step):
        small += len(deflate.compress(piece))
        smaller += len(zstd.compress(piece)) if zstd else 0
        data = np.frombuffer(piece, np.uint8)
        planes.add(data)
        if element is not None and element.bits >= 8:
            zeros += _zeros(data, kind)
        odd += _not_finite(data, tensor.type)
        narrow = {each for each in narrow if _fits(data, each)}
    small += len(deflate.flush())
    smaller += len(zstd.flush()) if zstd else 0
    counted = element is not None and element.bits >= 8 and kind == tensor.type and not kind.startswith("complex")
    return Bounds(tensor.name, tensor.numbers, tensor.nbytes, planes.entropy(), small, smaller if zstd else None,
                  zeros if counted else None, min(narrow, default=None), odd)


def _zstd():
    """Return a compressor of zstd, or None where its package is missing."""
    if not has_zstd():
        return None
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()


class _Planes:
    """Counts of symbols. unit : bytes that pieces are a multiple of. split : the symbols of each plane of a piece."""

    def __init__(self, unit: int, split: Callable[[np.ndarray], Iterator[np.ndarray]], sizes: list[int]):
        self.unit, self._split = unit, split
        self._counts = [np.zeros(size, np.int64) for size in sizes]

    def add(self, data: np.ndarray) -> None:
        for counts, symbols in zip(self._counts, self._split(data[: len(data) // self.unit * self.unit])):
            counts += np.bincount(symbols, minlength=len(counts))

    def entropy(self) -> float:
        """Return the bytes of all planes."""
        bits = 0.0
        for counts in self._counts:
            there = counts[counts > 0].astype(np.float64)
            bits += float(np.sum(there * np.log2(there.sum() / there)))
        return bits / 8


def _planes(tensor: Stored) -> _Planes:
    """Return the planes of a type."""
    if tensor.type in GGML_TYPES:
        ends = np.cumsum(COLUMNS[tensor.type])
        unit = int(ends[-1])

        def columns(data: np.ndarray) -> Iterator[np.ndarray]:
            for column in np.split(data.reshape(-1, unit), ends[:-1], axis=1):
                yield column.reshape(-1)

        return _Planes(unit, columns, [256] * len(ends))
    kind = tensor.type.rpartition(" in ")[2]
    bits = ELEMENT_TYPES[kind].bits if kind in ELEMENT_TYPES else 8
    packed = int(tensor.bits or 8) if kind != tensor.type else bits
    if packed in (2, 4):
        shifts = range(0, 8, packed)
        return _Planes(1, lambda data: iter([np.concatenate([data >> s & (1 << packed) - 1 for s in shifts])]),
                       [1 << packed])
    if bits == SYMBOL_BITS:
        return _Planes(2, lambda data: iter([data.view("<u2")]), [1 << SYMBOL_BITS])
    width = max(bits // 8, 1)
    return _Planes(width, lambda data: (data[at::width] for at in range(width)), [256] * width)


def _zeros(data: np.ndarray, kind: str) -> int:
    """Return how many elements of a piece are 0 or -0."""
    bits = ELEMENT_TYPES[kind].bits
    patterns = data[: len(data) // (bits // 8) * (bits // 8)].view(f"<u{bits // 8}") if bits <= 64 else data
    if kind.startswith(("float", "bfloat")) or kind in ("fp8_e4m3", "fp8_e5m2"):
        patterns = patterns << patterns.dtype.type(1)  # without the sign
    return len(patterns) - int(np.count_nonzero(patterns))


def _not_finite(data: np.ndarray, kind: str) -> int:
    """Return how many elements of a piece are NaN or infinite."""
    if kind not in EXPONENTS:
        return 0
    width = ELEMENT_TYPES[kind].bits // 8
    patterns = data[: len(data) // width * width].view(f"<u{width}")
    ones = patterns.dtype.type(EXPONENTS[kind])
    return int(np.count_nonzero((patterns & ones) == ones))


def _fits(data: np.ndarray, kind: str) -> bool:
    """Return whether each float32 of a piece is a number of a type of 16 bits."""
    x = data[: len(data) // 4 * 4].view("<f4")
    if kind == "bfloat16":
        return not np.any(x.view("<u4") & np.uint32(0xFFFF))
    with np.errstate(all="ignore"):
        return bool(np.all(x.astype(np.float16).astype(np.float32).view(np.uint32) == x.view(np.uint32)))


def findings_of(found: list[Bounds], tensors: dict[str, Stored]) -> list[Finding]:
    """Return what the values say: those not finite, zeros that are stored in full, float32 that 16 bits would hold."""
    said = []
    odd = {each.name: each.not_finite for each in found if each.not_finite}
    if odd:
        said.append(not_finite(odd))
    zeros = {each.name: each.zeros for each in found if each.zeros is not None and each.elements >= LEAST
             and 2 * each.zeros > each.elements and tensors[each.name].role == "values"}
    if zeros:
        lost = sum(count * tensors[name].nbytes // tensors[name].numbers for name, count in zeros.items())
        most = max(zeros, key=zeros.__getitem__)
        said.append(Finding("zeros stored in full", f"{lost:,} bytes hold zeros, in {tensors_of(len(zeros))} of which "
                            f"more than half is zero; the most are in {most}.", {"bytes": lost, "zeros": zeros}))
    for kind in ("bfloat16", "float16"):
        wide = [each for each in found if each.narrower == kind and LEAST <= each.elements > (each.zeros or 0)]
        if wide:
            size = sum(each.nbytes for each in wide)
            said.append(Finding("float32 holds 16 bits", f"{size:,} bytes of float32 hold numbers of {kind} alone, in "
                                f"{tensors_of(len(wide))}: half of them would do without loss.",
                                {"bytes": size, "type": kind, "tensors": [each.name for each in wide]}))
    return said
