"""The calls of an operation on which wrong kernels show themselves.

``samples`` and ``refusals`` are in a fixed order, the same on every machine, and need only NumPy; ``strategy`` is for
Hypothesis.
"""

from . import layouts
from .cases import Calls
from .draws import st
from .families import CASES


def samples(op: str) -> Calls:
    """Yield (args, kwargs) for the operation ``op``: the sweep over lengths, then hostile values and middle sizes.

    Each input comes twice: once in one of the odd layouts, in turn, once ending at a guard page (where the system has
    them), so that a read past the end is found at every length. The arrays are fresh each time.
    """
    for i, (args, kwargs) in enumerate(CASES[op].sweep()):
        # 7 odd layouts and page_start in turn; the second term keeps length and layout from marching in step.
        turn = layouts.ODD + layouts.GUARDED[1:]
        for layout in (turn[(i + i // 8) % len(turn)], *layouts.GUARDED[:1]):
            yield layouts.place(args, layout), layouts.place(kwargs, layout)


def refusals(op: str) -> Calls:
    """Yield (args, kwargs) that the operation ``op`` must refuse."""
    yield from CASES[op].refusals()


def strategy(op: str):
    """Return the Hypothesis strategy of (args, kwargs) for the operation ``op``, oddly laid out."""
    return st.builds(layouts.place, CASES[op].strategy(), st.sampled_from(layouts.LAYOUTS))
