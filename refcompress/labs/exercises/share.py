"""Labs of the family share: few values for all weights."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain, refused, where


def _books(failure: Failure) -> tuple[np.ndarray, np.ndarray]:
    return failure.got.codebook, failure.expected.codebook


def _same_magnitudes(failure: Failure) -> bool:
    got, expected = _books(failure)
    return np.array_equal(np.abs(got), np.abs(expected))


def _few_values(failure: Failure) -> bool:
    """Return whether all distinct weights have room in the codebook."""
    w = failure.given["w"]
    pruned = bool(failure.given.get("pruned"))
    most = failure.given.get("clusters") or 2 ** failure.given["bits"]
    return len(np.unique(w[w != 0] if pruned else w)) <= most - pruned


def _unused_or_twice(failure: Failure) -> bool:
    got, _ = _books(failure)
    fitted = got[1:] if failure.given.get("pruned") else got
    return len(np.unique(got)) < len(got) or bool((np.diff(fitted) < 0).any()) or len(
        np.setdiff1d(np.arange(len(fitted)) + len(got) - len(fitted), failure.got.codes)) > 0


def _other_codes(failure: Failure) -> bool:
    return np.array_equal(*_books(failure))


LABS: list[Lab] = [Lab(
    "share_kmeans", 2,
    "Let the weights share few values: Lloyd's steps on the sorted weights, from a start that is given.",
    "SHARE-2.2",
    (plain("`bits` or `clusters`, and the start \"cut\"", "init", "weights", "pruned", "seed", "iterations"),
     plain("`init`, `weights`, `pruned`, `seed` and `iterations`", name="all options"), FULL),
    (Mistake("type", "The codes have the wrong dtype.", "SHARE-1.5",
             ("How many values does a uint8 number? The section Returns says when codes are uint16.",),
             lambda failure: refused("codes: must be")(failure)
             or failure.got.codes.dtype != failure.expected.codes.dtype),
     Mistake("zeros", "`pruned` is given: code 0 belongs to the value +0.0.", "SHARE-1.4",
             ("Which weights take part in the steps, and how many values are left for them?",
              "A weight that is not zero has the nearest fitted value, even where 0 is nearer.",
              "A fitted value may be zero itself. Which code has it then?"),
             where(lambda failure: bool(failure.given.get("pruned")))),
     Mistake("-0.0", "A weight is -0.0.", "SHARE-1.1",
             ("-0.0 counts as +0.0. What is `np.float32(-0.0) + np.float32(0)`?",),
             lambda failure: "-0.0" in failure.like.values and _same_magnitudes(failure)),
     Mistake("few values", "There are no more distinct weights than values.", "SHARE-1.6",
             ("All weights can be kept as they are. Is the codebook the sorted list of them?",
              "The start gives fewer centroids then: do your steps rely on their number?"), where(_few_values)),
     Mistake("ties", "The codebook is right. A weight in the middle of two values has the other one.", "SHARE-1.3",
             ("Of two values that are equally near a weight has which?",
              "`searchsorted` has two sides. Which one does a weight at the midpoint need?",
              "Are codes those of the rounded codebook, or of the centroids before?"), _other_codes),
     Mistake("unused value", "A value of the codebook is not used, comes twice, or is not in order.", "SHARE-1.2",
             ("Two centroids may become one when they are rounded to float32.",
              "Look for values that no weight is nearest to, and leave them out."), _unused_or_twice),
     Mistake("steps", "The values of the codebook are others.", "SHARE-2.2",
             ("Do one step by hand: where does each run of sorted weights end, and what is its mean?",
              "A weight at a midpoint belongs to the lower run. Which side of `searchsorted` is that?",
              "The mean is a difference of running sums in two parts (`sums` gives them), clamped to its run.",
              "When do the steps end: when the runs stay, or when the centroids hardly move?"))),
    uses=("from refcompress import Shared",
          "from refcompress.reference.share.starts import initial_centroids, sums  # yours to use"))]
