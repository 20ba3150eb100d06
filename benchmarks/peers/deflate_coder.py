"""libdeflate through the package deflate, level 1 (gzip)."""

import deflate

from .streams import coder

PEERS = coder(
    "libdeflate, level 1", lambda symbols: deflate.gzip_compress(symbols.tobytes(), 1), deflate.gzip_decompress
)
