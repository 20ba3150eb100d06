"""The style of all pictures: colours that everybody can tell apart, plain tick numbers, no frame where none is needed.

matplotlib is an extra: its objects come as arguments, and it is imported where a function needs more of it.

**Source** the colours: Okabe & Ito, Color Universal Design (2008).
"""

import numpy as np

__all__ = ["BLACK", "BLUE", "COLOURS", "GREEN", "GREY", "ORANGE", "PURPLE", "SKY", "VERMILLION", "dress", "number",
           "plain_ticks"]

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
GREY = "#767676"  # 4.5 : 1 on white, which small text needs


def number(value: float) -> str:
    """Return a number as people write it: no powers, and a comma between thousands.

    >>> number(100000), number(0.00002), number(6), number(0)
    ('100,000', '0.00002', '6', '0')
    """
    if float(value).is_integer():
        return f"{value:,.0f}"
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


def plain_ticks(axis) -> None:
    """Give a logarithmic axis plain numbers, at 1, 2 and 5 of each power of ten where it spans less than two."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(map(abs, axis.get_view_interval()))
    if axis.get_scale() == "log":
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def dress(ax) -> None:
    """Take the frame off, draw a light grid behind the data, and set the colours of what is drawn next."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_prop_cycle(color=COLOURS)
