"""
Singular values, and the rank that is enough
============================================

A matrix of rank r is the product of two thin matrices. The squared error of the best such matrix is the sum of the
squares of all singular values after the r-th. A trained layer has a few singular values that are much larger than the
others. A random matrix of the same size has none.
"""

import numpy as np
from classroom import COLOURS, annotated, lenet, picture

w = lenet().parameters["fc1.weight"]
noise = np.random.default_rng(0).normal(0, w.std(), w.shape)
figure, (left, right) = picture(width=8.5, height=3.8, columns=2, x="rank")
for matrix, name, colour, at in ((w, "trained", COLOURS[0], 40), (noise, "random", COLOURS[1], 120)):
    s = np.linalg.svd(matrix, compute_uv=False)
    lost = 100 * np.sqrt(np.cumsum((s**2)[::-1])[::-1] / np.sum(s**2))
    annotated(left, np.arange(1, s.size + 1), s, name, at=at, offset=(6, 8), colour=colour)
    annotated(right, np.arange(s.size), lost, name, at=at, offset=(6, 8) if name == "random" else (-38, -8),
              colour=colour)
rows, columns = w.shape
right.axvline(rows * columns / (rows + columns), color="#767676", linewidth=0.8)
right.text(rows * columns / (rows + columns), 88, " from here on\n two factors have\n more numbers", fontsize=8,
           color="#767676")
left.set(ylabel="singular value", title="the first layer of LeNet-300-100")
right.set(ylabel="error of the best matrix of that rank, %", ylim=(0, 105), title="what is lost")
figure.set_label("Left: singular values in falling order. Those of the trained layer begin higher than those "
                 "of a random matrix, and fall below them. Right: the error of the best matrix of each rank; "
                 "the trained layer's is lower.")
