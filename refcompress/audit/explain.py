"""A small matrix through every step of Deep Compression, with numbers: kept, clusters, codes, words, bytes.

Each step is a title, a sentence or two, and a grid or a table of texts, so that it can be printed and drawn.

**Source** Han, Mao & Dally, Deep Compression (2016, arXiv 1510.00149): the steps and their order.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import arguments, container, reference
from ..formats import HuffmanCode, Shared
from ..ledger import ledger
from .kinds import WORDS

__all__ = ["MOST", "Step", "bits_step", "bytes_step", "code_steps", "corner", "grid", "steps_of"]

MOST = (6, 8)  # rows and columns that are shown
PIECE = 2**18  # codes counted at a time
SYMBOLS = 16  # rows of a table of symbols
PRUNED = "."


@dataclass(frozen=True)
class Step:
    """One step. cells : rows of texts. header : of a table, its columns; None for a grid of numbers.

    codes : of a grid, which cells share a value (they share a colour); a cell of None has none.
    """

    title: str
    words: str
    cells: list[list[str]]
    header: list[str] | None = None
    codes: list[list[int | None]] | None = None


def steps_of(w: NDArray[np.float32], *, sparsity: float = 0.5, bits: int = 2) -> list[Step]:
    """Return the steps of a small matrix of float32 from its numbers to the bytes of a file.

    w : (m, n), at most MOST. sparsity : the share of weights that become 0. bits : of the codes of the kept ones.
    """
    w = arguments.finite(arguments.array(w, "w", np.float32, ndim=2), "w")
    sparsity = arguments.real(sparsity, "sparsity", 0, 1)
    bits = arguments.integer(bits, "bits", 1, 8)
    mask = reference.prune_magnitude(w, sparsity=sparsity)
    kept = np.where(mask, w, np.float32(0))
    clusters = min(2**bits, max(int(np.count_nonzero(kept)) + 1, 2))
    shared = reference.share_kmeans(kept, clusters=min(clusters, max(w.size, 1)), pruned=True) if w.size > 1 else \
        reference.share_kmeans(kept, clusters=1)
    count = int(np.count_nonzero(mask))
    steps = [
        Step("Weights", f"{w.shape[0]} x {w.shape[1]} numbers of float32 take {4 * w.size} bytes.", grid(w)),
        Step("Prune", f"The {w.size - count} weights of the least magnitude become 0; {count} of {w.size} are kept.",
             grid(kept, mask), codes=[[None if on else 0 for on in row] for row in mask.tolist()]),
        _cluster_step(w, shared),
        *code_steps(shared.codes, shared.codebook),
        Step("Decoded", _error(w, shared.dense()), grid(shared.dense(), shared.codes != 0), codes=_codes(shared.codes)),
        bytes_step(shared, 4 * w.size),
    ]
    return steps


def corner(a: np.ndarray) -> np.ndarray:
    """Return some rows and columns of an array from the first number on that is not 0; all axes but the first as one.

    >>> corner(np.eye(20)[9:]).tolist()[0]
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    matrix = a.reshape(a.shape[0] if a.ndim > 1 else 1, math.prod(a.shape[1:]) if a.ndim > 1 else a.size)
    row, column = np.unravel_index(int(np.argmax(matrix != 0)), matrix.shape) if matrix.size else (0, 0)
    row, column = min(row, max(len(matrix) - MOST[0], 0)), min(column, max(matrix.shape[1] - MOST[1], 0))
    return matrix[row : row + MOST[0], column : column + MOST[1]]


def grid(a: np.ndarray, mask: np.ndarray | None = None) -> list[list[str]]:
    """Return the numbers of a matrix as texts of one precision; where the mask is False, a point.

    >>> grid(np.float32([[0.5, -12]])), grid(np.int8([[1, 2]]), np.array([[True, False]]))
    ([['0.5', '-12.0']], [['1', '.']])
    """
    def text(value) -> str:
        if a.dtype.kind not in "fc":
            return str(value)
        return f"{value:.{digits}f}" if digits is not None else f"{value:.2e}"

    finite = np.abs(a[np.isfinite(a)]) if a.dtype.kind == "f" else np.array([])
    most = float(finite.max(initial=0))
    digits = None if a.dtype.kind == "c" or most and not 1e-3 < most < 1e5 else \
        2 - math.floor(math.log10(most)) if 0 < most < 1 else max(0, 2 - math.floor(math.log10(most or 1)))
    on = np.ones(a.shape, bool) if mask is None else mask
    return [[text(value) if here else PRUNED for value, here in zip(row, there)]
            for row, there in zip(a.tolist(), on.tolist())]


def _codes(codes: np.ndarray) -> list[list[int | None]]:
    return [[int(code) for code in row] for row in codes]


def _cluster_step(w: np.ndarray, shared: Shared) -> Step:
    """Return the clusters with what is in each."""
    rows = []
    for code, value in enumerate(shared.codebook.tolist()):
        members = w[shared.codes == code]
        span = f"{members.min():.4g} to {members.max():.4g}" if members.size else "-"
        rows.append([str(code), f"{value:.4g}", str(members.size), span])
    return Step("Share", "k-means puts the kept weights into clusters. All weights of a cluster get one value, their "
                         "mean; code 0 is the value 0, of the pruned weights.", rows,
                ["code", "value", "weights", "which were"])


def code_steps(codes: np.ndarray, codebook: np.ndarray) -> list[Step]:
    """Return the codes, their Huffman words, and the first row as it is written with these."""
    shown = corner(codes)
    steps = [Step("Code", "Each weight is now a code: the number of its value in the codebook.",
                  [[str(code) for code in row] for row in shown.tolist()], codes=_codes(shown))]
    if codes.size:
        steps.append(bits_step(codes, len(codebook)))
    return steps


def bits_step(codes: np.ndarray, alphabet: int) -> Step:
    """Return the Huffman words of codes, and the first row that is shown, written with these."""
    flat = codes.reshape(-1)
    counts = np.zeros(alphabet, np.int64)
    for start in range(0, flat.size, PIECE):  # NumPy counts in a copy of 8 bytes a code
        counts += np.bincount(flat[start : start + PIECE], minlength=alphabet)
    code = reference.huffman_code(reference.huffman_lengths(counts))
    total, fixed = int(counts @ code.lengths.astype(np.int64)), math.ceil(math.log2(max(alphabet, 2)))
    p = counts[counts > 0] / codes.size
    entropy = float(-(p * np.log2(p)).sum()) * codes.size
    order = [int(s) for s in np.argsort(-counts, kind="stable") if counts[s]]
    rows = [[str(symbol), f"{counts[symbol]:,}", f"{100 * counts[symbol] / codes.size:.1f}", word_of(code, symbol)]
            for symbol in order[:SYMBOLS]]
    if len(order) > SYMBOLS:
        rest = sum(int(counts[symbol]) for symbol in order[SYMBOLS:])
        rows.append([f"{len(order) - SYMBOLS} others", f"{rest:,}", f"{100 * rest / codes.size:.1f}",
                     f"at most {code.longest} bits"])
    first = " ".join(word_of(code, int(symbol)) for symbol in corner(codes)[0])
    words = (f"Frequent codes get short words: {total:,} bits in all, where {fixed} bits each would be "
             f"{fixed * codes.size:,}; no such code needs fewer than the entropy, {entropy:,.1f}. The first row above "
             f"is written as {first}.")
    return Step("Huffman code", words, rows, ["code", "times", "%", "word"])


def word_of(code: HuffmanCode, symbol: int) -> str:
    """Return the word of a symbol, bit by bit."""
    length = int(code.lengths[symbol])
    return f"{int(code.codes[symbol]):0{length}b}" if length else ""


def _error(w: np.ndarray, decoded: np.ndarray) -> str:
    error = np.abs(decoded.astype(np.float64) - w)
    norm = float(np.linalg.norm(w.astype(np.float64)))
    relative = f", {100 * float(np.linalg.norm(error)) / norm:.1f} % of the norm of all weights" if norm else ""
    return f"The values in place of the codes: the largest error is {error.max(initial=0):.3g}{relative}."


def bytes_step(value, raw: int, name: str = "w") -> Step:
    """Return where the bytes of a file go that holds this one tensor."""
    data = container.dumps({name: value})
    kinds = Counter[str]()
    for item in ledger(data).items:
        kinds[item.kind] += item.bits
    rows = [[kind, f"{bits / 8:g}", WORDS[kind]] for kind, bits in kinds.items()]
    rows.append(["total", str(len(data)), ""])
    return Step("Bytes", f"The file with this tensor alone has {len(data):,} bytes, where float32 has {raw:,}. The "
                         "writer takes the smallest of several layouts: places of the kept weights, or codes with "
                         "zeros; words of a Huffman code, or of one length. A small matrix pays for the frame of the "
                         "file.", rows, ["kind of bytes", "bytes", "what they are"])
