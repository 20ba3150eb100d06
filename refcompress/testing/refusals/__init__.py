"""Calls that an operation must refuse; the reference says with which exception, and about which argument."""

from . import csr, floats, gemm, huffman, lowrank, prune, quantize, rangecoder, share

REFUSALS = {
    **csr.REFUSALS,
    **floats.REFUSALS,
    **gemm.REFUSALS,
    **huffman.REFUSALS,
    **lowrank.REFUSALS,
    **prune.REFUSALS,
    **quantize.REFUSALS,
    **rangecoder.REFUSALS,
    **share.REFUSALS,
}


def refusals(op: str):
    """Yield (args, kwargs) that the operation ``op`` must refuse."""
    yield from REFUSALS[op]()
