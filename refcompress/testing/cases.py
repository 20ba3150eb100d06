"""What the checks need of one operation: three parts, which stand together in the file of its family."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Call = tuple[tuple, dict]  # (args, kwargs)
Calls = Iterator[Call]


def call_of(named: dict, count: int) -> Call:
    """Return the call with these arguments: ``count`` by position, by their places, and the rest by name."""
    return tuple(named[i] for i in range(count)), {name: v for name, v in named.items() if isinstance(name, str)}


@dataclass(frozen=True)
class Cases:
    """The inputs of one operation, and the calls that it refuses.

    The kernels with bugs that these inputs must show stand in :mod:`catalogue`.

    sweep : yields calls: every length 0 to 67 of one dimension at a time, the others small and odd, so that each
        remainder by a vector width (and a length past two of the widest) comes up; then hostile values; then a few
        middle sizes that cross the blocks of a blocked kernel. Its data are small integers that are not zero: all
        partial sums are exact in every usual accumulator, so a lost term always shows, however small its share.
    refusals : yields calls that must be refused; the reference says by which exception, and about which argument.
    strategy : returns the Hypothesis strategy of calls: small, hostile, and built so that they shrink well. Lengths go
        up to 40, because the sweep has gone before.
    """

    sweep: Callable[[], Calls]
    refusals: Callable[[], Calls]
    strategy: Callable
