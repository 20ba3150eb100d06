"""How much a compressed file of ours may decode to before an audit asks: in proportion to its bytes.

A few bytes may mean a matrix of zeros of any size, and that is no damage. So where the caller names no limit of his
own, FACTOR bytes for each of the file, and BASE more, are decoded; beyond them the refusal says what was wanted.
"""

import os

from ..container import DEFAULT_LIMIT
from ..container.files import Path, name_of
from ..errors import LimitError

__all__ = ["BASE", "FACTOR", "check_dense", "limit_of"]

FACTOR, BASE = 1000, 2**24


def limit_of(path: Path, limit: int) -> int:
    """Return the limit; where it is the default, that of a file of this size.

    >>> limit_of("a file that is not there", 5)
    5
    """
    return limit if limit != DEFAULT_LIMIT else min(limit, BASE + FACTOR * os.path.getsize(name_of(path)))


def check_dense(name: str, numbers: int, limit: int) -> None:
    """Refuse a tensor that stands for more numbers of float32 than the limit has bytes for."""
    if 4 * numbers > limit:
        raise LimitError("limit", f"entry {name!r} stands for {numbers:,} numbers, which take {4 * numbers:,} bytes; "
                                  f"the limit is {limit:,}")
