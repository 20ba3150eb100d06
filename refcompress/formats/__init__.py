"""The formats of a compressed array: frozen, checked once when they are made, trusted everywhere after.

``.dense()`` gives the array that a format stands for, ``.nbytes`` the bytes of its arrays in memory (a file's bytes are
the container's business). ``.describe()`` says in a few words what is stored, and ``.product`` names the operation that
multiplies by it. An array handed in is kept if it is read-only and so is the memory it lies in, and copied otherwise,
so that nobody can change a format after it was checked.

Letters: m rows, n columns or outputs, k inputs, r rank.
"""

from .base import ArrayFormat, Format, is_array_format
from .bitmask import Bitmask
from .bsr import BSR
from .csr import CSR
from .element_types import ELEMENT_TYPES, ElementType
from .floats import FLOATS, MX, MX_ELEMENTS, NF4, FloatFormat
from .ggml import GGML_TYPES, GGMLBlocks, GGMLType
from .graph import Graph, Input, Node
from .huffman import MAX_CODE_LENGTH, Encoded, HuffmanCode
from .layer import QuantizedLayer
from .low_rank_and_sparse import LowRankSparse
from .lowrank import LowRank, LowRankConv, Tucker2
from .mixed import Mixed
from .nm import NM
from .nvfp4 import NVFP4
from .packed import Packed
from .plain import Plain
from .prepared import Prepared
from .quantized import Quantized
from .relative import Relative
from .sameness import same
from .shared import Shared

__all__ = [
    "Bitmask", "BSR", "NM", "Relative",
    "CSR", "ElementType", "Encoded", "FloatFormat", "Format", "GGMLBlocks", "GGMLType", "Graph", "HuffmanCode",
    "Input", "LowRank",
    "LowRankConv", "LowRankSparse", "MX", "Mixed", "NF4", "NVFP4", "Node", "Packed", "Plain", "Prepared", "Quantized",
    "QuantizedLayer", "Shared", "Tucker2",
    "ELEMENT_TYPES", "FLOATS", "GGML_TYPES", "MAX_CODE_LENGTH", "MX_ELEMENTS", "ArrayFormat", "is_array_format",
    "same",
]
