"""The nn family.

rows.py       nn_activation, nn_softmax and the norms in C
windows.py    nn_patches, the pools and nn_depthwise_f32 in C
integers.py   what stands between the products of an integer network, in C
"""

from .integers import nn_add_s8, nn_average_pool_s8, nn_depthwise_s8, nn_lookup_s8, nn_multiply_s8
from .rows import nn_activation, nn_layer_norm, nn_rms_norm, nn_softmax
from .windows import nn_average_pool, nn_depthwise_f32, nn_max_pool, nn_patches

__all__ = [
    "nn_activation",
    "nn_softmax", "nn_layer_norm", "nn_rms_norm",
    "nn_patches", "nn_max_pool", "nn_average_pool",
    "nn_depthwise_f32",
    "nn_depthwise_s8", "nn_average_pool_s8", "nn_add_s8", "nn_multiply_s8", "nn_lookup_s8",
]
