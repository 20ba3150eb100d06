"""What the papers do with a whole network, as a graph: layers in their order, each on what the compressed ones give.

calibration.py   what the network is shown, checked
layers.py        its weights, and what a caller's rules say of each
matrices.py      a node as matrices, and the rows of its inputs
moments.py       what the error of a layer's output depends on
lockstep.py      the network as it came and the compressed one, node by node
fit.py           one layer rounded, with what to fall back on
quantize.py      quantize_network: GPTQ, AdaRound, clipping, bias correction
prune.py         prune_network: magnitude, Wanda, SparseGPT, OBS
folding.py       where a scale goes: into the layer before, or into a node that multiplies
scales.py        AWQ and SmoothQuant: one scale for all layers that take a value
versions.py      what a layer may become
allocate.py      allocate_network: bits, ranks and zeros within a budget
ties.py          atoms of axes, in classes that stay or go together
dependencies.py  which axes belong together, node by node; step.py, products.py and shapes.py have the rules
shrink.py        shrink_network: filters, channels, heads, hidden units go
orthogonal.py    matrices that spread a direction over all axes
streams.py       values that a rotation can go through
rotate.py        rotate_network: residual streams and heads without outliers
report.py        the rows that say what was done
"""

from .allocate import Allocated, allocate_network
from .prune import prune_network
from .quantize import quantize_network
from .report import Result, Row
from .rotate import Rotated, rotate_network
from .shrink import Shrunk, filter_norms, shrink_network, zeroed_network

__all__ = ["Allocated", "Result", "Rotated", "Row", "Shrunk", "allocate_network", "filter_norms", "prune_network",
           "quantize_network", "rotate_network", "shrink_network", "zeroed_network"]
