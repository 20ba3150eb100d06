"""What a selection is, without sorting: the definition that all tests of pruning share."""

import numpy as np


def selects(scores, mask, keep: int) -> bool:
    """Return whether a mask keeps the ``keep`` largest: none is below one that goes; ties go to the lowest index."""
    scores, mask = np.ravel(scores), np.ravel(mask)
    kept, gone = np.flatnonzero(mask), np.flatnonzero(~mask)
    if len(kept) != keep:
        return False
    if not len(kept) or not len(gone):
        return True
    least, most = scores[kept].min(), scores[gone].max()
    if least != most:
        return bool(least > most)
    return kept[scores[kept] == least].max() < gone[scores[gone] == least].min()
