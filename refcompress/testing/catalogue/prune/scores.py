"""Kernels of scores: wrong ones, each with its bug, and right ones."""

import numpy as np

from .... import reference
from ..kernels import Kernel

KERNELS: list[Kernel] = []


# prune_score_wanda

def _single_precision(op: str):
    def score(w, statistic):
        return getattr(reference, op)(w, np.clip(statistic, -3e38, 3e38).astype(np.float32))
    return score


KERNELS += [
    Kernel("prune_score_wanda", "norms in float32", "bits",
           "Norms that were summed in float64 are cast down before the product.",
           _single_precision("prune_score_wanda")),
    Kernel("prune_score_wanda", "magnitude left out", "rule",
           "The score is the plain product of a weight and a norm; a negative weight then ranks below all others.",
           lambda w, norms: (w * norms.astype(np.float64)).astype(np.float32)),
]


# prune_score_taylor

KERNELS += [
    Kernel("prune_score_taylor", "product signed", "rule",
           "The square or the magnitude was forgotten, so that weights whose product is negative look unimportant.",
           lambda w, gradient: -reference.prune_score_movement(w, gradient)),
]


# prune_score_movement

def _without(op: str, change):
    def score(*args):
        return np.asarray(change(getattr(reference, op)(*args)))
    return score


KERNELS += [
    Kernel("prune_score_movement", "sign turned", "rule",
           "A gradient points uphill; the minus sign of the score was left out.",
           _without("prune_score_movement", np.negative)),
]


# prune_score_obd

KERNELS += [
    Kernel("prune_score_obd", "half left out", "rule",
           "The factor 1/2 of the second-order term is dropped because it changes no rank. The score is not the "
           "stated one.",
           _without("prune_score_obd", lambda score: 2 * score)),
    Kernel("prune_score_obd", "magnitude of the curvature", "values",
           "Negative curvature looked like a mistake and was made positive.",
           _without("prune_score_obd", np.abs)),
]


# prune_score_fisher

KERNELS += [
    Kernel("prune_score_fisher", "mean not squared", "rule",
           "The statistic already holds squares, and a root was taken to get gradients back.",
           lambda w, squares: reference.prune_score_fisher(w, np.sqrt(squares))),
]


# prune_score_apoz

KERNELS += [
    Kernel("prune_score_apoz", "share of zeros", "rule",
           "The name speaks of zeros: a rank by it must be turned, and here it was not.",
           _without("prune_score_apoz", lambda score: 1 - score)),
]


# prune_score_activation

KERNELS += [
    Kernel("prune_score_activation", "one sample less", "rule",
           "A mean was divided by the number of samples less one, as a variance is.",
           lambda sums, count: reference.prune_score_activation(sums, max(count - 1, 1))),
]
