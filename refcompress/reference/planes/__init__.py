"""The bits of an array in planes, for lossless coding.

``elements.py``: exponents apart from the rest, and back. ``coded.py``: planes as the streams of a file.
"""

from .coded import planes_decode, planes_encode
from .elements import planes_join, planes_split

__all__ = ["planes_split", "planes_join", "planes_encode", "planes_decode"]
