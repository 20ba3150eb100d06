"""The reference: every operation in NumPy, one file a family, written as its paper writes it."""

from . import allocate, allocate_sensitivity, allocate_within, csr, gemm, gemm_mixed, huffman, huffman_stream, lowrank, prune
from . import prune_hessian, prune_layerwise, prune_scores, quantize, quantize_grid, quantize_range, share
from .allocate import *  # noqa: F403
from .allocate_sensitivity import *  # noqa: F403
from .allocate_within import *  # noqa: F403
from .csr import *  # noqa: F403
from .gemm import *  # noqa: F403
from .gemm_mixed import *  # noqa: F403
from .huffman import *  # noqa: F403
from .huffman_stream import *  # noqa: F403
from .lowrank import *  # noqa: F403
from .prune import *  # noqa: F403
from .prune_hessian import *  # noqa: F403
from .prune_layerwise import *  # noqa: F403
from .prune_scores import *  # noqa: F403
from .quantize import *  # noqa: F403
from .quantize_grid import *  # noqa: F403
from .quantize_range import *  # noqa: F403
from .share import *  # noqa: F403

# The operations, and not the modules that hold them: these are reached as refcompress.reference.csr and so on.
FAMILIES = (allocate, allocate_sensitivity, allocate_within, csr, gemm, gemm_mixed, huffman, huffman_stream, lowrank, prune,
            prune_hessian, prune_layerwise, prune_scores, quantize, quantize_grid, quantize_range, share)
__all__ = [name for family in FAMILIES for name in family.__all__]
