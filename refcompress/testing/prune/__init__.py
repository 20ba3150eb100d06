"""The cases of the prune family.

- :mod:`selection`: the operations that select weights: ties everywhere, ragged ends, several layers at once.
- :mod:`obs`: the surgery of a layer: every length, ties, dead inputs, samples fewer than inputs.
- :mod:`sparsegpt`: blocks and groups that end anywhere, ties, dead inputs.
- :mod:`scores`: the scores: a statistic of either precision, at the ends of float32 and float64.
"""

from . import obs, scores, selection, sparsegpt

CASES = selection.CASES | scores.CASES | obs.CASES | sparsegpt.CASES
