"""The picture of break_even.py: a panel a format, density by columns, the best dense time over ours in each cell."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import colors, pyplot  # noqa: E402

from refcompress.recipes.style import BLUE, VERMILLION  # noqa: E402

COLORS = colors.LinearSegmentedColormap.from_list("break-even", [VERMILLION, "white", BLUE])
WIDEST = 3  # of the scale, in powers of two


def panel(ax, cells: np.ndarray, rows: list[str], columns: list[int], title: str):
    """Draw ratios; a cell where we lose is framed."""
    image = ax.imshow(np.log2(cells), cmap=COLORS, vmin=-WIDEST, vmax=WIDEST, aspect="auto", origin="lower")
    for (i, j), ratio in np.ndenumerate(cells):
        dark = abs(np.log2(ratio)) > 0.6 * WIDEST
        ax.text(j, i, f"{ratio:.2g}", ha="center", va="center", fontsize=9, color="white" if dark else "black",
                fontweight="bold" if ratio < 1 else "normal")
    ax.set(xticks=range(len(columns)), xticklabels=columns, yticks=range(len(rows)), yticklabels=rows,
           xlabel="columns", title=title)
    return image


def draw(rows: list[dict], path, said: str) -> None:
    sparse = list(dict.fromkeys(r["format"] for r in rows if r["density"] is not None))
    narrow = list(dict.fromkeys(r["format"] for r in rows if r["density"] is None))
    columns = list(dict.fromkeys(r["columns"] for r in rows))
    densities = list(dict.fromkeys(r["density"] for r in rows if r["density"] is not None))
    ratio = {(r["format"], r["density"], r["columns"]): r["ratio"] for r in rows}
    panels = len(sparse) + bool(narrow)
    figure, axes = pyplot.subplots(1, panels, figsize=(3.4 * panels + 1, 4), layout="constrained", squeeze=False)
    for ax, name in zip(axes[0], sparse):
        cells = np.array([[ratio[name, density, n] for n in columns] for density in densities])
        image = panel(ax, cells, [f"{d:g}" for d in densities], columns, name)
        ax.set_ylabel("density")
    if narrow:
        cells = np.array([[ratio[name, None, n] for n in columns] for name in narrow])
        image = panel(axes[0, -1], cells, narrow, columns, "dense, of few bits")
    bar = figure.colorbar(image, ax=axes, ticks=range(-WIDEST, WIDEST + 1))
    bar.ax.set_yticklabels([f"{2.0**p:g}" for p in range(-WIDEST, WIDEST + 1)])
    bar.set_label("best dense time over ours")
    figure.suptitle(f"Compressed weights against the best dense float32 product, {said}; bold: we lose", fontsize=11)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
