"""The prune family."""

from .curvature import prune_score_fisher, prune_score_obd
from .obs import prune_obs
from .projection import prune_penalty_l0, prune_penalty_l1, prune_project_l0, prune_project_l1
from .scores import prune_score_movement, prune_score_taylor, prune_score_wanda
from .selection import prune_magnitude, prune_select, prune_threshold
from .sparsegpt import prune_sparsegpt
from .units import prune_score_activation, prune_score_apoz

__all__ = [
    "prune_score_fisher", "prune_score_obd",
    "prune_obs",
    "prune_sparsegpt",
    "prune_penalty_l0", "prune_penalty_l1", "prune_project_l0", "prune_project_l1",
    "prune_score_movement", "prune_score_taylor", "prune_score_wanda",
    "prune_magnitude", "prune_select", "prune_threshold",
    "prune_score_activation", "prune_score_apoz",
]
