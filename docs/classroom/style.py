"""The style of the course's pictures: that of all of refcompress, with labels beside what they name."""

import numpy as np
from matplotlib import pyplot, ticker

from refcompress.recipes.style import COLOURS, GREY, dress, number

__all__ = ["COLOURS", "GREY", "annotated", "heatmap", "picture"]


def picture(*, width: float = 7.0, height: float = 4.0, rows: int = 1, columns: int = 1, x: str = "", y: str = "",
            logarithmic: str = "", title: str = ""):
    """Return a figure and its axes, in the style of the course.

    x, y : what the axes show, with the unit. logarithmic : "x", "y" or "xy". Ticks of a logarithmic axis are plain
    numbers (0.01, 1, 100).
    """
    figure, axes = pyplot.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set(xlabel=x, ylabel=y)
        dress(ax)
        for letter, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
            if letter in logarithmic:
                getattr(ax, f"set_{letter}scale")("log")
                axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: number(value)))
                axis.set_minor_formatter(ticker.FuncFormatter(lambda value, _, axis=axis: _between(axis, value)))
    if title:
        figure.suptitle(title)
    return figure, axes[0, 0] if axes.size == 1 else axes.ravel()


def _between(axis, value: float) -> str:
    """Return the label of a tick between two powers of ten: 2 and 5 have one where the axis has few powers."""
    low, high = axis.get_view_interval()
    return number(value) if high < 300 * low and f"{value:e}"[0] in "25" else ""


def annotated(ax, x, y, label: str, *, at: int = -1, offset: tuple[float, float] = (6, 0), colour=None, **line):
    """Draw a line, and write its name beside its point ``at``: a label where the eye is needs no legend."""
    drawn, = ax.plot(x, y, color=colour, **line)
    ax.annotate(label, (x[at], y[at]), xytext=offset, textcoords="offset points", color=drawn.get_color(),
                ha="right" if offset[0] < 0 else "left", va="center", annotation_clip=False)
    return drawn


def heatmap(ax, matrix, *, digits: int = 2, title: str = "", colours: str = "RdBu", limit: float | None = None) -> None:
    """Draw a small matrix as squares with its numbers in them. A masked or NaN element is an empty square.

    Thin lines part the squares: an empty one would else melt into the page.
    """
    matrix = np.ma.masked_invalid(np.ma.asarray(matrix, dtype=float))
    limit = limit or float(np.abs(matrix).max()) or 1.0
    ax.imshow(matrix, cmap=colours, vmin=-limit, vmax=limit, aspect="equal")
    for (i, j), value in np.ndenumerate(matrix.filled(np.nan)):
        if np.isfinite(value):
            dark = abs(value) > 0.6 * limit
            ax.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color="white" if dark else "black")
    ax.set(xticks=[], yticks=[], title=title, xlabel="", ylabel="")
    ax.grid(False)
    for axis, count in ((ax.xaxis, matrix.shape[1]), (ax.yaxis, matrix.shape[0])):
        axis.set_ticks(np.arange(count + 1) - 0.5, minor=True)
    ax.tick_params(which="minor", length=0)
    ax.grid(True, which="minor", color=GREY, linewidth=0.5)
    ax.set_axisbelow(False)
    ax.spines[:].set(visible=True, color=GREY, linewidth=0.5)
