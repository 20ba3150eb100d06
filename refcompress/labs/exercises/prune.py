"""Labs of the family prune: which weights stay, and what a weight is worth."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain

LABS: list[Lab] = []


# prune_magnitude

def _joined(value) -> np.ndarray:
    """Return the elements of an array, or of all arrays of a dict, in one vector."""
    parts = value.values() if isinstance(value, dict) else [value]
    return np.concatenate([np.asarray(part).ravel() for part in parts]) if parts else np.zeros(0)


def _other_count(failure: Failure) -> bool:
    return int(_joined(failure.got).sum()) != int(_joined(failure.expected).sum())


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
     Mistake("count", "The number of weights that stay is not `keep`.", "PRUNE-2.1",
             ("How many weights stay if several have the same magnitude as the smallest one that stays?",
              "A threshold cannot cut between two equal numbers. What can?",
              "Rank all weights. Then take the first ones of the ranking, by their number."),
             _other_count),
     Mistake("ties", "Two weights have the same magnitude, and the other one of them must stay.", "PRUNE-1.3",
             ("Read the formula again: what does it say of ties?",
              "A sort that is not stable may put equal elements in any order.",
              "If you sort upwards and turn the result round, equal elements come in the order of the highest index."),
             _same_magnitudes),
     Mistake("signs", "A negative weight is taken for a small one.", "PRUNE-2.1",
             ("Which is larger in magnitude, 2 or -3?",),
             _without_sign))))


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
