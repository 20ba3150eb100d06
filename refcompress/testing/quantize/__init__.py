"""The cases of the quantize family.

- :mod:`integers`: quantization to 8 and 16 bits and back: ties, both ends of the range, every sharing of scales.
- :mod:`ranges`: one large element among small ones at each place in turn, ties of ranks and errors, empty bins.
- :mod:`packing`: quantize_pack and quantize_unpack: every width, and rows that end inside a byte.
- :mod:`gptq`: layers with a Hessian: every length, every sharing of scales, groups that end inside a panel, zeros.
- :mod:`searches`: ranges that narrow, inputs that are scaled: outliers, ties, dead inputs.
- :mod:`requantization`: integer arithmetic between layers: ties, and both ends of int32.
- :mod:`few_levels`: two and three values: sums of every length, every sharing of scales, ties of magnitudes.
- :mod:`changes`: squared changes: every length of a sum and of its halves, the ends of parts.
- :mod:`adaround`: layers with a Hessian, few steps of the descent, zeros, dead inputs.
"""

from . import adaround, changes, few_levels, gptq, integers, packing, ranges, requantization, searches

CASES = (integers.CASES | ranges.CASES | packing.CASES | requantization.CASES | gptq.CASES | searches.CASES
         | few_levels.CASES | adaround.CASES | changes.CASES)
