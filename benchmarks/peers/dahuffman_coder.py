"""dahuffman: Huffman coding in Python, for a code made once from the symbols."""

import numpy as np
from dahuffman import HuffmanCodec

from .streams import coder

_CODECS, MOST = {}, 2**17


def _encode(symbols):
    if len(symbols) > MOST:
        raise ValueError(f"more than {MOST} symbols take seconds")
    counts = np.bincount(symbols, minlength=256)
    codec = _CODECS.setdefault(
        counts.tobytes(), HuffmanCodec.from_frequencies({s: int(n) for s, n in enumerate(counts) if n})
    )
    return counts.tobytes() + codec.encode(symbols.tolist())


def _decode(data):
    return np.array(_CODECS[bytes(data[:2048])].decode(data[2048:]), np.uint8)


PEERS = coder("dahuffman", _encode, _decode)
