"""The huffman family."""

from .lengths import huffman_code, huffman_lengths
from .stream import huffman_decode, huffman_encode

__all__ = [
    "huffman_code", "huffman_lengths",
    "huffman_decode", "huffman_encode",
]
