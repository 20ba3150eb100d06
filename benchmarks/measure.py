"""The clock: nothing is timed before it agrees, and what is compared is timed in turns, with warm and with cold caches.

What else runs on a machine for a moment only adds to a time, so a pass over a case, a fifth of a second of turns, is
worth its quickest sample. Whole passes differ both ways: arrays that are made anew lie better or worse in the caches,
and a last cache that is shared with strangers gave one call from 1.2 to 2.6 ms within seconds. So a run takes the list
of cases several times, and spends what time it has left on the cases whose passes differ most. A ratio is that of two
quickest samples of one pass, and over the passes the estimate of Hodges and Lehmann, the median of the means of all
pairs: as good as a mean where nothing is odd, and as hard to lead astray as a median nearly. Its interval is that of 95
% of 200 draws of passes, and of samples within them (bootstrap).
"""

import copy
import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from refcompress import ops, reference
from refcompress.testing.clock import in_turns, timed

from .expected import EXPECTED
from .limits import LEVELS
from .peers.numpy_blas import YARDSTICK

# A call that takes so long fills the caches itself and is not timed cold; if it is also so much slower than the
# fastest, it is timed once a pass, for it would eat the time of the others' turns; and what takes longest, once in a
# run.
SLOW_SECONDS, ONCE_RATIO, LONG_SECONDS = 0.05, 12, 0.75
DRAWS = 200
# Cold calls of a product go round through copies of its operands, as the layers of a network do: a call finds its code
# warm and its weights in main memory. The others' bytes fill the last cache so many times. Where that takes more copies
# the caches are emptied before each call instead.
FILLED, MOST_COPIES = 1.25, 24
# Multiply-adds a second that the portable kernels reach at least; cases that would take them longer are not given to
# them.
PORTABLE, PATIENCE = 5e8, 0.2


@dataclass
class Row:
    """One implementation on one case; ``refused`` says why it was not timed. Seconds are an estimate over passes,
    warm and cold."""

    op: str
    case: str
    implementation: str
    # or "prepared" (ours, its arguments checked or packed beforehand), "peer", "yardstick", "guest"; "unheld": a peer
    # that uses AVX-512 in a run that is held to AVX2
    kind: str = "ours"
    seconds: float = float("nan")
    cold: float = float("nan")
    samples: int = 0
    operations: float = 0
    touched: float = 0
    share: float = float("nan")  # the time that the measured limits allow, over this one's; warm
    share_cold: float = float("nan")
    bound: str = ""  # what the limit is made of: an instruction or a level of memory; warm, and cold
    bound_cold: str = ""
    copies: int = 0  # that cold calls go round through; 0 where the caches were emptied instead
    # For each of the others: how many times as fast this one is, warm; and between what 95 % of the draws lie.
    ratios: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    note: str = ""
    refused: str = ""

    def as_dict(self) -> dict:
        return {name: None if value != value else value for name, value in asdict(self).items()}


def implementations(case, spaces):
    """Return {label: function}: the reference where it ends in time, and each native kernel once, by its instruction
    set."""
    found = {"reference": getattr(reference, case.op)} if case.reference else {}
    for space in spaces:
        function = getattr(space, case.op, None)
        if function is not None and not (function.isa == "portable" and case.operations / 2 > PORTABLE * PATIENCE):
            found.setdefault(f"native.{function.isa}", function)
    return found


class Contest:
    """One case and all who take part in it.

    guests : namespaces that have operations under our names, checked as our own are. registers : sees which peers
    use AVX-512, where they are not to. last_cache : its bytes.
    """

    def __init__(self, case, spaces, peers=(), guests=(), *, registers=None, last_cache=32 << 20):
        self.registers, self.last_cache = registers, last_cache
        self.case, self.peers = case, {peer.label: peer for peer in peers or (YARDSTICK,)}
        self.ours = implementations(case, spaces) | {
            g.__name__: getattr(g, case.op) for g in guests if hasattr(g, case.op)
        }
        # What takes the arguments before the clock runs, and returns what is timed.
        self.prepare = {
            f"{label}, prepared": f.prepare for label, f in self.ours.items() if case.overhead and hasattr(f, "prepare")
        }
        if case.weight is not None:
            self.prepare |= {f"{label}, packed": functools.partial(packed, f, case.weight)
                             for label, f in self.ours.items() if hasattr(f, "prepare_weight")}
        kinds = {g.__name__: "guest" for g in guests} | dict.fromkeys(self.prepare, "prepared") | {
            label: "yardstick" if peer is YARDSTICK else "peer" for label, peer in self.peers.items()}
        self.prepare |= {label: peer.prepare for label, peer in self.peers.items()}
        self.rows = {label: Row(case.op, case.name, label, kinds.get(label, "ours"), operations=case.operations,
                                touched=case.touched) for label in [*self.ours, *self.prepare]} if self.ours else {}
        self.first: dict[str, float] = {}  # seconds of a call that was not the very first
        self.warm: list[dict[str, list[float]]] = []  # a pass, an implementation: its samples
        self.cold: list[dict[str, list[float]]] = []

    def run_pass(self, seconds: float, *, least=3, evict=None) -> None:
        """Time all in turns for ``seconds``, and for ``least`` rounds, on arrays of this pass; in the first, check them
        before.

        evict : empties the caches; half as much time again goes to calls after it.
        """
        args, kwargs = self.case.make(np.random.default_rng(len(self.warm)))
        functions = {}
        for label, row in list(self.rows.items()):
            if not self.warm or self.first.get(label, LONG_SECONDS) < LONG_SECONDS:
                try:
                    function = self.bound(label, args, kwargs)
                    if function is None:
                        del self.rows[label]
                    else:
                        functions[label] = function
                except Exception as error:  # a library's own limits: said in its row, beside whoever can
                    row.refused = f"cannot: {type(error).__name__}: {error}".splitlines()[0][:160]
        if not self.warm:
            functions = self.checked(functions, args, kwargs)
        limit = min(LONG_SECONDS, max(SLOW_SECONDS, ONCE_RATIO * min(self.first.values(), default=0)))
        once = {label: f for label, f in functions.items() if self.first[label] > limit}
        often = {label: f for label, f in functions.items() if label not in once}
        self.warm.append(in_turns(often, self.first, seconds, least))
        for label, function in once.items():
            # Of what takes long the call that was checked must do.
            self.warm[-1][label] = [self.first[label] if self.first[label] > LONG_SECONDS else timed(function, 1)[0]]
        if evict:
            short = {label: f for label, f in often.items() if self.first[label] < SLOW_SECONDS}
            self.run_cold(short, (args, kwargs), seconds / 2, least, evict)

    def bound(self, label: str, args, kwargs) -> Callable | None:
        """Return the call of an implementation with these arguments, which a peer converts here; None where a weight
        was to be packed and there was nothing to pack."""
        if label in self.prepare:
            return self.prepare[label](*args, **kwargs)
        return functools.partial(self.ours[label], *args, **kwargs)

    def run_cold(self, functions, given, seconds: float, least: int, evict) -> None:
        """Time calls that find their operands in main memory: a product once in a run, for what its copies cost."""
        if not self.case.weights or self.case.touched * MOST_COPIES < FILLED * self.last_cache:
            self.cold.append(in_turns(functions, self.first, seconds, least, evict))
        elif not self.cold:
            turns = {}
            for label, function in functions.items():
                peer = self.peers.get(label)
                size = self.case.weights * peer.bytes_a_weight if peer else 0
                self.rows[label].copies = count = 1 + math.ceil(FILLED * self.last_cache / (size or self.case.touched))
                copies = [function, *(self.bound(label, *copy.deepcopy(given)) for _ in range(count - 1))]
                turns[label] = going_round(copies)
            self.cold.append(in_turns(turns, self.first, seconds, least * MOST_COPIES // 2, lambda: None))

    def unsettled(self) -> float:
        """Return the largest standard error of somebody's time, as a share of it.

        Of a normal distribution the estimate from n passes has one of sqrt(pi / 3) / sqrt(n) deviations, and a
        deviation is 0.7413 of what lies between the quartiles. Not of those that are timed once a pass, nor of the
        reference, whom nobody races.
        """
        passes = {}
        for samples in self.warm:
            for label, own in samples.items():
                if label != "reference" and len(own) > 1:
                    passes.setdefault(label, []).append(min(own))
        quartiles = [(np.quantile(own, [0.25, 0.5, 0.75]), len(own)) for own in passes.values() if len(own) > 2]
        return max(
            (0.7413 * (high - low) / middle * np.sqrt(np.pi / 3 / n) for (low, middle, high), n in quartiles),
            default=0.0,
        )

    def checked(self, functions, args, kwargs):
        """Return those of the functions whose results are right; note how long a call of each takes, and who is
        refused."""
        results, right = {}, {}
        for label, function in functions.items():
            try:
                seconds, result = timed(function, 1)
                # Libraries do much in their very first call that they do not do again.
                self.first[label] = seconds if seconds > LONG_SECONDS else timed(function, 1)[0]
                results[label] = result
                if label in self.peers:
                    self.rows[label].note = self.peers[label].note
                    if self.registers and seconds < LONG_SECONDS and self.registers.used(function):
                        self.rows[label].kind = "unheld"
                        self.rows[label].note += "; " * bool(self.rows[label].note) + "USES AVX-512, NOT COMPARED WITH"
            except Exception as error:
                self.rows[label].refused = f"failed: {type(error).__name__}: {error}".splitlines()[0][:160]
        rule = ops.OPS[self.case.op].rule
        expected = results["reference"] if self.case.reference else EXPECTED[self.case.op](*args, **kwargs)
        held = rule.of(expected, args, kwargs) if hasattr(rule, "of") else lambda got: rule(expected, got, args, kwargs)
        agreed: list[np.ndarray] = []  # results of ours that the rule found right: the same bits need no second look
        for label, result in results.items():
            peer = self.peers.get(label)
            try:
                if peer or not any(map(functools.partial(same_array, result), agreed)):
                    if peer and peer.check is not rule:
                        peer.check(expected, result, args, kwargs)
                    else:
                        held(result)
                    agreed += [result] if not peer and isinstance(result, np.ndarray) else []
                right[label] = functions[label]
            except (AssertionError, TypeError) as wrong:  # agreement.Disagreement is one
                self.rows[label].refused = f"it disagrees: {wrong}".splitlines()[0]
                del self.first[label]
            if self.case.op == "huffman_encode":
                size = peer.size(result) if peer else result.words.nbytes
                self.rows[label].note = f"{8 * size / len(args[0]):.3f} bits a symbol"
        return right

    def finished(self, limits) -> list[Row]:
        """Return the rows with what all passes said."""
        rng = np.random.default_rng(0)
        for label, row in self.rows.items():
            own = [samples[label] for samples in self.warm if label in samples]
            if not own:
                continue
            row.seconds, row.samples = time_of(own), sum(map(len, own))
            isa = label.partition(".")[2].partition(",")[0] if label.startswith("native.") else limits.widest
            isa = LEVELS[-1] if row.kind == "unheld" else isa
            limit, row.bound = limits.binding(self.case, isa)
            row.share = limit / row.seconds
            cold = [samples[label] for samples in self.cold if samples.get(label)]
            if cold:
                row.cold = time_of(cold)
                limit, row.bound_cold = limits.binding(self.case, isa, cold=True)
                row.share_cold = limit / row.cold
            for other in self.first:
                if other != label and self.rows[other].kind != "guest":
                    both = [
                        (samples[other], samples[label])
                        for samples in self.warm
                        if other in samples and label in samples
                    ]
                    row.ratios[other] = ratio(both, rng)
        return list(self.rows.values())


def packed(operation: Callable, weight: int, *args, **kwargs) -> Callable | None:
    """Return the call of an operation whose weight was packed beforehand; None where it is read as it is stored."""
    ready = operation.prepare_weight(args[weight])
    args = tuple(ready if i == weight else arg for i, arg in enumerate(args))
    return functools.partial(operation, *args, **kwargs) if ready.packed_bytes else None


def same_array(a, b) -> bool:
    """Return whether two results are arrays with the same bits."""
    return isinstance(a, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def going_round(calls: list[Callable]) -> Callable:
    """Return a function that makes the next of these calls each time."""
    turn = itertools.cycle(calls)
    return lambda: next(turn)()


def centre(values: np.ndarray) -> np.ndarray:
    """Return the median of the means of all pairs along the last axis, each value paired with itself too.

    **Source** Hodges and Lehmann, Estimates of location based on rank tests (1963).
    """
    first, second = np.triu_indices(values.shape[-1])
    return np.median((values[..., first] + values[..., second]) / 2, axis=-1)


def time_of(passes) -> float:
    """Return the estimate from the quickest samples of passes."""
    return float(centre(np.array([min(samples) for samples in passes])))


def ratio(passes, rng) -> tuple[float, float, float]:
    """Return theirs / own from the samples of both in each pass: from their quickest, and the bounds of 95 % of such
    ratios of passes, and of samples in them, drawn again."""
    def quickest(samples):
        return rng.choice(samples, (DRAWS, len(samples))).min(axis=1)

    ratios = np.array([quickest(theirs) / quickest(own) for theirs, own in passes])
    drawn = centre(ratios[rng.integers(0, len(passes), (DRAWS, len(passes))), np.arange(DRAWS)[:, None]])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(centre(np.array([min(theirs) / min(own) for theirs, own in passes]))), float(low), float(high)
