"""Hypothesis strategies for each operation's input: small, hostile, oddly laid out, and built so that they shrink well.

Lengths go up to 40: the long sweep of ``samples`` has gone before. Import this module only where Hypothesis is
installed.
"""

from hypothesis import strategies as st

from .. import layouts
from . import csr, floats, gemm, huffman, lowrank, prune, quantize, rangecoder, share

STRATEGIES = {
    **csr.STRATEGIES,
    **floats.STRATEGIES,
    **gemm.STRATEGIES,
    **huffman.STRATEGIES,
    **lowrank.STRATEGIES,
    **prune.STRATEGIES,
    **quantize.STRATEGIES,
    **rangecoder.STRATEGIES,
    **share.STRATEGIES,
}


def strategy(op: str):
    """Return the strategy of (args, kwargs) for the operation ``op``."""
    return st.builds(layouts.place, STRATEGIES[op](), st.sampled_from(layouts.LAYOUTS))
