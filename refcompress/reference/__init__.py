"""The reference: every operation in NumPy, one file a family, written as its paper writes it."""

from . import (allocate, allocate_sensitivity, csr, gemm, huffman, huffman_stream, lowrank, prune, prune_hessian,
               prune_layerwise, prune_scores, quantize, quantize_adaround, quantize_awq, quantize_bias, quantize_gptq,
               quantize_grid, quantize_integer, quantize_layer, quantize_packed, quantize_range, quantize_small,
               quantize_smooth, share)

# The operations, and not the modules that hold them: these are reached as refcompress.reference.csr and so on.
# First, for from here on quantize_gptq, for one, is the function and no longer its module.
FAMILIES = (allocate, allocate_sensitivity, csr, gemm, huffman, huffman_stream, lowrank, prune, prune_hessian,
            prune_layerwise, prune_scores, quantize, quantize_adaround, quantize_awq, quantize_bias, quantize_gptq,
            quantize_grid, quantize_integer, quantize_layer, quantize_packed, quantize_range, quantize_small,
            quantize_smooth, share)
__all__ = [name for family in FAMILIES for name in family.__all__]

from .allocate import *  # noqa: F403
from .allocate_sensitivity import *  # noqa: F403
from .csr import *  # noqa: F403
from .gemm import *  # noqa: F403
from .huffman import *  # noqa: F403
from .huffman_stream import *  # noqa: F403
from .lowrank import *  # noqa: F403
from .prune import *  # noqa: F403
from .prune_hessian import *  # noqa: F403
from .prune_layerwise import *  # noqa: F403
from .prune_scores import *  # noqa: F403
from .quantize import *  # noqa: F403
from .quantize_adaround import *  # noqa: F403
from .quantize_awq import *  # noqa: F403
from .quantize_bias import *  # noqa: F403
from .quantize_gptq import *  # noqa: F403
from .quantize_grid import *  # noqa: F403
from .quantize_integer import *  # noqa: F403
from .quantize_layer import *  # noqa: F403
from .quantize_packed import *  # noqa: F403
from .quantize_range import *  # noqa: F403
from .quantize_small import *  # noqa: F403
from .quantize_smooth import *  # noqa: F403
from .share import *  # noqa: F403
