"""
A Huffman tree
==============

Take the two smallest counts, join them, and put the sum back. Repeat this until one count is left. The code of a symbol
is the way from the root to it: 0 is left, and 1 is right. Frequent symbols are near the root, so their codes are short.
"""

import heapq

import numpy as np
from classroom import COLOURS, GREY, picture

import refcompress as rc

symbols, counts = "abcdef", np.array([45, 13, 12, 16, 9, 5])
heap = [(int(count), symbol, ()) for count, symbol in zip(counts, symbols)]
heapq.heapify(heap)
while len(heap) > 1:
    small, next_ = heapq.heappop(heap), heapq.heappop(heap)
    heapq.heappush(heap, (small[0] + next_[0], small[1] + next_[1], (small, next_)))

figure, ax = picture(width=7, height=4.4)
depths, places = {}, iter(range(len(symbols)))


def draw(node, depth=0):
    """Draw a node under its children, and return where it stands."""
    count, name, children = node
    if not children:
        depths[name], x = depth, next(places)
        ax.text(x, -depth, f"{name}\n{count}", ha="center", va="center", color="white",
                bbox={"boxstyle": "circle", "facecolor": COLOURS[0], "edgecolor": "none"})
        return x
    ends = [draw(child, depth + 1) for child in children]
    x = sum(ends) / 2
    for bit, end in enumerate(ends):
        ax.plot([x, end], [-depth, -depth - 1], color=GREY, zorder=0)
        ax.text((x + end) / 2 + (0.12 if bit else -0.12), -depth - 0.5, str(bit), ha="center", va="center",
                color=COLOURS[1])
    ax.text(x, -depth, str(count), ha="center", va="center",
            bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": GREY})
    return x


draw(heap[0])
ax.set_axis_off()
ax.set(xlim=(-0.6, 5.6), ylim=(-4.6, 0.5))
lengths = rc.huffman_lengths(counts)
assert counts @ lengths == sum(count * depths[s] for s, count in zip(symbols, counts))
ax.set_title(f"{counts @ lengths / counts.sum():.2f} bits a symbol; three bits without the tree")
figure.set_label("A binary tree over six symbols. The symbol a, with count 45, hangs right under the root; the "
                 "rarest two, e and f, are four steps away. Edges are labelled 0 and 1.")
