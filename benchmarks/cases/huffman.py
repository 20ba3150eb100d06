"""Huffman codes of streams of symbols."""

import numpy as np

from refcompress import reference

from .case import Case, normal

STREAM = 2**22  # symbols: too long for a second-level cache, short enough for the reference


def _codes(rng):
    """Codes of 16 clusters spread evenly over normal weights."""
    return np.clip(np.rint(normal(rng, STREAM) * 3 + 7.5), 0, 15).astype(np.uint8)


def _differences(rng):
    """Distances between the kept weights of a layer of density 0.09, in 5 bits."""
    return np.minimum(rng.geometric(0.09, STREAM) - 1, 31).astype(np.uint8)


def _exponents(rng):
    return (normal(rng, STREAM).view(np.uint32) >> 23 & 255).astype(np.uint8)


def _many_clusters(rng):
    """Codes of 256 clusters spread evenly over normal weights."""
    return np.clip(np.rint(normal(rng, STREAM) * 46 + 127.5), 0, 255).astype(np.uint8)


def _integers(rng):
    return np.clip(np.rint(normal(rng, STREAM) * 14), -127, 127).astype(np.int8).view(np.uint8)


STREAMS = {
    "16 clusters": _codes,
    "5-bit index differences": _differences,
    "bfloat16 exponents": _exponents,
    "int8 weights": _integers,
    "256 clusters": _many_clusters,
}


def _counted(symbols):
    return np.bincount(symbols, minlength=256)


def _coded(symbols):
    return symbols, reference.huffman_code(reference.huffman_lengths(_counted(symbols)))


def huffman(op, stream, symbols=STREAM, **flags):
    prepare = {
        "huffman_counts": lambda symbols: (symbols,),
        "huffman_blocks": lambda symbols: (symbols,),
        "huffman_lengths": lambda symbols: (_counted(symbols),),
        "huffman_code": lambda symbols: (reference.huffman_lengths(_counted(symbols)),),
        "huffman_encode": _coded,
        "huffman_decode": lambda symbols: (reference.huffman_encode(*_coded(symbols)),),
    }[op]
    whole = op in ("huffman_counts", "huffman_blocks", "huffman_encode", "huffman_decode")
    name = f"{stream}, {symbols >> 10:,} KiB" if whole else f"{stream}, 256 symbols"
    return Case(
        op, name, lambda rng: (prepare(STREAMS[stream](rng)[:symbols]), {}), 0, symbols if whole else 256 * 8, **flags
    )


CASES = [
    *(
        huffman(op, "16 clusters", quick=True)
        for op in ("huffman_counts", "huffman_blocks", "huffman_lengths", "huffman_code", "huffman_encode",
                   "huffman_decode")
    ),
    *(huffman(op, "16 clusters", symbols=2**16) for op in ("huffman_encode", "huffman_decode")),
    *(huffman(op, stream) for stream in list(STREAMS)[1:] for op in ("huffman_encode", "huffman_decode")),
]
