"""Our own files: what ``compress`` prunes, shares, mixes or factors is made again by its scheme.

The options are read off the result: how many weights were kept, how many values they share, how many rows have 16 bits,
which rank the factors have. A tensor is exact where the scheme gives every array of it, bit for bit.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ... import ops
from ...checkpoints.schemes import SCHEMES
from ...errors import RefcompressError
from ...formats import CSR, LowRank, LowRankConv, Mixed, Quantized, Shared
from .stored import Arrays, Rule, Stored

__all__ = ["arrays_of", "made_again", "rules_of"]

Options = dict[str, Any]
PRUNED = "the weights of largest magnitude are kept, of equal ones the first"
SAYS = {
    "share": "the best k-means of the weights, or of their means in narrow bins; each weight at the nearest value",
    "csr": PRUNED,
    "nm": "n of each m weights of a row are kept, those of largest magnitude, of equal ones the first",
    "mixed": "integers of 8 bits; rows of 16 bits are those whose squared error at 8 bits is largest",
    "lowrank": "the truncated singular value decomposition",
    "int16": "scale = max|w| / 32767 or, affine, (max(w, 0) - min(w, 0)) / 65535; codes w / scale, ties to even",
}


def arrays_of(value: Any) -> dict[str, np.ndarray]:
    """Return every array of a value that a scheme made, by the name that a report gives it; none of other formats."""
    if isinstance(value, Quantized):
        return {"codes": value.values, "scale": value.scale, "zero_point": value.zero_point}
    if isinstance(value, Shared):
        return {"codes": value.codes, "values that are shared": value.codebook}
    if isinstance(value, CSR) and isinstance(value.data, np.ndarray):
        return {"values": value.data, "columns": value.indices, "row starts": value.indptr}
    if isinstance(value, Mixed):
        return {"rows' widths": value.wide, **{f"{name} of {bits} bits": a for bits, part in ((8, value.low),
                (16, value.high)) for name, a in (("integers", part.values), ("scales", part.scale))}}
    if isinstance(value, LowRank):
        return {"numbers of u": value.u, "singular values": value.s, "numbers of v": value.vt}
    if isinstance(value, LowRankConv):
        return {"numbers of the first kernels": value.first, "numbers of the second kernels": value.second}
    return {}


def rules_of(value: Any, implementation: object) -> tuple[Rule, ...]:
    """Return the schemes that may have made a value, each with options that give a result of its size.

    implementation : whose operations are called; each gives the same bits
    """
    def operation(name: str) -> Callable:
        return ops.implementation_of(implementation, name)[0]

    def rule(scheme: str, options: Options) -> Rule:
        def made(w: np.ndarray) -> Arrays | None:
            make = SCHEMES[scheme].make
            assert make is not None  # no scheme of these keeps a tensor as it is
            try:
                return arrays_of(make(w, options, operation).layer)
            except RefcompressError:  # what the scheme does not take, such as NaN, it has not made
                return None

        said = ", ".join(f"{name} {option}" for name, option in options.items())
        return Rule(f"{scheme}, {said}" if said else scheme, SAYS[scheme], made)

    return tuple(rule(scheme, options) for scheme, options in _options(value))


def _options(value: Any) -> Iterator[tuple[str, Options]]:
    """Yield scheme and options, the usual ones first."""
    if isinstance(value, Shared):
        yield from _of_shared(value)
    elif isinstance(value, CSR) and isinstance(value.data, np.ndarray):  # no scheme makes values of another type
        yield "csr", {"keep": len(value.data)}
        yield from (("nm", shape) for shape in _n_of_m(_kept(value)))
    elif isinstance(value, Mixed):
        shared: Options = {} if value.low.group is None else {"group": value.low.group}
        yield "mixed", {"wide": np.count_nonzero(value.wide) / max(1, len(value.wide)), **shared}
    elif isinstance(value, LowRank | LowRankConv):
        yield "lowrank", {"rank": value.rank}
    elif isinstance(value, Quantized) and value.values.dtype == np.int16:
        axes = [i for i, size in enumerate(value.scale.shape) if size > 1]
        shared = {"axis": axes[0] if axes else 0} if value.group is None else {"group": value.group}
        yield from (("int16", shared | {"grid": grid}) for grid in ("symmetric", "affine"))


def _of_shared(value: Shared) -> Iterator[tuple[str, Options]]:
    """Yield k-means of so many values: of all weights, or of those that are not zero."""
    pruned = bool(value.codebook.size) and value.codebook.ravel()[0] == 0 and not np.all(value.codes)
    bits = max(1, (value.codebook.size - 1).bit_length())
    options: Options = {"bits": bits, "keep": int(np.count_nonzero(value.codes))} if pruned else {"bits": bits}
    yield "share", options
    yield from (("share", options | {"init": init}) for init in ("cut", "linear", "density"))
    if pruned:
        yield from (("nm", {**shape, "bits": bits}) for shape in _n_of_m(value.codes != 0))


def _kept(value: CSR) -> np.ndarray:
    kept = np.zeros(value.shape, bool)
    kept[np.repeat(np.arange(len(kept)), np.diff(value.indptr)), value.indices] = True
    return kept


def _n_of_m(kept: np.ndarray) -> Iterator[dict[str, int]]:
    """Yield n and m where as many of each m weights of a row are kept, and fewer than m; the last of a row may be less.
    """
    for m in (4, 2, 8, 16):
        whole = kept[:, : kept.shape[1] // m * m] if kept.ndim == 2 else kept[:0]
        if whole.size:
            n = np.unique(np.count_nonzero(whole.reshape(-1, m), axis=1))
            if len(n) == 1 and 0 < n[0] < m:
                yield {"n": int(n[0]), "m": m}


def made_again(name: str, value: Any, rules: tuple[Rule, ...], arrays: Mapping[str, np.ndarray]) -> Stored:
    """Return a tensor whose numbers are no levels of a table: it is exact by a rule, or it is not derived."""
    return Stored(name, value.describe(), value.shape, arrays, np.broadcast_to(np.uint8(0), value.shape), np.zeros(1),
                  np.ones(1), rules, dense=value.dense())
