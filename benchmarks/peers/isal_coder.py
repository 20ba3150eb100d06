"""ISA-L's deflate, level 0."""

from isal import isal_zlib

from .streams import coder

PEERS = coder("isal, level 0", lambda symbols: isal_zlib.compress(symbols, 0), isal_zlib.decompress)
