"""The cases of the gemm family.

- :mod:`products`: the products: integers whose sums are exact, and floats whose sums round.
- :mod:`mixed`: gemm_f32mixed: parts of 8 and 16 bits along either axis, either part empty at times.
"""

from . import mixed, products

CASES = products.CASES | mixed.CASES
