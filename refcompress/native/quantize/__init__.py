"""The quantize family.

kernels.py         quantize_s8, quantize_s16, their inverses and quantize_range_minmax in C
ranges.py          the other ranges, in NumPy and by the kernels
packing.py         quantize_pack and quantize_unpack in C
requantization.py  requantize_s32, quantize_bias_s32 and its inverse in C
few_levels.py      quantize_binary and quantize_ternary in C
changes.py         quantize_changes in C
"""

from .changes import quantize_changes
from .few_levels import quantize_binary, quantize_ternary
from .kernels import dequantize_s8, dequantize_s16, quantize_range_minmax, quantize_s8, quantize_s16
from .packing import quantize_pack, quantize_unpack
from .ranges import quantize_range_kl, quantize_range_mse, quantize_range_percentile
from .requantization import dequantize_bias_s32, quantize_bias_s32, requantize_s32

__all__ = [
    "quantize_s8", "dequantize_s8", "quantize_s16", "dequantize_s16", "quantize_range_minmax",
    "quantize_range_percentile", "quantize_range_mse", "quantize_range_kl",
    "quantize_pack", "quantize_unpack",
    "requantize_s32", "quantize_bias_s32", "dequantize_bias_s32",
    "quantize_binary", "quantize_ternary",
    "quantize_changes",
]
