"""The cases of the gemm family.

- :mod:`products`: the products: integers whose sums are exact, and floats whose sums round.
- :mod:`mixed`: gemm_f32mixed: parts of 8 and 16 bits along either axis, either part empty at times.
- :mod:`narrow`, :mod:`narrow_cases`: float32 by narrow weights: the sweep they share; each product's weights and bugs.
- :mod:`bfloat16`: gemm_bf16bf16: numbers around the smallest one that is not flushed.
- :mod:`codes`: int8 inputs by weights of 4 bits: every shape of scales and codebooks, and sums that round.
- :mod:`integers`: integer products with requantization, or with scales: ties, both ends, every shape of scales.
"""

from . import bfloat16, codes, integers, mixed, narrow_cases, products

CASES = products.CASES | bfloat16.CASES | mixed.CASES | narrow_cases.CASES | integers.CASES | codes.CASES
