"""The reference: every operation in NumPy, one file a family, written as its paper writes it.

The arithmetic is IEEE 754's, whatever ``np.seterr`` says. NumPy computes in the mode of the floating-point unit that it finds:
where another library has set another rounding than to nearest, or that subnormals become zeros, results have other bits
(:mod:`refcompress.native` sets the default mode around each call).
"""

from .allocate import *  # noqa: F403
from .allocate_rank import *  # noqa: F403
from .allocate_sensitivity import *  # noqa: F403
from .allocate_within import *  # noqa: F403
from .csr import *  # noqa: F403
from .floats import *  # noqa: F403
from .floats_blocks import *  # noqa: F403
from .gemm import *  # noqa: F403
from .gemm_mixed import *  # noqa: F403
from .huffman import *  # noqa: F403
from .huffman_stream import *  # noqa: F403
from .lowrank import *  # noqa: F403
from .lowrank_conv import *  # noqa: F403
from .lowrank_randomized import *  # noqa: F403
from .lowrank_relu import *  # noqa: F403
from .lowrank_whitened import *  # noqa: F403
from .prune import *  # noqa: F403
from .prune_hessian import *  # noqa: F403
from .prune_layerwise import *  # noqa: F403
from .prune_project import *  # noqa: F403
from .prune_scores import *  # noqa: F403
from .prune_units import *  # noqa: F403
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
from .rangecoder import *  # noqa: F403
from .share import *  # noqa: F403
from .share_optimal import *  # noqa: F403

# The operations, and not the modules that hold them: these are reached as refcompress.reference.csr and so on (but for
# those that hold one operation of their own name, such as quantize_gptq).
__all__ = sorted(name for name, value in globals().items()
                 if callable(value) and getattr(value, "__module__", "").startswith(f"{__name__}."))
