"""The cases of the prune family.

- :mod:`selection`: the operations that select weights: ties everywhere, ragged ends, several layers at once.
- :mod:`scores`: the scores: a statistic of either precision, at the ends of float32 and float64.
"""

from . import scores, selection

CASES = selection.CASES | scores.CASES
