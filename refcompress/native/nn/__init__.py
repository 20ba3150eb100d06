"""The nn family.

integers.py   what stands between the products of an integer network, in C
"""

from .integers import nn_add_s8, nn_average_pool_s8, nn_depthwise_s8, nn_lookup_s8, nn_multiply_s8

__all__ = ["nn_depthwise_s8", "nn_average_pool_s8", "nn_add_s8", "nn_multiply_s8", "nn_lookup_s8"]
