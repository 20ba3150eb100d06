"""zstandard at level 1: on symbols without repetitions, Huffman coding (huff0)."""

import zstandard

from .streams import coder

PEERS = coder("zstandard, level 1", zstandard.ZstdCompressor(level=1).compress, zstandard.ZstdDecompressor().decompress)
