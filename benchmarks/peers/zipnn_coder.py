"""zipnn on plain bytes, which it takes for bfloat16: two streams, of every other byte."""

import zipnn

from .streams import coder

_CODER = zipnn.ZipNN(input_format="byte", threads=1)

# It writes into what it is given: hence the copies.
PEERS = coder(
    "zipnn", lambda symbols: _CODER.compress(bytearray(symbols)), lambda data: _CODER.decompress(bytearray(data))
)
