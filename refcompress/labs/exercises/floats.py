"""Labs of the family floats: sixteen levels where the numbers are."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain


def _scales_differ(failure: Failure) -> bool:
    return not np.array_equal(failure.got.scales, failure.expected.scales)


def _zero_block(failure: Failure) -> bool:
    return _scales_differ(failure) and bool((failure.expected.scales[
        failure.got.scales != failure.expected.scales] == 1).all()) and not np.all(failure.given["x"])


LABS: list[Lab] = [Lab(
    "floats_nf4_encode", None,
    "Round floats to 16 levels that lie dense where a normal distribution is dense.",
    "FLOATS-3.1",
    (plain("blocks of 64 values", "block"), plain("the option `block`", name="all options"), FULL),
    (Mistake("shape of the scales", "There are more or fewer scales than blocks.", "FLOATS-3.1",
             ("Where does a block end if the row is not a multiple of it? Can a block reach into the next row?",
              "An array of more than two axes has rows too: all that one index of the first axis has."),
             lambda failure: failure.got.scales.shape != failure.expected.scales.shape),
     Mistake("zero block", "All values of a block are zero.", "FLOATS-3.1",
             ("What is 0 / 0? Which scale does a block of zeros have?",), _zero_block),
     Mistake("scales", "A scale is another one.", "FLOATS-3.1",
             ("Which number of the block becomes 1 or -1 when it is divided by the scale?",
              "The last block may be shorter: what fills it up in your code, and does it count?"), _scales_differ),
     Mistake("nearest level", "A quotient has another level than the nearest one.", "FLOATS-3.1",
             ("Which of two levels has a quotient in their middle?",
              "`searchsorted` has two sides. Which one gives the lower level at the middle?",
              "The quotient is float32, and the middles of the levels are float64.",
              "Are all sixteen levels in your table, with all of their digits? `NF4_LEVELS` has them."))),
    uses=("from refcompress import NF4",
          "from refcompress.formats.floats import NF4_LEVELS  # the 16 levels, float32, ascending"))]
