"""
Weights that share 16 values
============================

All weights of a layer are written with 16 values. k-means puts the values where many weights are. A grid of 16 even
steps puts most of its values where there are hardly any weights. (The heights of the histogram are logarithmic.)
"""

import numpy as np
from classroom import COLOURS, lenet, picture

import refcompress as rc

w = lenet().parameters["fc1.weight"]
shared = rc.share_kmeans(w, bits=4)
grid = np.linspace(w.min(), w.max(), 16)
nearest = grid[np.abs(w.ravel()[:, None] - grid).argmin(axis=1)]
errors = [float(np.sqrt(np.mean((w.ravel() - near) ** 2))) for near in (shared.dense().ravel(), nearest)]

figure, axes = picture(width=7.5, height=4.2, rows=2, x="weight")
for ax, values, error, colour, name in zip(axes, (shared.codebook, grid), errors, COLOURS,
                                           ("k-means", "even steps")):
    ax.hist(w.ravel(), bins=200, color="#BBBBBB", log=True)
    for value in values:
        ax.axvline(value, color=colour, linewidth=1)
    ax.set(yticks=[], title=f"{name}: root mean square error {error:.4f}", xlim=(w.min(), w.max()))
    ax.grid(False)
axes[0].set(xlabel="")
assert errors[0] < errors[1]
figure.set_label("Two histograms of the weights of a layer, on a logarithmic scale, with a peak at zero. "
                 "Above, the 16 values of k-means stand close together where the peak is. Below, 16 even "
                 "steps: most of them lie outside of the peak.")
