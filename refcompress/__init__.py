"""refcompress: every algorithm of neural-network compression written once to be read and once to be fast.

The names here are the NumPy functions of :mod:`refcompress.reference`, the frozen formats and the errors. The C kernels
are asked for by name: ``from refcompress import native``.
"""

from .errors import *  # noqa: F403
from .formats import (  # noqa: F401
    CSR, MX, NF4, Encoded, HuffmanCode, LowRank, LowRankConv, Mixed, Packed, Quantized, Shared, Tucker2,
)
from .reference import *  # noqa: F403

__version__ = "0.1.0"
