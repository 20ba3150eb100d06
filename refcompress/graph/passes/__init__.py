"""Rewrites of a network into a simpler one that computes the same: each takes a Model and gives another one.

Each says whether its outputs are the same bit for bit, or by which roundings they differ. Tensors keep their names.
"""

from .activations import with_gelus, with_hard_swishes, with_silus
from .attentions import with_attentions
from .batch_norms import without_batch_norms
from .biases import with_biases
from .constants import with_folded_constants
from .idle import without_dead_nodes, without_identities
from .layer_norms import with_layer_norms
from .order import simplified
from .parameters import with_numbers_as_attributes
from .sizes import with_inputs, with_sizes

__all__ = [
    "simplified", "with_attentions", "with_biases", "with_folded_constants", "with_gelus", "with_hard_swishes",
    "with_inputs", "with_layer_norms", "with_numbers_as_attributes", "with_silus", "with_sizes", "without_batch_norms",
    "without_dead_nodes", "without_identities",
]
