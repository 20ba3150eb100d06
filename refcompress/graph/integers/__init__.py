"""Networks on integers: the ranges of their values, and what stands in the place of each float node.

``to_integers`` is the whole of it. What an integer node computes is written in graph/operations/integers.py and
integer_products.py, and in FORMAT.md under "Integer nodes".
"""

from .lowering import to_integers
from .report import Became, Integers

__all__ = ["Became", "Integers", "to_integers"]
