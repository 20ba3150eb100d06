"""The inputs of the checks of state: a few of the samples, of all kinds and with every option, and a few long ones."""

from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest

from .away import away
from .cases import Call
from .expected import accepts
from .judge import arrays_of
from .spread import spread
from .state_calls import bytes_of
from .telling import telling_cases

LOOKED_AT = 300  # samples, of which some are taken
SHORT, LONG = 16, 1 << 15  # of them are short; bytes of a long one
LONG_ONES = 4
FIRST, EMPTY = 5, 8  # short ones: the first ones, which hold little, and those without elements
WITHOUT = 4  # of them whose options are left out
MOST = 2**17  # elements of the longest input


def inputs(op: str, samples: Iterable[Call]) -> Iterator[Call]:
    """Yield some of the samples, of all kinds, and not the first ones, which hold little.

    By turns come those in which an option has another value than its default, and ``SHORT`` others; the first of all
    are also called without options. Behind them are some long ones, during which C gives way to another thread.
    """
    all_ = islice(samples, FIRST, None)
    first = list(islice(all_, 3 * LOOKED_AT - FIRST))
    some = spread(first[:LOOKED_AT])
    long = sorted((case for case in first if bytes_of(case) <= LONG), key=bytes_of)[-LONG_ONES:]
    options = away(op, [*some, *first[LOOKED_AT:]], all_)
    turns = [case for both in zip_longest(options, some[:SHORT]) for case in both if case is not None]
    for number, (args, kwargs) in enumerate([*turns, *long, *some[SHORT:]]):
        yield args, kwargs
        if kwargs and number < WITHOUT and accepts(op, args, {}):
            yield args, {}


def short_inputs(op: str, samples: Iterable[Call]) -> Iterator[Call]:
    """Yield the first samples, some without elements in an array, and a few others: short ways through a kernel."""
    first = list(islice(samples, LOOKED_AT))
    empty = [case for case in first[FIRST:] if any(a.size == 0 for a in arrays_of(case))]
    yield from [*first[:FIRST], *spread(empty)[:EMPTY], *spread(first[FIRST:])[:FIRST]]


def long_inputs(op: str, samples: Iterable[Call]) -> Iterator[Call]:
    """Yield of each axis the smallest samples that are longer than what kernels count by, the smaller ones first."""
    chosen = telling_cases(samples).values()
    yield from sorted((case for case in chosen if sum(a.size for a in arrays_of(case)) <= MOST), key=bytes_of)
