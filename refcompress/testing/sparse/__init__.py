"""The cases of the sparse family.

- :mod:`matrices`: every format with every kind of values, and how Hypothesis draws them.
- :mod:`products`: sparse_matmul: stored zeros, empty rows, infinities beside what is not stored.
- :mod:`integers`: sparse_s8s8: scales of every shape, both ends of int8, sums that leave 16 bits.
"""

from . import integers, products
from .matrices import FORMS, dense, sparse

__all__ = ["CASES", "FORMS", "dense", "sparse"]

CASES = products.CASES | integers.CASES
