"""Arrays from outside: converted without loss, or refused by name. They are used as ``arguments.array`` and so on.

An array that passes is a plain, C-contiguous, aligned ndarray in native byte order, so that what lies behind this door
(reference or C) sees one layout only, and every layout gives the same bits.
"""

import numpy as np

from .errors import ArgumentTypeError, RefcompressError

__all__ = ["array", "each", "finite", "frozen", "is_frozen", "not_nan"]


def array(value, argument: str, *dtypes, ndim: int | None = None) -> np.ndarray:
    """Return ``value`` as a C-contiguous, aligned array of one of ``dtypes``; copy only where the layout demands it.

    Raises ArgumentTypeError for what NumPy makes no array of, a masked array (its mask would be lost) or another dtype
    (a cast would be silent), RefcompressError for another number of dimensions.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentTypeError(argument, "must not be a masked array: its mask would be lost")
    try:
        a = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(argument, f"must be an array: {error}") from None
    native = a.dtype if a.dtype.isnative else a.dtype.newbyteorder("=")
    if native not in dtypes:
        names = " or ".join(np.dtype(d).name for d in dtypes)
        cure = ""
        if dtypes == (np.float32,) and a.dtype.kind == "f":
            call = f"{argument}.astype(np.float32)" if hasattr(value, "astype") else f"np.float32({argument})"
            cure = f"; {call} converts it"
        raise ArgumentTypeError(argument, f"must be of dtype {names}, not {a.dtype.name}{cure}")
    if ndim is not None and a.ndim != ndim:
        raise RefcompressError(argument, f"must have {ndim} dimension{'s' * (ndim != 1)}, not {a.ndim}")
    if a.flags.c_contiguous and a.flags.aligned and a.dtype.isnative:
        return a  # itself: NumPy might make a view, which frozen() would have to copy
    return np.require(a, native, ["C", "A"])


def finite(a: np.ndarray, argument: str) -> np.ndarray:
    """Return ``a``; refuse the first element that is NaN or infinite, by its index."""
    return each(a, argument, np.isfinite(a), "must be finite")


def not_nan(a: np.ndarray, argument: str) -> np.ndarray:
    """Return ``a``; refuse the first NaN, by its index."""
    return each(a, argument, ~np.isnan(a), "must not be NaN")


def each(a: np.ndarray, argument: str, good: np.ndarray, rule: str) -> np.ndarray:
    """Return ``a``; refuse the first element where ``good`` is false, by its index."""
    if not np.all(good):
        where = np.unravel_index(int(np.argmin(good)), a.shape)
        index = ", ".join(str(int(i)) for i in where)
        raise RefcompressError(f"{argument}[{index}]" if index else argument, f"{rule}, not {a[where]}")
    return a


def frozen(a: np.ndarray) -> np.ndarray:
    """Return ``a`` read-only: itself if nobody can write its memory, a private copy otherwise."""
    if is_frozen(a):
        return a
    a = a.copy()
    a.flags.writeable = False
    return a


def is_frozen(a: np.ndarray) -> bool:
    """Return whether nobody can write the memory of ``a``.

    Its memory is its own, that of another read-only array whose own it is, or that of a bytes object.
    """
    owner: object = a
    while isinstance(owner, np.ndarray) and not owner.flags.writeable and not owner.flags.owndata:
        owner = owner.base
    return isinstance(owner, np.ndarray) and not owner.flags.writeable or isinstance(owner, bytes)
