"""The cells of the pruning table: what one process computes at a time."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from refcompress.recipes import Retraining, criteria, lenet_300_100, pruning
from refcompress.recipes.sensitivity import sensitivity
from refcompress.training import Adam, error_rate, fit, mnist

SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98)
NETWORKS = {"L2": lenet_300_100.WEIGHT_DECAY, "no L2": 0.0}  # the recipe's network, and one trained without the penalty
PATTERNS = ((2, 4), (1, 4), (1, 10), (1, 20))
PATTERN_CRITERIA = ("magnitude", "wanda", "fisher", "sparsegpt")
UNIT_CRITERIA = ("random", "magnitude", "apoz", "activation", "taylor", "fisher", "obd")
SCHEDULES = ("one-shot", "iterative", "iterative, obd", "gradual", "splicing", "lottery ticket")
SCHEDULED = (0.95, 0.98)
# After magnitude pruning at 90, 95 and 98 %, validation error in % by rate: 1e-3 1.26, 1.74, 3.44; 2e-3 1.16, 1.48,
# 2.72; 4e-3 1.08, 1.40, 2.46; 8e-3 0.98, 1.38, 2.16; 16e-3 1.20, 1.22, 1.88.
TUNE = Retraining(epochs=3, learning_rate=8e-3)
HESSIAN_EXAMPLES = 10_000  # the first ones, for the layer-wise methods; the others see all


@dataclass(frozen=True)
class Setting:
    """Where the reference networks are written, the seed, and whether this is a trial run."""

    folder: str
    seed: int
    quick: bool

    @property
    def sparsities(self):
        return (0.9,) if self.quick else SPARSITIES


def settings(setting: Setting) -> dict:
    return {"fine_tuning": asdict(TUNE), "hessian_examples": HESSIAN_EXAMPLES, "quick": setting.quick,
            "weight_decay": NETWORKS, "schedule_epochs": asdict(_schedule(setting))}


def _schedule(setting: Setting) -> Retraining:
    return Retraining(epochs=5 if setting.quick else 15, learning_rate=TUNE.learning_rate)


@lru_cache
def data(quick: bool):
    """Return (inputs, labels) of training, validation and test."""
    examples, test = mnist.load()
    parts = [(part.inputs(), part.labels) for part in (*mnist.split(examples), test)]
    return [(x[:300], y[:300]) for x, y in parts] if quick else parts


def reference(setting: Setting, name: str) -> dict:
    """Train a reference network, write it, and return its errors."""
    training, validation, test = data(setting.quick)
    rng = np.random.default_rng(setting.seed)
    network = lenet_300_100.network(rng)
    optimizer = Adam(2e-3, weight_decay=NETWORKS[name])
    fit(network, *training, optimizer=optimizer, epochs=2 if setting.quick else 20, rng=rng, batch=256)
    np.savez(Path(setting.folder) / f"{name}.npz", **network.parameters)
    return {"validation": error_rate(network, *validation), "test": error_rate(network, *test)}


@lru_cache
def network(setting: Setting, name: str):
    result = lenet_300_100.network(np.random.default_rng(setting.seed))
    if name != "untrained":
        with np.load(Path(setting.folder) / f"{name}.npz") as arrays:
            result.assign(dict(arrays))
    return result


@lru_cache
def evidence(setting: Setting, name: str):
    return criteria.Evidence(network(setting, name), *data(setting.quick)[0], seed=setting.seed)


def tasks(setting: Setting) -> list[tuple]:
    """Return the work in pieces, the long ones first, so that the processes end together."""
    named = [*criteria.CRITERIA, "threshold", "sparsegpt"]
    slow = () if setting.quick else tuple(reversed(setting.sparsities))
    return ([("weights", "L2", "obs", s) for s in slow] + [("weights", "no L2", "obs", s) for s in slow[:3]]
            + [("schedules", "L2", kind, s) for kind in reversed(SCHEDULES) for s in SCHEDULED]
            + [("units", "L2", c, s) for c in UNIT_CRITERIA for s in setting.sparsities]
            + [("weights", "L2", c, s) for c in named for s in setting.sparsities]
            + [("weights", "no L2", c, s) for c in named for s in setting.sparsities]
            + [("patterns", "L2", c, p) for c in PATTERN_CRITERIA for p in PATTERNS[: 1 if setting.quick else None]]
            + [("sensitivity", "L2", c, None) for c in ("magnitude", "obd")])


def run(setting: Setting, task: tuple) -> list[dict]:
    """Return the rows of one task."""
    kind, name, criterion, where = task
    return {"weights": weights, "units": units, "patterns": patterns, "schedules": schedules,
            "sensitivity": scan}[kind](setting, name, criterion, where)


def _row(kind, name, criterion, sparsity, kept, **more) -> dict:
    return {"table": kind, "network": name, "criterion": criterion, "sparsity": sparsity, "kept": kept, **more}


def _best(candidates, validation):
    """Return (error on validation, label, pruned) of the candidate with the least, the first of equals."""
    return min(((error_rate(pruned.network, *validation), label, pruned) for label, pruned in candidates),
               key=lambda choice: choice[0])


def _errors(prefix: str, pruned, setting: Setting) -> dict:
    _, validation, test = data(setting.quick)
    return {f"{prefix}_validation": error_rate(pruned.network, *validation),
            f"{prefix}_test": error_rate(pruned.network, *test)}


def weights(setting: Setting, name: str, criterion: str, sparsity: float) -> list[dict]:
    """Prune single weights at once, in the scope that validation likes best, and fine-tune that choice."""
    training, validation, _ = data(setting.quick)
    net, inputs = network(setting, name), training[0][:HESSIAN_EXAMPLES]
    if criterion == "threshold":
        candidates = [("one quality", pruning.threshold(net, sparsity))]
    elif criterion == "obs":
        from refcompress import native  # its prune_obs takes a tenth of the time

        candidates = [("graded", pruning.layerwise(net, "obs", sparsity, inputs, implementation=native))]
    elif criterion == "sparsegpt":
        candidates = [(f"{'graded' if graded else 'layer'}, blocks of {block}", pruning.layerwise(
            net, "sparsegpt", sparsity, inputs, graded=graded, block=block))
            for graded, block in ((True, 784), (True, 128), (False, 784), (False, 128))[: 1 if setting.quick else 4]]
    else:
        candidates = [(scope, pruning.one_shot(net, criterion, sparsity, evidence(setting, name), scope=scope))
                      for scope in criteria.SCOPES]
    _, scope, pruned = _best(candidates, validation)
    row = _row("weights", name, criterion, sparsity, pruned.kept, scope=scope, **_errors("one_shot", pruned, setting))
    if name == "L2":  # the other network shows what one shot does; fine-tuning levels that
        row |= _errors("tuned", pruning.fine_tune(pruned, training, TUNE, seed=setting.seed), setting)
    return [row]


def units(setting: Setting, name: str, criterion: str, sparsity: float) -> list[dict]:
    """Remove hidden units, split over the layers in the ways that validation likes best before and after tuning."""
    training, validation, _ = data(setting.quick)
    net = network(setting, name)
    candidates, tuned = [], []
    for keep in unit_counts(sparsity):
        label = f"{keep['fc1']}-{keep['fc2']}"
        pruned = pruning.units(net, criterion, keep, evidence(setting, name))
        candidates.append((label, pruned))
        tuned.append((label, pruning.fine_tune(pruned, training, TUNE, seed=setting.seed)))
    _, scope, pruned = _best(candidates, validation)
    _, tuned_scope, best = _best(tuned, validation)
    size = sum(p.size for key, p in best.network.parameters.items() if key.endswith(".weight"))
    return [_row("units", name, criterion, sparsity, size, scope=scope, tuned_scope=tuned_scope,
                 **_errors("one_shot", pruned, setting), **_errors("tuned", best, setting))]


def unit_counts(sparsity: float) -> list[dict[str, int]]:
    """Return three ways to stay within the weights that ``sparsity`` leaves.

    a of 300 units, and 100 (a / 300)^p of 100, for p = 1, 1/2, 1/4, with a as large as it can be.
    """
    budget, found = (1 - sparsity) * 266_200, []
    for p in (1, 0.5, 0.25):
        fits = [(a, b) for a in range(1, 301) for b in (max(1, round(100 * (a / 300) ** p)),)
                if 784 * a + a * b + 10 * b <= budget]
        found.append(dict(zip(("fc1", "fc2"), fits[-1])))
    return found


def patterns(setting: Setting, name: str, criterion: str, pattern: tuple[int, int]) -> list[dict]:
    """Keep n of every m consecutive weights, in all layers."""
    training, _, _ = data(setting.quick)
    net = network(setting, name)
    if criterion == "sparsegpt":
        pruned = pruning.layerwise(net, criterion, 0, training[0][:HESSIAN_EXAMPLES], pattern=pattern)
    else:
        pruned = pruning.one_shot(net, criterion, None, evidence(setting, name), pattern=pattern)
    tuned = pruning.fine_tune(pruned, training, TUNE, seed=setting.seed)
    n, m = pattern
    return [_row("patterns", name, criterion, 1 - n / m, pruned.kept, scope=f"{n}:{m}",
                 **_errors("one_shot", pruned, setting), **_errors("tuned", tuned, setting))]


def schedules(setting: Setting, name: str, kind: str, sparsity: float) -> list[dict]:
    """Prune by magnitude (or by what the comma precedes) along a schedule; all but the tickets train equally long."""
    training, _, _ = data(setting.quick)
    net, how, seed = network(setting, name), _schedule(setting), setting.seed
    fifth = Retraining(how.epochs // 5, how.learning_rate)
    schedule, _, criterion = kind.partition(", ")
    if schedule == "one-shot":
        shot = pruning.one_shot(net, "magnitude", sparsity, evidence(setting, name))
        pruned = pruning.fine_tune(shot, training, how, seed=seed)
    elif schedule == "iterative":
        pruned = pruning.iterative(net, criterion or "magnitude", sparsity, training, fifth, rounds=5, seed=seed)
    elif schedule == "gradual":
        pruned = pruning.gradual(net, "magnitude", sparsity, training, how, prune_epochs=2 * how.epochs // 3, seed=seed)
    elif schedule == "splicing":
        last = Retraining(how.epochs - 2 * how.epochs // 5, how.learning_rate)
        pruned = pruning.splicing(net, sparsity, training, last, splice_epochs=2 * how.epochs // 5, seed=seed)
    else:
        untrained = network(setting, "untrained")
        pruned = pruning.lottery_ticket(untrained, sparsity, training, Retraining(2 if setting.quick else 10, 2e-3, 256,
                                        NETWORKS[name]), rounds=1 if setting.quick else 4, seed=seed)
    return [_row("schedules", name, kind, sparsity, pruned.kept, **pruned.history, **_errors("tuned", pruned, setting))]


def scan(setting: Setting, name: str, criterion: str, _) -> list[dict]:
    """Scan each layer's sensitivity, on validation data."""
    points = sensitivity(network(setting, name), criterion, evidence(setting, name), data(setting.quick)[1])
    return [_row("sensitivity", name, criterion, p.sparsity, p.kept, weight=p.weight, error=p.error) for p in points]
