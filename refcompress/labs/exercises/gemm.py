"""Labs of the family gemm: products of integers."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain, where


def _sums(failure: Failure) -> np.ndarray:
    x, w = failure.given["x"].astype(np.int64), failure.given["w"].astype(np.int64)
    return (x - int(failure.given.get("x_zero_point", 0))) @ w.T


def _wrapped(bits: int):
    def holds(failure: Failure) -> bool:
        got, half = np.asarray(failure.got).astype(np.int64), 2 ** (bits - 1)
        return not np.array_equal(got, _sums(failure)) and np.array_equal(
            (got + half) % 2**bits, (_sums(failure) + half) % 2**bits)
    return holds


def _not_exact(failure: Failure) -> bool:
    far = np.abs(np.asarray(failure.got).astype(np.int64) - _sums(failure))
    return bool((np.abs(_sums(failure)) >= 2**24).any() and far.max(initial=0) < 2**12)


LABS: list[Lab] = [Lab(
    "gemm_s8s8", None,
    "Multiply matrices of int8 so that no sum is rounded, wraps or saturates.",
    "GEMM-3.1",
    (plain("matrices of int8", "x_zero_point"), plain("the option `x_zero_point`", name="all options"), FULL),
    (Mistake("no inputs", "The inner length k is 0.", "GEMM-1.1",
             ("What is a sum of no terms?",), where(lambda failure: failure.given["x"].shape[1:] == (0,))),
     Mistake("zero point", "A zero point is given.", "GEMM-3.1",
             ("From what is the zero point taken, and in which type? -128 - 127 is no int8.",
              "Subtract it from each x before the product, or its share of each sum after it."),
             where(lambda failure: bool(failure.given.get("x_zero_point", 0)))),
     Mistake("wraps", "The sums wrap: they are right modulo 256 or 65,536.", "GEMM-3.2",
             ("In which type does NumPy multiply two arrays of int8?",
              "127 * 127 needs 14 bits and a sign. When do you convert, before the product or after it?"),
             lambda failure: _wrapped(8)(failure) or _wrapped(16)(failure)),
     Mistake("rounded sums", "Large sums are off by a few units.", "GEMM-1.4",
             ("Which integers does a float32 hold exactly?",
              "Sums of int8 products pass 2**24 from about a thousand inputs on."), _not_exact),
     Mistake("-128", "An operand holds -128.", "GEMM-3.3",
             ("-128 has no counterpart in int8: `-x` and `abs(x)` of it are -128 again.",),
             where(lambda failure: "-128" in failure.like.values))))]
