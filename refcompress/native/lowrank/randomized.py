"""lowrank_randomized with float32 products by gemm_f32f32."""

import math
from contextlib import nullcontext
from functools import wraps

import numpy as np

from ... import reference
from ...formats import LowRank
from ...reference.lowrank.range_finder import Randomized, gaussian, randomized_arguments
from ...reference.lowrank.truncated import signed
from .. import threads
from ..leading import WHOLE, is_small, nearly_leading, to_come_of
from .bounds import frobenius_bound, spectral_bound, squares
from .krylov import completed, in_krylov_space

SAFE = 24  # sums of 2**30 squares of numbers between 2**-24 and 2**24, times each other, stay in the range of float32


def lowrank_randomized(gemm_f32f32):
    """Return the operation lowrank_randomized with float32 products by gemm_f32f32.

    Of a small matrix the smaller product with itself is computed, and its leading eigenvectors, all of them where that
    is less work. Else blocks have a quarter of the rank, from 16 to 64 columns. More steps with
    fewer columns gain more a product; fewer steps with more columns take less time a product. Each block is made
    orthogonal to all before it (twice), as in the bidiagonalisation of Golub and Kahan. Sums of squares and small
    matrices are float64. All variants return the same bits, since the eigenvectors of the small matrices are LAPACK's
    in each.
    """

    @wraps(reference.lowrank_randomized)
    @np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
    def lowrank_randomized(w, *, rank, tolerance=1e-3, certify=True, failure=1e-10, block=None, seed=0):
        w, rank, tolerance, certify, failure, block, words = randomized_arguments(
            w, rank, tolerance, certify, failure, block, seed)
        whole = rank > 0 and block is None and min(w.shape) ** 2 <= WHOLE * rank
        block = min(max(rank // 4, 16), 64) if block is None else block
        with nullcontext() if whole else threads.without_blas():  # which takes a millisecond
            total, power = squares(w, threads.each), 0
            # Where squares might leave float32 a power of two takes w to about 1; it is put back at the end, exactly.
            # No element is above the norm, and the largest is not below the root of the mean square.
            if not 2.0**-SAFE * math.sqrt(w.size) < math.sqrt(total) < 2.0**SAFE:
                power = math.frexp(float(np.abs(w).max(initial=0)))[1]
            scaled = np.ldexp(w, -power) if power else w
            total = squares(scaled, threads.each) if power else total
            block = min(block, *w.shape) if w.size else 0
            if whole:
                def enough(energies, all):
                    return is_small(to_come_of(energies, all), energies[-1], all, tolerance)

                u, s, vt = (a.astype(np.float32) for a in nearly_leading(scaled, rank, words, enough))
                products = min(w.shape) + rank
            else:
                u, s, vt, products = in_krylov_space(gemm_f32f32, scaled, rank, total, tolerance, block, words)
            u, vt = signed(completed(u.T).T, completed(vt))
            factors = LowRank(u, np.ldexp(s, power), vt)
            if not certify:
                return Randomized(factors, math.inf, math.inf, products)
            tries = gaussian(words, math.ceil(-math.log10(failure)), w.shape[1]).T
            error = frobenius_bound(gemm_f32f32, scaled, u, s, vt)
            spectral = min(spectral_bound(scaled, total, u, s, vt, tries), error)
            lost = rank * 2.0**-149 if power < 0 else 0.0  # s, scaled back, may be rounded to a subnormal number
            return Randomized(factors, math.ldexp(error, power) + lost, math.ldexp(spectral, power) + lost,
                              products + tries.shape[1])

    return lowrank_randomized
