"""The clock: nothing is timed before it agrees, and what is compared is timed in turns, with warm and with cold caches.

The ratio of two implementations is the median of the ratios within each round, where both met the same machine; its interval
is from 200 samples of the rounds drawn again (bootstrap), 95 % of them inside.
"""

import time
from dataclasses import asdict, dataclass, field

import numpy as np

from refcompress import ops, reference

from .expected import EXPECTED
from .peers.numpy_blas import YARDSTICK

WARM_SECONDS = 0.02  # a longer call warms its caches by itself
SAMPLE_SECONDS = 0.001  # a sample repeats a short call until the clock's own cost does not count
# What is so much slower than the fastest is timed by its first call alone: it would eat the time of the others' turns.
ONCE_SECONDS, ONCE_RATIO = 0.05, 12
MOST_ROUNDS = 200
DRAWS = 200
# Multiply-adds a second that the portable kernels reach at least; cases that would take them longer are not given to them.
PORTABLE, PATIENCE = 5e8, 1.5


@dataclass
class Row:
    """One implementation on one case; ``refused`` says why it was not timed. Seconds are medians, warm and cold."""

    op: str
    case: str
    implementation: str
    kind: str = "ours"  # or "peer", "yardstick", "guest"
    seconds: float = float("nan")
    cold: float = float("nan")
    rounds: int = 0
    operations: float = 0
    touched: float = 0
    share: float = float("nan")  # the time that the measured limits allow, over this one's; warm
    share_cold: float = float("nan")
    # For each of the others: how many times as fast this one is, warm; and between what 95 % of the draws lie.
    ratios: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    note: str = ""
    refused: str = ""

    def as_dict(self) -> dict:
        return {name: None if value != value else value for name, value in asdict(self).items()}


def timed(function, number: int):
    begin = time.perf_counter()
    for _ in range(number):
        result = function()
    return (time.perf_counter() - begin) / number, result


def implementations(case, spaces):
    """Return {label: function}: the reference where it ends in time, and each native kernel once, by its instruction set."""
    found = {"reference": getattr(reference, case.op)} if case.reference else {}
    for space in spaces:
        function = getattr(space, case.op, None)
        if function is not None and not (function.isa == "portable" and case.operations / 2 > PORTABLE * PATIENCE):
            found.setdefault(f"native.{function.isa}", function)
    return found


def run_case(case, spaces, limits, seconds: float, *, least=7, peers=(), guests=(), evict=None) -> list[Row]:
    """Return the rows of one case: first all are checked, then those that agree are timed in turns for ``seconds``
    (and for ``least`` rounds).

    guests : namespaces that have operations under our names, checked as our own are. evict : empties the caches; half as much
    time again goes to calls after it.
    """
    args, kwargs = case.make(np.random.default_rng(0))
    rule = ops.OPS[case.op].rule
    rows, functions, checks = {}, {}, {}

    def add(label, kind, function, check):
        rows[label] = Row(case.op, case.name, label, kind, operations=case.operations, touched=case.touched)
        functions[label], checks[label] = function, check

    for label, function in implementations(case, spaces).items():
        add(label, "ours", lambda f=function: f(*args, **kwargs), rule)
    for guest in guests:
        if hasattr(guest, case.op):
            add(guest.__name__, "guest", lambda f=getattr(guest, case.op): f(*args, **kwargs), rule)
    if not functions:
        return []
    for peer in peers or (YARDSTICK,):
        try:
            add(peer.label, "peer" if peer is not YARDSTICK else "yardstick", peer.prepare(*args, **kwargs), peer.check)
        except Exception as error:  # a library's own limits: said in its row, beside whoever can
            add(peer.label, "peer", None, None)
            rows[peer.label].refused = f"cannot: {type(error).__name__}: {error}".splitlines()[0][:160]

    first, results = {}, {}
    for label, function in functions.items():
        if function is not None:
            try:
                first[label], results[label] = timed(function, 1)
            except Exception as error:
                rows[label].refused = f"failed: {type(error).__name__}: {error}".splitlines()[0][:160]
    expected = results["reference"] if case.reference else EXPECTED[case.op](*args, **kwargs)
    for label, result in results.items():
        try:
            checks[label](expected, result, args, kwargs)
        except (AssertionError, TypeError) as wrong:  # agreement.Disagreement is one
            rows[label].refused = f"it disagrees: {wrong}".splitlines()[0]
        if case.op == "huffman_encode":
            rows[label].note = f"{8 * _size(result, label, peers) / len(args[0]):.3f} bits a symbol"
    right = {label: functions[label] for label in results if not rows[label].refused}
    samples = in_turns(right, first, seconds, least)
    often = {label: right[label] for label in samples if len(samples[label]) > 1}
    cold = in_turns(often, first, seconds / 2, least, evict) if evict else {}
    rng = np.random.default_rng(0)
    for label, own in samples.items():
        row = rows[label]
        row.seconds, row.rounds = float(np.median(own)), len(own)
        isa = label.partition(".")[2] if row.kind == "ours" and label != "reference" else limits.widest
        row.share = limits.seconds(case, isa) / row.seconds
        if label in cold:
            row.cold = float(np.median(cold[label]))
            row.share_cold = limits.seconds(case, isa, cold=True) / row.cold
        for other, theirs in samples.items():
            if other != label and rows[other].kind != "guest":
                row.ratios[other] = ratio(theirs, own, rng)
    return list(rows.values())


def _size(result, label, peers) -> int:
    for peer in peers:
        if peer.label == label:
            return peer.size(result)
    return result.words.nbytes


def ratio(theirs: list[float], own: list[float], rng) -> tuple[float, float, float]:
    """Return theirs / own: the median over the rounds, and the bounds of 95 % of the medians of rounds drawn again."""
    if len(theirs) != len(own):  # one of them was timed once
        value = float(np.median(theirs) / np.median(own))
        return value, value, value
    ratios = np.array(theirs) / np.array(own)
    draws = np.median(ratios[rng.integers(0, len(ratios), (DRAWS, len(ratios)))], axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def in_turns(functions, first, seconds: float, least: int, evict=None) -> dict[str, list[float]]:
    """Return the samples of each, A B C C B A ..: whatever slows the machine for a while slows all of them.

    With ``evict`` each sample is one call after it; without, as many calls as make the clock's own cost nothing. What is
    much slower than the fastest has one sample, its first call.
    """
    numbers = {label: 1 if evict else max(1, int(SAMPLE_SECONDS / max(first[label], 1e-9))) for label in functions}
    fastest = min((first[label] for label in functions), default=0)
    once = {label for label in functions if first[label] > max(ONCE_SECONDS, ONCE_RATIO * fastest)}
    samples = {label: [first[label]] if label in once else [] for label in functions}
    turn = [label for label in functions if label not in once]
    end = time.perf_counter() + seconds
    for done in range(MOST_ROUNDS):
        if not turn or (done >= least and time.perf_counter() >= end):
            break
        for label in turn:
            if evict:
                evict()
            elif numbers[label] > 1 or first[label] < WARM_SECONDS:
                functions[label]()  # after the others its arrays, and its code, have left the nearest caches
            samples[label].append(timed(functions[label], numbers[label])[0])
        turn.reverse()
    return samples
