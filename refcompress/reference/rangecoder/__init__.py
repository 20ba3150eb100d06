"""The rangecoder family."""

from .coder import rangecoder_decode, rangecoder_encode

__all__ = [
    "rangecoder_decode", "rangecoder_encode",
]
