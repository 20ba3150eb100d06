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
(the blocks of GGUF files), ``allocate/`` (how many bits or ranks each layer gets), ``csr/`` and ``gemm/`` (products of
what was compressed), and ``planes/`` (what is kept bit for bit, made ready for Huffman's code).

Bad arguments raise ArgumentTypeError (a wrong type or dtype) or RefcompressError, which name the argument, the element
and the rule. Docstrings list only exceptions that say more. ``one_form.py`` lists the names without a second form.

The arithmetic is IEEE 754's, whatever ``np.seterr`` says. NumPy computes in the mode of the floating-point unit that it
finds: where another library has set another rounding than to nearest, or that subnormals become zeros, results have
other bits (:mod:`refcompress.native` sets the default mode around each call).
"""

from . import allocate, csr, floats, gemm, ggml, huffman, lowrank, planes, prune, quantize, rangecoder, share
from .allocate import *  # noqa: F403
from .csr import *  # noqa: F403
from .floats import *  # noqa: F403
from .gemm import *  # noqa: F403
from .ggml import *  # noqa: F403
from .huffman import *  # noqa: F403
from .lowrank import *  # noqa: F403
from .planes import *  # noqa: F403
from .prune import *  # noqa: F403
from .quantize import *  # noqa: F403
from .rangecoder import *  # noqa: F403
from .share import *  # noqa: F403

__all__ = sorted(name for family in (
    prune, share, quantize, floats, ggml, allocate, lowrank, csr, gemm, huffman, rangecoder, planes,
) for name in family.__all__)
