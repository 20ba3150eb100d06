"""
Structures of pruning
=====================

Half of the same matrix is pruned in five ways. A regular mask makes it simple to skip the zeros in a product. But
fewer of the largest weights stay.
"""

import numpy as np
from classroom import COLOURS, picture
from matplotlib.colors import ListedColormap

import refcompress as rc

w = np.random.default_rng(3).standard_normal((16, 16), dtype=np.float32)
scores = np.abs(w)
masks = {
    "elements": rc.prune_select(scores, sparsity=0.5),
    "2 of each 4": rc.prune_select(scores, structure="nm", n=2, m=4),
    "blocks of 4 x 4": rc.prune_select(scores, structure="block", block=(4, 4), sparsity=0.5),
    "rows": rc.prune_select(scores, structure="row", sparsity=0.5),
    "columns": rc.prune_select(scores, structure="column", sparsity=0.5),
}
figure, axes = picture(width=9, height=2.6, columns=len(masks))
kept = {}
for ax, (name, mask) in zip(axes, masks.items()):
    kept[name] = 100 * float((w[mask] ** 2).sum() / (w**2).sum())
    ax.imshow(mask, cmap=ListedColormap(["#EEEEEE", COLOURS[0]]), vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=f"{name}\n{kept[name]:.0f} % of the squares")
    ax.title.set_fontsize(9)
    ax.grid(False)
assert kept["elements"] >= kept["2 of each 4"] >= kept["blocks of 4 x 4"]
figure.set_label("Five masks of a matrix of 16 by 16, half of each filled: single elements, two of each four "
                 "in a row, blocks of four by four, whole rows, whole columns. The share of the sum of squares "
                 "that stays is written above each.")
