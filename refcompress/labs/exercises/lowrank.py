"""Labs of the family lowrank: the nearest matrix of a rank."""

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
