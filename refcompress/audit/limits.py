"""How much a compressed file of ours may decode to before an audit asks: in proportion to its bytes.

A few bytes may mean a matrix of zeros of any size, and that is no damage. So where the caller names no limit of his
own, FACTOR bytes for each of the file, and BASE more, are decoded; beyond them the refusal says what was wanted.
"""

import os

from .. import arguments
from ..container import DEFAULT_LIMIT
from ..container.files import Path, name_of
from ..errors import LimitError

__all__ = ["BASE", "FACTOR", "check_dense", "limit_of", "limit_of_others"]

FACTOR, BASE = 1000, 2**24


def limit_of(path: Path, limit: int | None) -> int:
    """Return the limit of a file of ours; where it is None, that of a file of this size.

    >>> limit_of("a file that is not there", 5)
    5
    """
    if limit is None:
        return min(DEFAULT_LIMIT, BASE + FACTOR * os.path.getsize(name_of(path)))
    return arguments.integer(limit, "limit", 0)


def limit_of_others(limit: int | None) -> int:
    """Return the limit of a file of another tool, whose tensors have at most the bytes of the file, mostly.

    >>> limit_of_others(None) == DEFAULT_LIMIT, limit_of_others(5)
    (True, 5)
    """
    return DEFAULT_LIMIT if limit is None else limit


def check_dense(name: str, numbers: int, limit: int) -> None:
    """Refuse a tensor that stands for more numbers of float32 than the limit has bytes for."""
    if 4 * numbers > limit:
        raise LimitError("limit", f"entry {name!r} stands for {numbers:,} numbers, which take {4 * numbers:,} bytes; "
                                  f"the limit is {limit:,}")
