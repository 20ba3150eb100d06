"""Pruning: which weights go, in the order to read.

- ``magnitude``: the weights of largest magnitude stay; a count, or a threshold.
- ``selection``: one selection step for all criteria: elements, N of M, blocks, rows, filters.
- ``structure``: the units that selection keeps or drops whole.
- ``scores``: what a weight matters, by its gradient or by its input.
- ``curvature``: what a weight matters, by the second derivative of the loss.
- ``units``: what a unit matters, by its activations.
- ``projection``: the nearest sparse array, and the steps that a penalty asks for.
- ``obs``: the weights that stay make up for those that go, one weight after another (Optimal Brain Surgeon).
- ``sparsegpt``: the same in one pass over the columns, for layers of any size.
"""

from .curvature import prune_score_fisher, prune_score_obd
from .magnitude import prune_magnitude, prune_threshold
from .obs import prune_obs
from .projection import prune_penalty_l0, prune_penalty_l1, prune_project_l0, prune_project_l1
from .scores import prune_score_movement, prune_score_taylor, prune_score_wanda
from .selection import prune_select
from .sparsegpt import prune_sparsegpt
from .units import prune_score_activation, prune_score_apoz

__all__ = [
    "prune_magnitude", "prune_threshold",
    "prune_select",
    "prune_score_wanda", "prune_score_taylor", "prune_score_movement",
    "prune_score_obd", "prune_score_fisher",
    "prune_score_apoz", "prune_score_activation",
    "prune_project_l0", "prune_project_l1", "prune_penalty_l0", "prune_penalty_l1",
    "prune_obs", "prune_sparsegpt",
]
