"""Entropy coding by whole bits, in the order to read:

- ``lengths.py``: which code lengths take the fewest bits: Huffman's tree, then package-merge for a limit; the canonical code.
- ``stream.py``: the bits of many symbols as words, in lanes that a wide machine decodes side by side.
"""

from .lengths import huffman_code, huffman_lengths
from .stream import huffman_decode, huffman_encode

__all__ = [
    "huffman_lengths", "huffman_code",
    "huffman_encode", "huffman_decode",
]
