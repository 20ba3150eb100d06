"""The numbers of the kinds of entry (FORMAT.md, "Entries"): each stands in its row, and none is ever given again."""

from collections.abc import Iterable
from enum import IntEnum, unique


@unique
class Kind(IntEnum):
    """The byte that says what an entry holds."""

    ARRAY = 0
    CSR = 1
    SHARED = 2
    INT8 = 3
    LOW_RANK = 4
    INT16 = 5
    MIXED = 6
    MX = 7
    NF4 = 8
    CONTEXTS = 9
    SAME = 10
    INT8_DIFFERENCES = 11
    INT16_DIFFERENCES = 12
    ROWS = 13
    PACKED = 14
    LOW_RANK_CONV = 15
    TUCKER2 = 16
    LAYER = 17
    PLAIN = 18
    GGML_BLOCKS = 19
    GRAPH = 20
    NVFP4 = 21
    CODEBOOKS = 22
    KEPT = 23
    BLOCKS = 24
    SUM = 25
    ROWS_OF_CONTEXTS = 26


# The last kind of each version of the file.
LAST_OF = {1: Kind.CONTEXTS, 2: Kind.GGML_BLOCKS, 3: Kind.SUM, 4: max(Kind), 5: max(Kind)}


def listed(kinds: Iterable[int]) -> str:
    """Return numbers of kinds for a message.

    >>> listed([3, 11, 13])
    '3, 11 or 13'
    """
    *others, last = (str(int(kind)) for kind in kinds)
    return f"{', '.join(others)} or {last}"
