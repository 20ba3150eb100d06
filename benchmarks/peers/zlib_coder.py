"""zlib, told to do nothing but Huffman coding."""

import zlib

from .streams import coder


def _encode(symbols):
    stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    return stream.compress(symbols) + stream.flush()


PEERS = coder("zlib, Huffman only", _encode, lambda data: zlib.decompress(data, -15))
