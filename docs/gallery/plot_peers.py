"""
Beside other libraries, and where sparse weights pay
====================================================

The first picture compares each operation with the fastest other library. The second says for which layers a product
with sparse weights is faster than a product with all weights. Both read the last recorded run of the benchmarks
(``results/bench/summary.json``).
"""

import json
from pathlib import Path

from classroom import COLOURS, GREY, annotated, picture

import refcompress

root = Path(refcompress.__file__).parents[1]
run = json.loads((root / "results" / "bench" / "summary.json").read_text())

# %%
# Each dot is an operation: how many times as fast as the fastest peer ours is, all cases together.

found = sorted(((ratio, op) for op, ratio in run["summary"].items()))
figure, ax = picture(width=7.5, height=0.28 * len(found) + 1, x="times as fast as the fastest peer", logarithmic="x")
ax.axvline(1, color=GREY, linewidth=1)
for row, (ratio, op) in enumerate(found):
    ax.plot(ratio, row, "o", color=COLOURS[0] if ratio >= 1 else COLOURS[1])
    ax.annotate(op, (ratio, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8)
ax.set(yticks=[], xticks=[0.0001, 0.001, 0.01, 0.1, 1, 10], xlim=(found[0][0] / 2, 100))
figure.set_label("A dot for each operation on a logarithmic axis of speed beside the fastest peer. Dots right "
                 "of one are quicker than every peer; dots left of it are slower than the best one.")

# %%
# Table 8 of "EIE" (Han et al. 2016) once more: the time of the sparse product over that of the dense one, for layers of
# AlexNet and VGG. Below 1 the sparse product is the quicker one.

rows = [row for row in run["table 8"] if "density" in row]
figure, ax = picture(width=7.5, height=4, y="time of sparse over dense", logarithmic="y")
for at, (batch, colour) in enumerate(zip(sorted({row["batch"] for row in rows}), COLOURS)):
    own = [row for row in rows if row["batch"] == batch]
    x = range(len(own))
    ratios = [row["sparse"] / row["dense"] for row in own]
    annotated(ax, list(x), ratios, f"batch {batch}", offset=(8, 0), colour=colour, marker="o", linestyle="")
    ax.set(xticks=list(x), xticklabels=[
        f"{row['layer'].replace(' ', chr(10), 1)}\n{100 * row['density']:.0f} %" for row in own])
ax.axhline(1, color=GREY, linewidth=1)
ax.set(yticks=[0.1, 0.2, 0.5, 1, 2])
ax.margins(x=0.12)
figure.set_label("For each layer of AlexNet and VGG two dots, one a batch: the time of the sparse product over "
                 "that of the dense one. Most lie below one.")
