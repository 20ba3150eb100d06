"""The reference: every operation in NumPy, one file a family, written as its paper writes it."""

from . import (csr, gemm, huffman, huffman_stream, lowrank, prune, quantize, quantize_grid, quantize_integer,
               quantize_packed, quantize_range, quantize_small, share)
from .csr import *  # noqa: F403
from .gemm import *  # noqa: F403
from .huffman import *  # noqa: F403
from .huffman_stream import *  # noqa: F403
from .lowrank import *  # noqa: F403
from .prune import *  # noqa: F403
from .quantize import *  # noqa: F403
from .quantize_grid import *  # noqa: F403
from .quantize_integer import *  # noqa: F403
from .quantize_packed import *  # noqa: F403
from .quantize_range import *  # noqa: F403
from .quantize_small import *  # noqa: F403
from .share import *  # noqa: F403

# The operations, and not the modules that hold them: these are reached as refcompress.reference.csr and so on.
_FAMILIES = (csr, gemm, huffman, huffman_stream, lowrank, prune, quantize, quantize_grid, quantize_integer,
             quantize_packed, quantize_range, quantize_small, share)
__all__ = [name for family in _FAMILIES for name in family.__all__]
