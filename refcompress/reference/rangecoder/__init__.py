"""Entropy coding by fractions of a bit, in the order to read:

- ``coder.py``: an interval that each bit splits, the bytes that name a number in it, and how they end.
- ``model.py``: the probability of the next bit of a matrix: contexts, slots that follow the bits, logits mixed.
- ``lanes.py``: a model of sixteen rows side by side, and its steps.
- ``matrix.py``: both together: how a matrix of codes that are mostly 0 becomes bytes, and comes back.
"""

from .matrix import rangecoder_decode, rangecoder_encode

__all__ = [
    "rangecoder_encode", "rangecoder_decode",
]
