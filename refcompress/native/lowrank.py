"""The lowrank family in C: lowrank_randomized, whose products are gemm_f32f32."""

from functools import wraps

from .. import reference
from ..reference.lowrank.range_finder import randomized
from . import threads

__all__ = ["lowrank_randomized"]


def lowrank_randomized(gemm_f32f32):
    """Return the operation lowrank_randomized with the products of gemm_f32f32."""

    @wraps(reference.lowrank_randomized)
    def lowrank_randomized(w, **settings):
        with threads.without_blas():
            return randomized(gemm_f32f32, w, each=threads.each, **settings)

    return lowrank_randomized
