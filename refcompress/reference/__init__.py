"""The reference: every operation in NumPy, one file a family, written as its paper writes it."""

from .huffman import *  # noqa: F403
from .huffman_stream import *  # noqa: F403
