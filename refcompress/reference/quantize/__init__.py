"""The quantize family."""

from .adaround import quantize_adaround
from .awq import quantize_awq, quantize_clip
from .bias import quantize_bias
from .few_levels import quantize_binary, quantize_ternary
from .gptq import quantize_gptq
from .integers import dequantize_s16, dequantize_s8, quantize_s16, quantize_s8
from .layer import LayerFit, quantize_hessian, quantize_nearest
from .packing import quantize_pack, quantize_unpack
from .ranges import quantize_range_kl, quantize_range_minmax, quantize_range_mse, quantize_range_percentile
from .requantization import dequantize_bias_s32, quantize_bias_s32, quantize_multiplier, requantize_s32
from .scales import quantize_scale
from .smooth import quantize_smooth

__all__ = [
    "quantize_adaround",
    "quantize_awq", "quantize_clip",
    "quantize_bias",
    "quantize_binary", "quantize_ternary",
    "quantize_gptq",
    "dequantize_s16", "dequantize_s8", "quantize_s16", "quantize_s8",
    "LayerFit", "quantize_hessian", "quantize_nearest",
    "quantize_pack", "quantize_unpack",
    "quantize_range_kl", "quantize_range_minmax", "quantize_range_mse", "quantize_range_percentile",
    "dequantize_bias_s32", "quantize_bias_s32", "quantize_multiplier", "requantize_s32",
    "quantize_scale",
    "quantize_smooth",
]
