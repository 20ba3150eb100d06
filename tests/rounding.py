"""How far rounding takes a result, in the field's letters (Higham, Accuracy and Stability of Numerical Algorithms, 2nd
ed., 2002, lemma 3.1)."""

UNIT64 = 2.0**-53


def gamma(roundings: int, unit: float = UNIT64) -> float:
    """Return gamma_k = k u / (1 - k u): a number that was rounded k times is off by at most so much of itself.

    A sum of n terms of one sign, in any order, has n - 1 roundings of each term. Two such sums of the same terms differ
    by at most gamma_(2 n) of either: gamma_k + gamma_k + gamma_k gamma_k <= gamma_2k (lemma 3.3).
    """
    return roundings * unit / (1 - roundings * unit)
