"""Anybody's model file, audited: where each byte goes, where its numbers come from, and what differs between two files.

Read in this order:

- ``stored.py``: a tensor as a file stores it; what an inspection returns
- ``book.py``: the spans of one file, which become a ledger
- ``ledgers/``: one file a format, that enters the spans; the walkers of ``models/`` say where they lie
- ``roles.py``: which tensors are the scales, zero points and codebooks of another one
- ``claims.py``, ``findings.py``: what names claim, beside what the bytes say
- ``bounds.py``: the entropy of each tensor's elements, and what zlib and zstd make of its bytes
- ``compare.py``: two files of any two formats, tensor by tensor
- ``derive/``: by which rule a quantized tensor comes from its source
- ``explain.py``: one tensor, or a small matrix, through every step with numbers
- ``report/``: a page that says all of this of one file
"""

from .ledgers import inspect
from .stored import Inspection, Stored

__all__ = ["Inspection", "Stored", "inspect"]
