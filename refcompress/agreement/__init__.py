"""When two implementations agree: thirteen rules, each of which raises :class:`Disagreement` and returns nothing.

- ``exactly``: integers, codes, masks, labels and bytes.
- ``within_dot_bound(terms)``: float32 products; :mod:`terms` says for each of them which dot products it is made of.
- ``same_product``: a truncated SVD. ``near_best``: a low-rank approximation that may come near the optimum.
- ``near_outputs``: a matrix of low rank for the outputs of a layer.
- ``same_cost``: optima that may be reached in more than one way.
- ``least_divergence``: a range after which the distribution of the magnitudes loses the least.
- ``least_error``: a range whose grid has the least squared error.
- ``near_obs``, ``near_sparsegpt``, ``near_gptq``: layers whose weights are pruned or rounded by an inverse Hessian.
- ``near_fit``, ``near_clip``: layers that are rounded by the error of their outputs.

A rule is called as ``rule(expected, got, args, kwargs)``, with the result of the reference, the other result, and the
input of the operation.

Letters: m, n rows and columns of the result, k terms of a dot product, r rank, u the unit roundoff of float32.
"""

from . import terms
from .divergence import least_divergence
from .dot_bound import within_dot_bound
from .exact import Disagreement, NoBound, exactly
from .layer_fits import near_clip, near_fit, near_gptq
from .optimum import near_best, same_cost, same_product
from .outputs import near_outputs
from .pruned import near_obs, near_sparsegpt
from .range_errors import least_error

__all__ = [
    "Disagreement", "NoBound", "exactly", "least_divergence", "least_error", "near_best", "near_clip", "near_fit",
    "near_gptq", "near_obs", "near_outputs", "near_sparsegpt", "same_cost", "same_product", "terms",
    "within_dot_bound",
]

for _public in (Disagreement, NoBound):  # as users import them, and read them in a traceback
    _public.__module__ = __name__
