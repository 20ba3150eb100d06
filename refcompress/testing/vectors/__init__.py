"""Inputs and right results of an operation as files, for kernels in any language: ``refcompress vectors OP -o DIR``.

``write`` makes the folder of an operation, ``read`` yields what is in one. :mod:`values` says how a value is written.
examples/vectors has a reader in C and one in JavaScript.
"""

from .reading import Case, read
from .writing import SCHEMA, write

__all__ = ["SCHEMA", "Case", "read", "write"]
