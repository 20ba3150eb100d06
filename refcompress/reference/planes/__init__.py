"""The bits of an array in planes, for lossless coding: ``elements.py``, exponents apart from the rest, and back."""

from .elements import planes_join, planes_split

__all__ = ["planes_split", "planes_join"]
