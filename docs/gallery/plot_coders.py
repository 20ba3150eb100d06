"""
Bits of a sparse layer, coder by coder
======================================

A layer of 300 x 784 weights is pruned, and the weights that stay share 16 values. A file must store the places of these
weights and their codes. The entropy is the least number of bits for a coder that knows only how often each code occurs.
"""

import numpy as np
from classroom import GREY, annotated, picture

import refcompress as rc

w = np.random.default_rng(0).standard_normal((300, 784), dtype=np.float32)
densities = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
mask_and_codes, huffman, bound = [], [], []
for density in densities:
    pruned = np.where(rc.prune_magnitude(w, sparsity=1 - density), w, np.float32(0))
    codes = rc.share_kmeans(pruned, bits=4, pruned=True).codes
    counts = rc.huffman_counts(codes.ravel())
    p = counts[counts > 0] / codes.size
    mask_and_codes.append(1 + 4 * density)
    huffman.append(float(counts @ rc.huffman_lengths(counts) / codes.size))
    bound.append(float(-(p * np.log2(p)).sum()))
percent = [100 * density for density in densities]

figure, ax = picture(x="weights kept, %", y="bits a weight", logarithmic="xy", width=7, height=4)
annotated(ax, percent, huffman, "Huffman's code\nof single weights", at=-1, offset=(8, 6), marker="s")
annotated(ax, percent, mask_and_codes, "a mask, and\n4 bits each", at=-2, offset=(-6, 14), marker="^")
annotated(ax, percent, bound, "entropy", at=-1, offset=(8, 0), colour=GREY, linestyle="--")
ax.set(xticks=percent, yticks=[0.2, 0.5, 1, 2, 3], xlim=(60, 1.1))
assert all(a <= b for a, b in zip(bound, huffman))
figure.set_label("Bits a weight against weights kept. All lines fall as fewer weights stay. Huffman's code "
                 "stops at one bit, for no symbol can have less. A mask with four bits for each kept weight "
                 "stops there too. Entropy goes on falling.")
