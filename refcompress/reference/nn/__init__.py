"""What stands between the products of a network. To be read in this order:

activation.py   functions of one number: exp, tanh, sigmoid, erf, gelu, silu
rows.py         functions of a row: softmax, layer norm, RMS norm, with the order of their sums
windows.py      where a kernel lies on an image: patches, and the pools
depthwise.py    a convolution of each channel by itself
integers.py     int8 by elements: addition, multiplication, any function as a table
integer_images.py   int8 images: a depthwise convolution and averages, by integers alone

All but the depthwise convolution promise every bit: the formulas are written in +, -, *, / and sqrt of float64, which
IEEE 754 rounds in one way everywhere, and one rounding to float32 comes last. NumPy's own exp and tanh differ from
processor to processor.
"""

from .activation import nn_activation
from .depthwise import nn_depthwise_f32
from .integer_images import nn_average_pool_s8, nn_depthwise_s8
from .integers import nn_add_s8, nn_lookup_s8, nn_multiply_s8
from .rows import nn_layer_norm, nn_rms_norm, nn_softmax
from .windows import nn_average_pool, nn_max_pool, nn_patches

__all__ = [
    "nn_activation",
    "nn_softmax", "nn_layer_norm", "nn_rms_norm",
    "nn_patches", "nn_max_pool", "nn_average_pool",
    "nn_depthwise_f32",
    "nn_add_s8", "nn_multiply_s8", "nn_lookup_s8", "nn_depthwise_s8", "nn_average_pool_s8",
]
