"""The clock: nothing is timed before it agrees, and what is compared is timed in turns."""

import time
from dataclasses import asdict, dataclass, field

import numpy as np

from refcompress import ops, reference

from .peers import EXPECTED, PEERS

SAMPLE_SECONDS = 0.001  # a sample repeats a short call until the clock's own cost does not count
# What is so much slower than the fastest is timed by its first call alone: it would eat the time of the others' turns.
ONCE_SECONDS, ONCE_RATIO = 0.02, 20


@dataclass
class Row:
    """One implementation on one case; ``refused`` says why it was not timed."""

    op: str
    case: str
    implementation: str
    seconds: float = float("nan")
    operations: float = 0
    touched: float = 0
    ratio: float = float("nan")  # the peer's time over this one's: above 1 is faster
    share: float = float("nan")  # the time that the measured limits would allow, over this one's
    note: str = ""
    refused: str = ""

    def as_dict(self) -> dict:
        return {name: None if value != value else value for name, value in asdict(self).items()}


def _timed(function, number: int):
    begin = time.perf_counter()
    for _ in range(number):
        result = function()
    return (time.perf_counter() - begin) / number, result


def _best(function, calls: int) -> float:
    return min(_timed(function, 1)[0] for _ in range(calls))


def _blas_rate() -> float:
    a, b = np.random.default_rng(0).standard_normal((2, 1024, 1024), dtype=np.float32)
    return 2 * 1024**3 / _best(lambda: a @ b, 8)


def _copy_rate() -> float:
    """Bytes read and written a second: from memory, for the array is larger than most caches."""
    a = np.ones(2**26, np.uint8)
    b = np.empty_like(a)
    return 2 * a.nbytes / _best(lambda: np.copyto(b, a), 5)


@dataclass
class Limits:
    """What this machine does at best, as far as NumPy shows it, with the threads of this run."""

    flops: float = field(default_factory=_blas_rate)
    bandwidth: float = field(default_factory=_copy_rate)

    def seconds(self, case) -> float:
        return max(case.operations / self.flops, case.touched / self.bandwidth)


def implementations(case, spaces):
    """Return {label: function}: the reference where it ends in time, and each native kernel once, by its instruction set."""
    found = {"reference": getattr(reference, case.op)} if case.reference else {}
    for space in spaces:
        function = getattr(space, case.op, None)
        if function is not None:
            found.setdefault(f"native.{function.isa}", function)
    return found


def run_case(case, spaces, limits, seconds: float) -> list[Row]:
    """Return the rows of one case: first all are checked, then those that agree are timed in turns for ``seconds``."""
    args, kwargs = case.make(np.random.default_rng(0))
    functions = {label: (lambda f=f: f(*args, **kwargs)) for label, f in implementations(case, spaces).items()}
    rule = ops.OPS[case.op].rule
    checks = {label: lambda expected, got: rule(expected, got, args, kwargs) for label in functions}
    peer = PEERS.get(case.op)
    if peer is not None:
        functions[peer.label] = peer.prepare(*args)
        checks[peer.label] = lambda expected, got: peer.check(expected, got, args)
    if not functions:
        return []

    first, results, rows = {}, {}, {}
    for label, function in functions.items():
        first[label], results[label] = _timed(function, 1)
        rows[label] = Row(case.op, case.name, label, operations=case.operations, touched=case.touched)
    expected = results["reference"] if case.reference else EXPECTED[case.op](*args, **kwargs)
    for label, row in rows.items():
        try:
            checks[label](expected, results[label])
        except AssertionError as wrong:
            row.refused = str(wrong).splitlines()[0]
        if case.op == "huffman_encode":
            size = len(results[label]) if isinstance(results[label], bytes) else results[label].words.nbytes
            row.note = f"{8 * size / len(args[0]):.3f} bits a symbol"

    _time_in_turns({label: functions[label] for label, row in rows.items() if not row.refused}, first, rows, seconds)
    against = rows[peer.label].seconds if peer is not None else float("nan")  # NaN, too, where the peer was refused
    for row in rows.values():
        row.ratio, row.share = against / row.seconds, limits.seconds(case) / row.seconds
    return list(rows.values())


def _time_in_turns(functions, first, rows, seconds: float) -> None:
    """Time them A B C C B A .. and take medians: whatever slows the machine for a while slows all of them."""
    numbers = {label: max(1, int(SAMPLE_SECONDS / max(first[label], 1e-9))) for label in functions}
    fastest = min((first[label] for label in functions), default=0)
    slow = {label for label in functions if first[label] > max(ONCE_SECONDS, ONCE_RATIO * fastest)}
    samples = {label: [first[label]] if label in slow else [] for label in functions}
    turn = [label for label in functions if label not in slow]
    end = time.perf_counter() + seconds
    while turn and (time.perf_counter() < end or len(samples[turn[0]]) < 3):
        for label in turn:
            samples[label].append(_timed(functions[label], numbers[label])[0])
        turn.reverse()
    for label in functions:
        rows[label].seconds = float(np.median(samples[label]))
