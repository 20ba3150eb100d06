"""The prune family.

largest.py     the largest of all scores: in one pass, by two numbers that enclose the smallest one that is kept
selection.py   prune_magnitude, prune_project_l0 and prune_select, made of it and of kernels for groups and sums
scores.py      the scores
threshold.py   prune_threshold
"""

from .scores import (
    prune_score_activation,
    prune_score_apoz,
    prune_score_fisher,
    prune_score_movement,
    prune_score_obd,
    prune_score_taylor,
    prune_score_wanda,
)
from .selection import prune_magnitude, prune_project_l0, prune_select
from .threshold import prune_threshold

__all__ = [
    "prune_magnitude", "prune_select", "prune_project_l0", "prune_threshold",
    "prune_score_wanda", "prune_score_taylor", "prune_score_movement", "prune_score_obd", "prune_score_fisher",
    "prune_score_apoz", "prune_score_activation",
]
