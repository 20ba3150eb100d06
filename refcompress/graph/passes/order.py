"""All rewrites, in the order in which each serves the next."""

from ..model import Model
from .activations import gelu, hard_swish, silu
from .attentions import attention
from .batch_norms import batch_norm
from .biases import bias
from .constants import fold
from .editing import rewritten
from .idle import dead, identities
from .layer_norms import layer_norm
from .parameters import numbers

__all__ = ["simplified"]


def simplified(model: Model) -> Model:
    """Return the model after all rewrites: constants folded, nodes that do nothing gone, patterns as one operation.

    What the parts promise holds for the whole: outputs differ by roundings alone.
    """
    return rewritten(model, fold, numbers, identities, bias, batch_norm, silu, hard_swish, gelu, layer_norm, attention,
                     dead)
