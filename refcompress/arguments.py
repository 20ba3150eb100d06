"""Arrays and numbers from outside: converted without loss, or refused by name.

An array that passes is a plain, C-contiguous, aligned ndarray in native byte order, so that what lies behind this door
(reference or C) sees one layout only, and every layout gives the same bits.
"""

import math
import operator

import numpy as np

from .errors import ArgumentTypeError, LimitError, RefcompressError

MAX_SIZE = 2**63 - 1  # elements or bytes: what an int64 index can count


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
        cure = f"; {argument}.astype(np.float32) converts it" if dtypes == (np.float32,) and a.dtype.kind == "f" else ""
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


def integer(value, argument: str, low: int, high: int = MAX_SIZE) -> int:
    """Return ``value`` as an int in [low, high]; a bool or a float is not an integer."""
    if isinstance(value, (bool, np.bool_)):
        raise ArgumentTypeError(argument, "must be an integer, not a bool")
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(argument, f"must be an integer, not {type(value).__name__}") from None
    if not low <= number <= high:
        raise RefcompressError(argument, f"must be between {low} and {high}, not {_text(number)}")
    return number


def real(value, argument: str, low: float, high: float) -> float:
    """Return ``value`` as a float in [low, high]; NaN is never inside."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ArgumentTypeError(argument, f"must be a number, not {type(value).__name__}")
    # An int is compared before its conversion, which would overflow for 400 digits. NumPy's numbers are compared after
    # it: beside float16(0) a limit of 2**-126 would become 0, and be kept.
    number = value if isinstance(value, int) else float(value)
    if not low <= number <= high:
        raise RefcompressError(argument, f"must be between {low:g} and {high:g}, not {_text(value)}")
    return float(number)


def boolean(value, argument: str) -> bool:
    """Return ``value`` as a bool; nothing else has a truth that it was meant to have."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentTypeError(argument, f"must be a bool, not {type(value).__name__}")
    return bool(value)


def _text(number) -> str:
    """Return a number for a message; Python refuses to write out an int of thousands of digits."""
    if isinstance(number, int) and abs(number) >= 10**40:
        return f"an integer of {number.bit_length()} bits"
    return str(number)


def choice(value, argument: str, allowed) -> str:
    """Return ``value`` if it is one of the strings ``allowed``."""
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, f"must be a string, not {type(value).__name__}")
    if value not in allowed:
        raise RefcompressError(argument, f"must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value


def settle(instance, **checked) -> None:
    """Give a frozen dataclass, from its __post_init__, the numbers that its fields were checked to be."""
    for name, value in checked.items():
        object.__setattr__(instance, name, value)


def exactly_one(**given) -> str:
    """Return the name of the one argument that is not None; refuse none and more than one."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise RefcompressError(" or ".join(given), f"exactly one must be given, not {len(named)}")
    return named[0]


def shape(value, argument: str = "shape", itemsize: int = 1) -> tuple[int, ...]:
    """Return ``value`` as a tuple of sizes whose product, in bytes, an int64 can count (LimitError otherwise)."""
    try:
        items = tuple(value)
    except TypeError:
        raise ArgumentTypeError(argument, f"must be a sequence of integers, not {type(value).__name__}") from None
    sizes = tuple(integer(n, f"{argument}[{i}]", 0) for i, n in enumerate(items))
    if math.prod(n for n in sizes if n) * itemsize > MAX_SIZE:  # zero sizes too: numpy multiplies the others
        said = sizes if len(sizes) <= 8 else f"an array of {len(sizes)} sizes"
        raise LimitError(argument, f"{said} has more than 2**63 - 1 bytes")
    return sizes


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
