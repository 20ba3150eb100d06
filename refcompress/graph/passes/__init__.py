"""Rewrites of a network into a simpler one that computes the same: each takes a Model and gives another one.

Each says whether its outputs are the same bit for bit, or within which bound. Tensors keep their names.
"""

from .constants import with_folded_constants
from .dead import without_dead_nodes, without_identities
from .sizes import with_inputs, with_sizes

__all__ = ["with_folded_constants", "with_inputs", "with_sizes", "without_dead_nodes", "without_identities"]
