"""Labs of the family prune: which weights stay, and what a weight is worth."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain, raised, where

LABS: list[Lab] = []


# prune_magnitude

def _joined(value) -> np.ndarray:
    """Return the elements of an array, or of all arrays of a dict, in one vector."""
    parts = value.values() if isinstance(value, dict) else [value]
    return np.concatenate([np.asarray(part).ravel() for part in parts]) if parts else np.zeros(0)


def _other_count(failure: Failure) -> bool:
    return int(_joined(failure.got).sum()) != int(_joined(failure.expected).sum())


def _keeps_none(failure: Failure) -> bool:
    """Return whether some weight stays, or none can be found, where there are weights and none should stay."""
    return failure.given.get("keep") == 0 and _joined(failure.given["w"]).size > 0 and (
        raised(failure) or _other_count(failure))


def _cut_by_threshold(failure: Failure) -> bool:
    """Return whether all weights of one magnitude stay or go together, where some of them should."""
    w, got, expected = (_joined(value) for value in (failure.given["w"], failure.got, failure.expected))
    magnitude, least = np.abs(w), np.abs(w[expected]).min()
    tied = bool((magnitude[~expected] == least).any())
    return tied and any(np.array_equal(got, above) for above in (magnitude >= least, magnitude > least))


def _same_magnitudes(failure: Failure) -> bool:
    """Return whether weights stay that are as large as those that should."""
    w, got, expected = (_joined(value) for value in (failure.given["w"], failure.got, failure.expected))
    return np.array_equal(np.sort(np.abs(w[got])), np.sort(np.abs(w[expected])))


def _without_sign(failure: Failure) -> bool:
    """Return whether the weights stay that are largest with their signs."""
    w, got = _joined(failure.given["w"]), _joined(failure.got)
    return np.array_equal(np.sort(w[got]), np.sort(w)[len(w) - int(got.sum()) :])


LABS.append(Lab(
    "prune_magnitude", 1,
    "Keep the largest weights of a layer, and say by a mask which ones.",
    "PRUNE-2.1",
    (plain("one array, and the count `keep`", "sparsity", "w"),
     plain("`sparsity` in place of `keep`, and dicts of arrays", name="all options"), FULL),
    (Mistake("count of a share", "The number of weights that stay is another one: `sparsity` was given.", "PRUNE-1.2",
             ("The docstring says how many weights go. How is that number rounded?",
              "Half of 5 weights is 2.5. Which integer is that, by the rule of ties?",
              "`int()` cuts, and `round` of a sum or difference is not the difference of rounds: round the pruned "
              "count itself."),
             lambda failure: "sparsity" in failure.given and _other_count(failure)),
     Mistake("keep of 0", "With `keep=0` no weight may stay.", "PRUNE-2.1",
             ("What should come out with keep=0? Call your function with it, and look.",
              "Which index or slice is made from `keep`? `a[-0]` is the first element, and `a[-0:]` is all of them.",
              "If no weight stays, there is no smallest one that stays. Answer this case before all others."),
             where(_keeps_none)),
     Mistake("count of ties", "The number of weights that stay is not `keep`: some have the same magnitude.",
             "PRUNE-2.1",
             ("How many weights stay if several have the same magnitude as the smallest one that stays?",
              "A threshold cannot cut between two equal numbers. What can?",
              "Without a sort: keep all weights above the threshold, and of those at the threshold as many as are "
              "missing, the first ones. With a sort: take the first `keep` of the ranking."),
             _cut_by_threshold),
     Mistake("count", "The number of weights that stay is not `keep`.", "PRUNE-2.1",
             ("How many entries of your mask are True on the input that is shown, and how many should be? Try keep=0 "
              "too, and as many as there are weights.",
              "Print the threshold, or the ranking, and compare it with the magnitudes of the input.",
              "The threshold is the magnitude of the last weight that stays. Is your index off by one?"),
             _other_count),
     Mistake("ties", "Two weights have the same magnitude, and the other one of them must stay.", "PRUNE-1.3",
             ("Read the formula again: what does it say of ties?",
              "A sort that is not stable may put equal elements in any order.",
              "If you sort upwards and turn the result round, equal elements come in the order of the highest index."),
             _same_magnitudes),
     Mistake("signs", "A negative weight is taken for a small one.", "PRUNE-2.1",
             ("Which is larger in magnitude, 2 or -3?",),
             _without_sign)),
    more="The lesson shows the whole reference, which sorts. So write it as exercise 3 asks: without a sort, by "
         "`np.partition`."))


# prune_score_obd

def _factor(failure: Failure) -> bool:
    e = np.asarray(failure.expected, np.float64)
    ratio = np.asarray(failure.got, np.float64)[e != 0] / e[e != 0]
    return bool(len(ratio) and (ratio == ratio[0]).all() and ratio[0] in (2, 0.5, 4, 0.25))


def _signless(failure: Failure) -> bool:
    wrong = np.asarray(failure.got) != np.asarray(failure.expected)
    return bool((np.asarray(failure.given["diagonal"])[wrong] < 0).all())


def _nearly(failure: Failure) -> bool:
    """Return whether the results differ as those of few bits do, or overflow."""
    e, g = (np.asarray(value, np.float64) for value in (failure.expected, failure.got))
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(g - e) <= 1e-5 * np.abs(e)) | ~np.isfinite(g) | (np.abs(e) < 1e-30) | (e == g)
                           | np.isinf(e)))


LABS.append(Lab(
    "prune_score_obd", 6,
    "Say by how much the loss rises if a weight goes, as Optimal Brain Damage predicts it.",
    "PRUNE-5.1",
    (plain("weights and second derivatives of any type that is allowed"), FULL),
    (Mistake("factor", "Every score is off by the same factor.", "PRUNE-5.1",
             ("Compare your line with the formula in the docstring, sign by sign.",), _factor),
     Mistake("negative derivative", "A second derivative is negative.", "PRUNE-5.1",
             ("What does the docstring say of a negative second derivative?",
              "Nothing may take the sign away: no `abs`, no square of the whole."), _signless),
     Mistake("few bits", "The scores are nearly right: they were rounded too early, too often, or they overflow.",
             "PRUNE-5.1",
             ("In which type is the score computed, and how often is it rounded?",
              "A product of two float32 is exact in float64.",
              "Convert before the first product, and again after the last one."), _nearly))))


# prune_sparsegpt

BLOCK = 128  # columns, where nothing is said


def _many_columns(given: Mapping[str, Any]) -> bool:
    return given["w"].shape[1] > given.get("block", BLOCK)


def _masks_agree(failure: Failure) -> bool:
    return np.array_equal(failure.got[0], failure.expected[0])


def _not_zero(failure: Failure) -> bool:
    """Return whether a pruned weight is another number than +0.0."""
    pruned = failure.got[1][~failure.got[0]]
    return bool((pruned != 0).any() or np.signbit(pruned).any())


def _kept_counts_differ(failure: Failure) -> bool:
    return int(failure.got[0].sum()) != int(failure.expected[0].sum())


def _nearly_weights(failure: Failure) -> bool:
    got, expected = (fit[1].astype(np.float64) for fit in (failure.got, failure.expected))
    with np.errstate(all="ignore"):
        return _masks_agree(failure) and bool(
            (np.abs(got - expected) <= 1e-4 * np.abs(expected).max(initial=0)).all())


LABS.append(Lab(
    "prune_sparsegpt", 7,
    "Prune a layer in one pass over its inputs, and let the inputs that come later make up for what goes.",
    "PRUNE-7.3",
    (plain("`sparsity`, and all columns in one block", "n", "m", "block", without=_many_columns),
     plain("several blocks of columns", "n", "m", name="blocks"),
     plain("`n` of each `m` inputs too", name="all options"), FULL),
    (Mistake("zeros", "A weight that is pruned must be +0.0.", "PRUNE-7.4",
             ("Which weights does your function return where the mask is False?",
              "0 times a negative number is -0.0. Choose, in place of multiplying."), _not_zero),
     Mistake("count", "The number of weights that stay is another one.", "PRUNE-1.2",
             ("The docstring says how many weights go. How is that number rounded?",
              "With blocks the rule counts from the first column on: the columns up to the end of a block have lost "
              "rint(sparsity * their size) weights.",
              "With n and m: how many stay of a last group that is shorter?"), _kept_counts_differ),
     Mistake("groups", "`n` and `m` are given, and other weights of a group must stay.", "PRUNE-7.3",
             ("When is the mask of a group chosen: before the walk, or when the walk reaches the group?",
              "Which weights does the choice look at: the given ones, or those that have moved by then?"),
             where(lambda failure: failure.given.get("m") is not None and not _masks_agree(failure))),
     Mistake("blocks", "The layer has several blocks of columns, and other weights of a later one must go.",
             "PRUNE-7.3",
             ("When are the weights of a block chosen: before the walk, or when the walk reaches the block?",
              "Which weights does the choice look at: the given ones, or those that have moved by then?"),
             where(lambda failure: _many_columns(failure.given) and not _masks_agree(failure))),
     Mistake("price", "Other weights must go.", "PRUNE-7.3",
             ("By how much does the error rise if a weight goes? The docstring has the formula, at `sparsity`.",
              "Two inputs have weights of the same size. Which of them is cheaper to lose?",
              "All rows of a block are compared with each other."),
             lambda failure: not _masks_agree(failure)),
     Mistake("few bits", "The weights that stay are nearly right.", "PRUNE-7.1",
             ("In which type do the weights move? When are they rounded to float32?",
              "The order of the steps matters too: a product is rounded, and then the difference, input by input."),
             _nearly_weights),
     Mistake("moves", "The mask is right. The weights that stay are others.", "PRUNE-7.3",
             ("Do the formula by hand for one output and two inputs.",
              "Which inputs move when input j loses a weight: all, or only those that come later?",
              "By which row of u, and by what is the weight divided?",
              "Do the weights of later blocks move too?"))),
    uses=("from refcompress import prune_select  # masks by scores, ties included",
          "from refcompress.reference.hessian import inverse_factor  # u of the formula: of h and the damping")))
