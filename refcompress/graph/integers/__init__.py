"""Networks on integers: the ranges of their values, and what stands in the place of each float node.

``to_integers`` is the whole of it; ``sensitivities`` says which nodes had better stay float32. What an integer node
computes is written in graph/operations/integers.py, integer_products.py and integer_scaled.py, and in FORMAT.md under
"Integer nodes".
"""

from .lowering import to_integers
from .report import Became, Integers
from .sensitivity import Sensitivity, sensitivities

__all__ = ["Became", "Integers", "Sensitivity", "sensitivities", "to_integers"]
