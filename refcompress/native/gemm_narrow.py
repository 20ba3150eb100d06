"""The products of float32 inputs by narrow weights: of the decoded weights, by the kernel of gemm_f32f32."""

from functools import wraps

from .. import reference
from ..reference.gemm.narrow import ACCEPTED, decoded, narrow_arguments

__all__ = list(ACCEPTED)


def _of_decoded(op: str):
    """Return the binder of a product that decodes its weights."""

    def bind(gemm_f32f32):
        @wraps(getattr(reference, op))
        def product(x, w):
            x, w = narrow_arguments(op, x, w)
            return gemm_f32f32(x, decoded(w))

        return product

    bind.__doc__ = f"Return the operation {op}, made of this gemm_f32f32."
    return bind


globals().update({op: _of_decoded(op) for op in ACCEPTED})
