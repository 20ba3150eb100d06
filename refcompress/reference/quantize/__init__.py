"""Weights and activations as integers of few bits with scales. To be read in this order:

integers.py        to 8 or 16 bits and back: range, scale, zero point, rounding; scales for channels and for groups
scales.py          the scale and zero point of a range that was chosen beforehand
ranges.py          which range: all of it, a percentile, the least squared error, the least divergence
packing.py         values of 1 to 7 bits side by side in bytes
few_levels.py      one bit, and -1, 0, 1: signs and a mean
requantization.py  a layer by integers alone: its bias, and from int32 sums to the next layer's integers
layer.py           one layer and its quantized stand-in: rounding to nearest, and the error of the output
gptq.py            weights one input after the other; the others make up for the error
adaround.py        up or down by gradient descent
awq.py             inputs scaled by what the layer sees, before its weights are rounded
clip.py            a smaller range for each group, where the output gains by it
smooth.py          scales moved from the inputs to the weights, for both to be rounded
changes.py         what was lost: squared changes
bias.py            the mean of the output's error, taken off the bias
"""

from ..hessian import quantize_hessian
from .adaround import quantize_adaround
from .awq import quantize_awq
from .bias import quantize_bias
from .changes import quantize_changes
from .clip import quantize_clip
from .few_levels import quantize_binary, quantize_ternary
from .gptq import quantize_gptq
from .integers import dequantize_s8, dequantize_s16, quantize_s8, quantize_s16
from .layer import LayerFit, quantize_nearest
from .packing import quantize_pack, quantize_unpack
from .ranges import quantize_range_kl, quantize_range_minmax, quantize_range_mse, quantize_range_percentile
from .requantization import dequantize_bias_s32, quantize_bias_s32, quantize_multiplier, requantize_s32
from .scales import quantize_scale
from .smooth import quantize_smooth

__all__ = [
    "quantize_s8", "dequantize_s8", "quantize_s16", "dequantize_s16",
    "quantize_scale",
    "quantize_range_minmax", "quantize_range_percentile", "quantize_range_mse", "quantize_range_kl",
    "quantize_pack", "quantize_unpack",
    "quantize_binary", "quantize_ternary",
    "quantize_bias_s32", "dequantize_bias_s32", "quantize_multiplier", "requantize_s32",
    "LayerFit", "quantize_hessian", "quantize_nearest",
    "quantize_gptq",
    "quantize_adaround",
    "quantize_awq", "quantize_clip",
    "quantize_smooth",
    "quantize_bias",
    "quantize_changes",
]
