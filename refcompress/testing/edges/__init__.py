"""Calls at the edges of each operation: long lengths, each option at its ends, values beside ties.

One file for each family. What is here is in :func:`refcompress.testing.samples` after the sweep, cheap calls first.
"""

from collections.abc import Callable

from ..cases import Calls
from . import choices, coders, floats, gemm, matrices, nn, prune, quantize

EDGES: dict[str, tuple[Callable[[], Calls], ...]] = {
    op: edges for family in (prune, choices, quantize, floats, matrices, gemm, coders, nn)
    for op, edges in family.EDGES.items()}
