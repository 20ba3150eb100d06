"""The calls of an operation on which wrong kernels show themselves.

``samples`` and ``refusals`` are in a fixed order, the same on every machine, and need only NumPy; ``strategy`` is for
Hypothesis.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice

from . import layouts
from .away import away
from .axes import of_other_axes
from .cases import Call, Calls
from .draws import st
from .edges import EDGES
from .expected import accepts
from .families import CASES
from .minus_zeros import of_minus_zeros
from .two_wrong import two_wrong
from .variants import same_object, variants


def samples(op: str) -> Calls:
    """Yield (args, kwargs) for the operation ``op``: what finds most comes first, and what takes long comes last.

    The sweep over lengths, hostile values and middle sizes; variants of some of its calls; each option at its edges,
    and values beside ties; long lengths. The arrays are fresh each time.
    """
    for part in PARTS:
        yield from part(op)


def swept(op: str) -> Calls:
    """Yield the sweep, each call of it twice.

    Once in one of the odd layouts, in turn, of all arrays or of one alone; and once ending at a guard page (where the
    system has them), so that a read past the end is found at every length.
    """
    # One odd layout after the other; the second term keeps length and layout from marching in step.
    turn = layouts.ODD + layouts.GUARDED[1:] + layouts.ONE_AXIS
    for i, case in enumerate(CASES[op].sweep()):
        layout = turn[(i + i // len(turn)) % len(turn)]
        yield _placed(case, layout) if i % 3 or layout in layouts.GUARDED else layouts.place_one(*case, layout, i // 3)
        if layouts.GUARDED:
            yield _placed(case, layouts.GUARDED[0])


BEGIN = 40  # calls of each edge to which other numbers of axes are given
SLOW = ("rangecoder_encode", "rangecoder_decode")  # their edges come before variants, which take them long to make


def wide(op: str) -> Calls:
    """Yield what the sweep leaves out: variants, each option in every layout, edges and long lengths."""
    parts = _edges, _varied
    for part in parts if op in SLOW else reversed(parts):
        yield from part(op)


def _varied(op: str) -> Calls:
    """Yield variants; other numbers of axes, and each option away from its default, both in every layout; -0.0.

    With such an option one array as two operands is not the special case that it is without.
    """
    yield from variants(op, CASES[op].sweep)
    if op not in SLOW:
        begin = (case for edge in EDGES.get(op, ()) for case in islice(edge(), BEGIN))
        yield from of_other_axes(op, chain(CASES[op].sweep(), begin))
        yield from of_minus_zeros(op, CASES[op].sweep())
    edges = (case for edge in EDGES.get(op, ()) for case in edge())
    for case in away(op, CASES[op].sweep(), edges, kinds=False):
        for layout in layouts.LAYOUTS[1:]:
            yield _placed(case, layout)
        yield from (other for other in same_object(*case, 0) if accepts(op, *other))


def _edges(op: str) -> Calls:
    """Yield edges and long lengths, in two layouts in turn."""
    for edge in EDGES.get(op, ()):
        yield from _in_turn(edge(), (layouts.contiguous, *layouts.GUARDED[:1]))


PARTS: list[Callable[[str], Calls]] = [swept, wide]  # tests of many implementations take the first alone


def _in_turn(calls: Calls, turn: tuple[Callable, ...]) -> Iterator[Call]:
    for i, case in enumerate(calls):
        yield _placed(case, turn[i % len(turn)])


def _placed(case: Call, layout: Callable) -> Call:
    args, kwargs = case
    return layouts.place(args, layout), layouts.place(kwargs, layout)


def refusals(op: str) -> Calls:
    """Yield (args, kwargs) that the operation ``op`` must refuse."""
    yield from CASES[op].refusals()
    yield from two_wrong(op)


def strategy(op: str):
    """Return the Hypothesis strategy of (args, kwargs) for the operation ``op``, oddly laid out."""
    return st.builds(layouts.place, CASES[op].strategy(), st.sampled_from(layouts.LAYOUTS))
