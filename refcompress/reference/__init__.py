"""The reference: every operation in NumPy, a folder for each family, written as its paper writes it.

A course in twelve lessons, each one file (the range coder three):

 1. ``prune/magnitude.py``       the weights of largest magnitude stay: a sort, and a rule for ties
 2. ``share/kmeans.py``          few values for all weights: Lloyd's steps, where clusters are segments
 3. ``quantize/integers.py``     int8: the range gives a scale and a zero point, and rounding has ties to even
 4. ``quantize/gptq.py``         rounding that corrects itself: other weights make up for each that was rounded
 5. ``quantize/awq.py``          scales for the inputs that matter, which the layer before takes back
 6. ``prune/obs.py``             Optimal Brain Surgeon: remove the cheapest weight, adjust the others, again
 7. ``prune/sparsegpt.py``       the same in one pass over the columns, for layers of any size
 8. ``lowrank/truncated.py``     the nearest matrix of a rank, by singular values
 9. ``lowrank/range_finder.py``  nearly the same from a few products with random vectors, with a certificate
10. ``huffman/lengths.py``       Huffman's tree of 1952, and package-merge where lengths have a limit
11. ``huffman/stream.py``        many queues of bits in one stream, so that a wide machine decodes them side by side
12. ``rangecoder/``              the interval (``coder.py``), the probabilities (``model.py``), the walk (``matrix.py``)

Lessons 4 to 7 know the inputs of a layer by one matrix: ``hessian.py`` says what it is. The docstring of each folder
lists its files in the order to read. Then come ``floats/`` (narrow floats and blocks that share a scale), ``ggml/``
(the blocks of GGUF files), ``allocate/`` (how many bits or ranks each layer gets), ``csr/``, ``sparse/`` and ``gemm/``
(products of what was compressed), ``planes/`` (what is kept bit for bit, made ready for Huffman's code), and ``nn/``
(what stands between the products of a network).

Bad arguments raise ArgumentTypeError (a wrong type or dtype) or RefcompressError, which name the argument, the element
and the rule. Docstrings list only exceptions that say more. ``one_form.py`` lists the names without a second form.

The arithmetic is IEEE 754's, whatever ``np.seterr`` says. NumPy computes in the mode of the floating-point unit that it
finds: where another library has set another rounding than to nearest, or that subnormals become zeros, results have
other bits (:mod:`refcompress.native` sets the default mode around each call).

A family is loaded by the first of its names that is asked for (PEP 562): who opens a file needs one or two of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what __getattr__ below finds, for tools that only read
    from .allocate import *  # noqa: F403
    from .csr import *  # noqa: F403
    from .floats import *  # noqa: F403
    from .gemm import *  # noqa: F403
    from .ggml import *  # noqa: F403
    from .huffman import *  # noqa: F403
    from .lowrank import *  # noqa: F403
    from .nn import *  # noqa: F403
    from .planes import *  # noqa: F403
    from .prune import *  # noqa: F403
    from .quantize import *  # noqa: F403
    from .rangecoder import *  # noqa: F403
    from .share import *  # noqa: F403
    from .sparse import *  # noqa: F403

FAMILIES = ("prune", "share", "quantize", "floats", "ggml", "allocate", "lowrank", "csr", "sparse", "gemm",
            "huffman", "rangecoder", "planes", "nn")


def __getattr__(name: str):
    """Return a family (reference.csr), or a name of one, which its first word says; any other name loads all."""
    if name in FAMILIES:
        return import_module(f"{__name__}.{name}")
    if name.startswith("__") and name != "__all__":  # what Python asks each module for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    public = globals()
    word = name.partition("_")[0].removeprefix("de").removeprefix("re")  # dequantize_s8, requantize_s32
    for family in [word] if word in FAMILIES else FAMILIES:
        module = import_module(f"{__name__}.{family}")
        public.update({each: getattr(module, each) for each in module.__all__})
    if name == "__all__":
        public["__all__"] = sorted(each for family in FAMILIES for each in public[family].__all__)
    if name in public:
        return public[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__getattr__("__all__"), *globals()})
