"""One threshold over all layers: how many weights of each stay, found without holding more than one layer.

The magnitudes of float32 have the order of their bit patterns. So the threshold is a pattern, and it is found in two
histograms: of the upper 16 bits of all magnitudes, then of the lower 15 of those that share the upper bits of the
threshold. A third pass counts for each layer what lies above the threshold, and at it.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from ..models.source import Source
from .plans import Plan, Step
from .weights import weights_of

__all__ = ["FLOOR", "kept_of_each"]

FLOOR = 0.01  # the share of each layer that stays, whatever the threshold
LOW = 15  # bits of the second histogram
CHUNK = 2**16


def kept_of_each(source: Source, plan: Plan) -> dict[str, int]:
    """Return how many weights stay of each layer that a rule with a sparsity prunes, where the scope is global.

    A rule prunes rint(sparsity * size) of all weights of its layers together: the smallest. Of those at the threshold
    the first stay, in the order of the source and in C order inside each layer. Then each layer gets back its largest
    weights up to FLOOR of its size, so that none is lost as a whole: so much less is pruned.
    """
    kept: dict[str, int] = {}
    if plan.recipe.scope != "global":
        return kept
    by_rule: dict[int | None, list[Step]] = {}
    for step in plan.own:
        if step.options.get("sparsity"):
            by_rule.setdefault(step.rule, []).append(step)
    for steps in by_rule.values():
        sizes = {step.name: step.size for step in steps}
        total = sum(sizes.values())
        keep = total - int(np.rint(steps[0].options["sparsity"] * total))
        for name, count in counts(lambda: ((step.name, patterns(source, step)) for step in steps), keep).items():
            kept[name] = max(count, int(np.ceil(FLOOR * sizes[name])))
    return kept


def counts(layers, keep: int) -> dict[str, int]:
    """Return how many of each layer are among the ``keep`` largest patterns; of equals the first ones.

    layers : gives (name, the patterns in parts) of each layer, each time it is called.
    """
    high = histogram(layers(), 1 << 31 - LOW, lambda part: part >> LOW)
    top, above = cut(high, keep)
    low = histogram(layers(), 1 << LOW, lambda part: part[part >> LOW == top] & (1 << LOW) - 1)
    bottom, more = cut(low, keep - above)
    threshold, ties = top << LOW | bottom, keep - above - more
    found: dict[str, int] = {}
    for name, parts in layers():
        larger = equal = 0
        for part in parts:
            larger += int(np.count_nonzero(part > threshold))
            equal += int(np.count_nonzero(part == threshold))
        found[name] = larger + min(equal, ties)
        ties -= min(equal, ties)
    return found


def histogram(layers: Iterable, size: int, key) -> np.ndarray:
    total = np.zeros(size, np.int64)
    for _, parts in layers:
        for part in parts:
            total += np.bincount(key(part), minlength=size)
    return total


def cut(histogram: np.ndarray, keep: int) -> tuple[int, int]:
    """Return the bin that the ``keep``-th largest lies in, and how many lie in the bins above it."""
    from_above = np.cumsum(histogram[::-1])
    place = int(np.searchsorted(from_above, keep, "left"))
    place = min(place, len(histogram) - 1)
    return len(histogram) - 1 - place, int(from_above[place - 1]) if place else 0


def patterns(source: Source, step: Step) -> Iterator[np.ndarray]:
    """Yield the bit patterns of the magnitudes of a layer, in parts."""
    flat = weights_of(source[step.name].read(), step.name).reshape(-1).view(np.uint32)
    for start in range(0, flat.size, CHUNK):
        yield (flat[start : start + CHUNK] & np.uint32(2**31 - 1)).astype(np.int64)


