"""
What four bits can say
======================

Four bits have sixteen patterns, and each stands for a number. Formats differ in the numbers that they choose. Each row
is scaled so that its largest number is 1.
"""

import numpy as np
from classroom import COLOURS, picture

import refcompress as rc

codes = np.arange(16, dtype=np.uint8)
fp4 = np.unique(rc.floats_decode(codes, "fp4_e2m1"))
probe = np.linspace(-1, 1, 20001, dtype=np.float32)[None]
nf4 = np.unique(rc.floats_nf4_decode(rc.floats_nf4_encode(probe, block=probe.size)))
sample = np.random.default_rng(0).standard_normal(20000, dtype=np.float32)
shared = rc.share_kmeans(sample, bits=4).codebook
rows = {"int4": np.arange(-7, 8), "fp4 (e2m1)": fp4, "nf4": nf4, "k-means of\nnormal weights": shared}

figure, ax = picture(width=7.5, height=3.2, x="number, as a share of the largest")
for row, ((name, values), colour) in enumerate(zip(rows.items(), COLOURS)):
    values = np.asarray(values, dtype=np.float64) / np.abs(values).max()
    ax.plot(values, np.full(values.size, row), "|", color=colour, markersize=22, markeredgewidth=2)
    ax.text(1.04, row, f"{values.size} numbers", va="center", color=colour, fontsize=8)
ax.set(yticks=range(len(rows)), yticklabels=rows, xlim=(-1.05, 1.3), xticks=[-1, -0.5, 0, 0.5, 1])
ax.set_ylim(len(rows) - 0.5, -0.6)
ax.grid(False, axis="y")
figure.set_label("Four rows of marks between minus one and one. int4 is evenly spaced. fp4 and nf4 are denser "
                 "around zero. The values that k-means finds for normal weights are densest around zero too.")
