"""The blocks of weights of ggml, which GGUF files hold.

blocks.py    decoding all types, and encoding Q8_0 and Q4_0 by ggml's own rules

What the bytes of each type mean stands in ``formats/ggml/``, a file for each idea.
"""

from .blocks import ggml_decode, ggml_encode

__all__ = ["ggml_encode", "ggml_decode"]
