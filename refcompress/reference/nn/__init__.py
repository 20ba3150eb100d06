"""What stands between the products of a network. In the order to read:

integers         element by element on int8: addition, multiplication, any function as a table
integer_images   int8 images: depthwise convolution and averages
"""

from .integer_images import nn_average_pool_s8, nn_depthwise_s8
from .integers import nn_add_s8, nn_lookup_s8, nn_multiply_s8

__all__ = ["nn_depthwise_s8", "nn_average_pool_s8", "nn_add_s8", "nn_multiply_s8", "nn_lookup_s8"]
