"""Entropy coding by whole bits, in the order to read:

- ``counts.py``: how often each symbol occurs.
- ``lengths.py``: the code lengths that take the fewest bits, by Huffman's tree, then under a limit; the canonical code.
- ``blocks.py``: where a sequence changes, so that its parts have codes of their own.
- ``stream.py``: the bits of many symbols as words, in lanes that a wide machine decodes side by side.
"""

from .blocks import huffman_blocks
from .counts import huffman_counts
from .lengths import huffman_code, huffman_lengths
from .stream import huffman_decode, huffman_encode

__all__ = [
    "huffman_counts", "huffman_blocks", "huffman_lengths", "huffman_code",
    "huffman_encode", "huffman_decode",
]
