"""All rewrites, in the order in which each serves the next."""

from ..model import Model
from .activations import gelu, hard_swish, silu
from .attention import attention
from .batch_norm import batch_norm
from .bias import bias
from .constants import fold
from .dead import dead, identities
from .editing import rewritten
from .layer_norm import layer_norm
from .numbers import numbers

__all__ = ["simplified"]


def simplified(model: Model) -> Model:
    """Return the model after all rewrites: constants folded, nodes that do nothing gone, patterns as one operation.

    What the parts promise holds for the whole: outputs differ by roundings alone.
    """
    return rewritten(model, fold, numbers, identities, bias, batch_norm, silu, hard_swish, gelu, layer_norm, attention,
                     dead)
