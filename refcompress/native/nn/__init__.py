"""The nn family.

rows.py     nn_activation, nn_softmax and the norms in C
windows.py  nn_patches, the pools and nn_depthwise_f32 in C
"""

from .rows import nn_activation, nn_layer_norm, nn_rms_norm, nn_softmax
from .windows import nn_average_pool, nn_depthwise_f32, nn_max_pool, nn_patches

__all__ = [
    "nn_activation",
    "nn_softmax", "nn_layer_norm", "nn_rms_norm",
    "nn_patches", "nn_max_pool", "nn_average_pool",
    "nn_depthwise_f32",
]
