"""Labs of the family lowrank: the nearest matrix of a rank, and one that is nearly as near."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain


def _only_signs(failure: Failure) -> bool:
    return "must be positive" in failure.reason


def _other_rank(failure: Failure) -> bool:
    return "rank" in failure.reason and failure.got.rank != failure.expected.rank


LABS: list[Lab] = [Lab(
    "lowrank_svd", 8,
    "Find the nearest matrix of a rank, as two thin matrices and their singular values.",
    "LOWRANK-2.1",
    (plain("a rank that is given", "energy", "error", "nbytes"),
     plain("`energy`, `error` or `nbytes` in place of the rank", name="all options"), FULL),
    (Mistake("zero matrix", "The matrix is zero.", "LOWRANK-2.3",
             ("How many singular values are needed to hold the energy of a zero matrix?",),
             lambda failure: not np.any(failure.given["w"]) and "zeros alone" in failure.pattern),
     Mistake("rank", "The rank is another one.", "LOWRANK-2.2",
             ("Which of the options is given? Compute by hand which r it asks for, on the input that is shown.",
              "Energy is a sum of squares. Is the last r that does not reach it yours, or the first that does?",
              "Equality is enough in each of the conditions."), _other_rank),
     Mistake("signs", "A column of u has the wrong sign.", "LOWRANK-1.2",
             ("u[:, i] and vt[i] can both change their sign, and the product stays. Which sign is the right one?",
              "Find in each column of u the entry of largest magnitude. What must be true of it?",
              "If a column of u changes its sign, what must happen to the row of vt?"), _only_signs),
     Mistake("float32", "The factors or the product are less exact than they must be.", "LOWRANK-2.1",
             ("In which type does `np.linalg.svd` compute, if its argument is float32?",
              "Decompose in float64, and round each factor once."),
             lambda failure: "result.u" in failure.reason or "result.vt" in failure.reason
             or "result.s" in failure.reason or "is off by" in failure.reason)),
    uses=("from refcompress import LowRank",))]


# lowrank_randomized

def _says(*words: str):
    return lambda failure: any(word in failure.reason for word in words)


LABS.append(Lab(
    "lowrank_randomized", 9,
    "Find a matrix of a rank that is nearly the nearest, from products with random vectors, and say how far off it is. "
    "Do without the decomposition of w as a whole.",
    "LOWRANK-3.1",
    (plain("the rank, with the default tolerance and block", "tolerance", "block"),
     plain("`tolerance`, `block` and `certify`", name="all options"), FULL),
    (Mistake("rank", "The factors have another shape or rank.", "LOWRANK-3.3",
             ("How many columns has u, if the rank is 2? And if it is 0?",
              "A matrix of zeros has as many singular values as any other."), _says("result.factors: got shape")),
     Mistake("signs", "A column of u has the wrong sign.", "LOWRANK-1.2",
             ("u[:, i] and vt[i] can both change their sign, and the product stays. Which sign is the right one?",
              "Find in each column of u the entry of largest magnitude. What must be true of it?"),
             _says("must be positive")),
     Mistake("orthonormal", "The columns of u, or the rows of vt, are not orthonormal.", "LOWRANK-1.1",
             ("Multiply q.T by q. Is it the identity, also for a matrix of low rank?",
              "Powers of w have columns that all point to the same side. Where do you make them orthonormal?",
              "u is a product of two matrices. Which two, and are the columns of both orthonormal?"),
             _says("u.T @ u", "vt @ vt.T")),
     Mistake("order", "The singular values do not descend.", "LOWRANK-1.1",
             ("In which order does the decomposition of the small matrix give them?",), _says("not increasing")),
     Mistake("certificate", "The matrix is good, and its certificate promises too much: the true error is larger.",
             "LOWRANK-3.2",
             ("Of which factors is the error measured: of those in float64, or of the rounded ones that you return?",
              "The sum of the squares that were left out is the error of an exact decomposition. Is yours one?",
              "For `spectral`: one random vector seldom points to where the error is largest. By how much must the "
              "largest length be multiplied? The docstring has the factor, and the number of vectors."),
             _says("result.frobenius", "result.spectral")),
     Mistake("error", "A matrix of this rank comes nearer to w.", "LOWRANK-3.1",
             ("Make a matrix of which the singular values fall slowly. How far off is your result?",
              "One product with random vectors finds a space that leans towards the largest singular vectors, and no "
              "more. What makes it lean further?",
              "The docstring's q has more columns than those of w g. Where do the others come from?",
              "How do you know when there are enough? Compare what one more block has gained with the tolerance."),
             _says("off by"))),
    uses=("from refcompress import LowRank, Randomized",)))
