"""Pictures of pruning: error against what is kept. matplotlib is an extra, asked for when a picture is drawn."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..container import files
from ..errors import MissingExtra
from .style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

__all__ = ["draw"]

COLOURS = (BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE, "#6A3D9A")
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
MARKS, DASHES = "osD^vP", ("-", "--", ":")


def draw(path: str | Path, panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], *,
         x: str = "weights kept, %", y: str = "error, %", level: float | None = None, columns: int = 2) -> None:
    """Draw error against kept weights as a PNG: panels by title, in each a line by label, its points (kept, error) in
    %.

    Both axes are logarithmic, and what is kept falls from left to right, as pruning goes. A label has one colour, dash
    and mark in all panels. level : an error to draw as a thin line across, the network's before pruning. An error of 0
    has no place on the axis, and is left out. Raises MissingExtra without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, NullLocator
    except ImportError:
        raise MissingExtra("matplotlib", "is not installed, and draws the picture: pip install 'refcompress[plot]'") \
            from None
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(7.2 * columns, 4.8 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    for i, (title, lines) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, i + 1)
        for label, points in lines.items():
            j = labels.index(label)
            points = sorted((kept, error) for kept, error in points if kept > 0 and error > 0)
            axes.plot([kept for kept, _ in points], [error for _, error in points], label=label, linewidth=1.5,
                      markersize=4, color=COLOURS[j % len(COLOURS)], marker=MARKS[j % len(MARKS)],
                      linestyle=DASHES[j // len(COLOURS) % len(DASHES)])
        if level is not None:
            axes.axhline(level, color="grey", linewidth=0.8, label="unpruned")
        axes.set(title=title, xlabel=x, ylabel=y, xscale="log", yscale="log")
        axes.invert_xaxis()
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            axis.set_ticks([tick for tick in TICKS if min(limits) <= tick <= max(limits)])
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
        axes.grid(True, which="major", alpha=0.3)
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)  # beside the lines
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    files.write(path, picture.getvalue())
