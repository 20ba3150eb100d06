"""Labs of the family rangecoder: from bytes to the codes of a matrix."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain, where


def _first_flag(failure: Failure) -> tuple[int, int] | None:
    """Return where the first wrong flag is, row by row: a code that is 0 and should not be, or the other way round."""
    wrong = np.argwhere((failure.got > 0) != (failure.expected > 0))
    return tuple(wrong[0].tolist()) if len(wrong) else None


def _ends(failure: Failure) -> bool:
    return failure.reason.startswith(("raised IndexError", "raised StopIteration"))


LABS: list[Lab] = [Lab(
    "rangecoder_decode", 12,
    "Read the codes of a matrix out of its bytes: split the interval bit by bit, as the lesson does. The probability "
    "of each bit comes from `Model`; the top of `reference/rangecoder/coder.py` says how bytes come in.",
    "RANGECODER-1.1",
    (plain("one lane", "lanes"), plain("sixteen lanes too, by `Rows`", name="all options"), FULL),
    (Mistake("end of the data", "The function needs a byte behind the last one.", "RANGECODER-1.1",
             ("How many bytes does your function want at the beginning? How many may there be?",
              "The encoder leaves out zeros at the end. What stands behind the last byte, then?"), _ends),
     Mistake("lanes", "Sixteen rows go side by side.", "RANGECODER-1.1",
             ("In which order do the bits of a step come? `steps_of` gives the steps.",
              "All lanes of a step have their probabilities before the first bit of the step is read.",
              "When does `Rows` learn, and when is it told of a flag?"),
             where(lambda failure: failure.given.get("lanes", 1) != 1)),
     Mistake("interval", "The first flag is wrong already.", "RANGECODER-1.1",
             ("Which part of the interval is the 1: the lower one, or the upper one?",
              "The middle is in the lower part. Which comparison says that?",
              "Is the highest byte of the value the first byte of the data?"),
             lambda failure: _first_flag(failure) == (0, 0)),
     Mistake("values", "It is right where there is a code and where there is none. The codes are others.",
             "RANGECODER-1.1",
             ("Which code comes with the bits 0 0? Code 0 has no such bits.",
              "Which bit comes first: the highest or the lowest?",
              "The tree learns too. Which node has the probability of the second bit?",
              "Does `model.tree[node]` hear of each bit?"), where(lambda failure: _first_flag(failure) is None)),
     Mistake("later flags", "The first flag is right. What comes after it is wrong.", "RANGECODER-1.1",
             ("What changes after a flag was read? The model must know it before the next one.",
              "When low and high have the same highest byte, it goes. What comes in at the other end of low, of high, "
              "and of the value?",
              "Both the flag and the bits of the code take their part of the same interval.",
              "What must the model be told at the beginning of a row? And are the codes above in the array that it was "
              "given?"))),
    uses=("from refcompress.reference.rangecoder.lanes import Rows, steps_of  # for sixteen lanes",
          "from refcompress.reference.rangecoder.model import LOWEST_IN_TREE, Model, within  # yours to use"))]
