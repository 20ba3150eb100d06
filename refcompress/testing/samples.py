"""Inputs on which wrong kernels show themselves, in a fixed order and the same on every machine; needs NumPy alone."""

from . import layouts, sweeps


def samples(op: str):
    """Yield (args, kwargs) for the operation ``op``: the sweep over lengths, then hostile values and middle sizes.

    Each input comes twice: once in one of the odd layouts, in turn, once ending at a guard page (where the system has
    them), so that a read past the end is found at every length. The arrays are fresh each time.
    """
    for i, (args, kwargs) in enumerate(sweeps.SWEEPS[op]()):
        # 7 odd layouts and page_start in turn; the second term keeps length and layout from marching in step.
        turn = layouts.ODD + layouts.GUARDED[1:]
        for layout in (turn[(i + i // 8) % len(turn)], *layouts.GUARDED[:1]):
            yield layouts.place(args, layout), layouts.place(kwargs, layout)
