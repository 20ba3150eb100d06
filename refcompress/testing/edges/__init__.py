"""Calls at the edges of each operation: long lengths, each option at its ends, values beside ties.

One file for each family, and three of quantize: values and options, ranges and few levels, layers. Eight for what
several share: odd codes, the last of many, ties, what only meets together, points that a clause settles in a few words,
windows, scales that are given, sums whose order is fixed. What is here is in :func:`refcompress.testing.samples` after
the sweep, cheap calls first.
"""

from collections.abc import Callable

from ..cases import Calls
from . import (
    choices,
    coders,
    fixed_sums,
    floats,
    gemm,
    given_scales,
    last,
    matrices,
    nn,
    odd_codes,
    prune,
    quantize,
    quantized_layers,
    ranges,
    stated,
    ties,
    together,
    windows,
)

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {}
for family in (odd_codes, last, ties, prune, choices, quantize, ranges, quantized_layers, floats, matrices, gemm,
               coders, nn, together, stated, windows, given_scales, fixed_sums):
    for op, edges in family.EDGES.items():
        EDGES[op] = EDGES.get(op, ()) + edges
