"""The cases of the gemm family.

- :mod:`products`: the products: integers whose sums are exact, and floats whose sums round.
- :mod:`mixed`: gemm_f32mixed: parts of 8 and 16 bits along either axis, either part empty at times.
- :mod:`integers`: integer products with requantization, or with scales: ties, both ends, every shape of scales.
"""

from . import integers, mixed, products

CASES = products.CASES | mixed.CASES | integers.CASES
