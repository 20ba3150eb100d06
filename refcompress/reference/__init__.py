"""The reference: every operation in NumPy, a folder for each family, written as its paper writes it.

The arithmetic is IEEE 754's, whatever ``np.seterr`` says. NumPy computes in the mode of the floating-point unit that it finds:
where another library has set another rounding than to nearest, or that subnormals become zeros, results have other bits
(:mod:`refcompress.native` sets the default mode around each call).
"""

from . import allocate, csr, floats, gemm, huffman, lowrank, prune, quantize, rangecoder, share
from .allocate import *  # noqa: F403
from .csr import *  # noqa: F403
from .floats import *  # noqa: F403
from .gemm import *  # noqa: F403
from .huffman import *  # noqa: F403
from .lowrank import *  # noqa: F403
from .prune import *  # noqa: F403
from .quantize import *  # noqa: F403
from .rangecoder import *  # noqa: F403
from .share import *  # noqa: F403

__all__ = sorted(name for family in (
    prune, share, quantize, floats, allocate, lowrank, csr, gemm, huffman, rangecoder,
) for name in family.__all__)
