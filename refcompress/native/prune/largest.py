"""The largest of all scores, ties to the lowest index.

A sample of the scores tells two numbers that most likely enclose the smallest score that is kept. One pass settles all
scores but those between the two, and writes these down. Of them, a few in a hundred, the threshold is found by
counting. Where the two numbers miss it, or too many scores lie between them, all scores are counted.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import RefcompressError
from .. import threads
from .._call import pointer
from .._kernels import ffi, lib

BLOCK, ROOM = lib.RC_PRUNE_BLOCK, lib.RC_PRUNE_ROOM
SLACK = 16  # places of a range that stay free, as api.h says
# Scores that are ranked to find the two numbers: one of SHARE, at most SAMPLE. At least LEAST, of which the two enclose
# less than a twentieth of all scores: more than that has no room. One of FEWEST where there are not so many.
SAMPLE, LEAST, SHARE, FEWEST = 2**16, 2**14, 16, 4
SIDE = 4  # of them lie side by side: what is read from memory there
SIGMAS = 4  # standard deviations of the sample's rank that they lie to both sides of it
SMALL = 2**16  # of fewer scores all are counted
CHUNK = 2**22  # scores in a call that is not split among threads: some milliseconds
SPEED = 2e9  # scores a second and thread, to the order of magnitude: memory sets it


@dataclass(frozen=True)
class Part:
    """One array: its scores, and the array that says which are kept (bytes) or holds those that are (floats); flat."""

    scores: np.ndarray
    result: np.ndarray


@dataclass(frozen=True)
class Left:
    """What a pass over a part left open: for each range of blocks its first score, how many, their indices and scores.

    complete : whether all that are open could be written down.
    """

    above: int
    count: int
    complete: bool
    ranges: list[tuple[int, int, np.ndarray, np.ndarray]]


def is_callers(row, op: str, kernel) -> bool:
    """Return whether a kernel is no kernel of ours: then it makes the pass for few scores too, and its counts are
    looked at, for what it left out would be mended by counting all."""
    return row.kernels.get(op) != kernel


def keep_largest(run: Callable, parts: list[Part], keep: int, *, magnitude: bool, callers: bool = False) -> None:
    """Write which are the ``keep`` largest of all scores, or of all magnitudes.

    ``run(part, begin, end, low, high, open)`` is the pass over some blocks of a part (csrc/prune/api.h). It refuses
    what has no rank. callers : whether the kernel is one of a caller.
    """
    size = sum(len(part.scores) for part in parts)
    if size < (FEWEST if callers else SMALL) or not 0 < keep < size:
        for part in parts:
            _pass(run, part, np.inf, np.inf)
        for part in parts:
            part.result[:] = 0 if keep < size else part.scores if part.result.dtype == np.float32 else 1
        if 0 < keep < size:
            _by_counts(parts, magnitude, keep)
        return
    low, high = _enclosing(parts, magnitude, keep, size)
    left = [_pass(run, part, low, high) for part in parts]
    if callers:
        for part, own in zip(parts, left):
            _refuse_miscounted(part, own, low, high, magnitude)
    ties = keep - sum(own.above for own in left)
    if 0 <= ties <= sum(own.count for own in left) and all(own.complete for own in left):
        _settle(parts, left, ties, low, high)
    elif 0 <= ties <= sum(own.count for own in left) and low == high:
        _apply(parts, magnitude, low, ties)
    else:
        _by_counts(parts, magnitude, keep)


def magnitude_number(run: Callable, scores: np.ndarray, written: np.ndarray, nth: int) -> float:
    """Return number ``nth`` of the magnitudes, the largest being number 0; ``run`` writes what it does to ``written``.
    """
    part = Part(scores, written)
    low, high = _enclosing([part], True, nth + 1, len(scores))
    left = _pass(run, part, low, high)
    place = nth - left.above
    if not 0 <= place < left.count:
        return _counted([part], True, nth)[0]
    if not left.complete:
        return low if low == high else _counted([part], True, nth)[0]
    return nth_largest(_open_scores([left]), place, low=low, high=high)[0]


def nth_largest(arrays: list[np.ndarray], nth: int, *, magnitude: bool = False, low: float = -np.inf,
                high: float = np.inf) -> tuple[float, int]:
    """Return number ``nth`` of all scores, the largest being number 0, and how many of its equals are up to there.

    All scores, or magnitudes, lie in low .. high.
    """
    pointers = [pointer(a) for a in arrays]
    of = ffi.new("struct rc_prune_part[]", [(p, len(a)) for p, a in zip(pointers, arrays)])
    counts, value, ties = np.empty(lib.RC_PRUNE_PLACES, np.uint64), ffi.new("double *"), ffi.new("uint64_t *")
    lib.rc_prune_nth(len(arrays), of, _wide(arrays[0]), magnitude, max(low, 0) if magnitude else low, high, nth,
                     pointer(counts, writable=True), value, ties)
    return value[0], ties[0]


def sample_step(size: int) -> int:
    """Return how far apart the places are of which SIDE scores are in the sample."""
    count = min(SAMPLE, max(LEAST, size // SHARE), size // FEWEST)
    return SIDE * size // count | 1  # odd, so that no column of a matrix is met again and again


def _enclosing(parts: list[Part], magnitude: bool, keep: int, size: int) -> tuple[float, float]:
    """Return two numbers, the lower first, between which the smallest score that is kept most likely lies."""
    step = sample_step(size)
    sample = np.concatenate([part.scores[i::step] for part in parts for i in range(SIDE)])
    share, count = keep / size, len(sample)
    rank, reach = share * count, SIGMAS * math.sqrt(count * share * (1 - share)) + SIGMAS
    first, last = math.floor(rank - reach), math.ceil(rank + reach)
    high = nth_largest([sample], first, magnitude=magnitude)[0] if first >= 0 else np.inf
    low = nth_largest([sample], last, magnitude=magnitude)[0] if last < count else -np.inf
    return low, high


def _pass(run: Callable, part: Part, low: float, high: float) -> Left:
    """Make the pass over a part, by several threads."""
    size = len(part.scores)
    blocks = -(-size // BLOCK)
    index, score = np.empty(blocks * ROOM, np.uint32), np.empty(blocks * ROOM, part.scores.dtype)
    found = np.zeros((blocks, 2), np.uint64)
    arrays = [pointer(a, writable=True) for a in (index, score, found.reshape(-1))]
    open_, ranges = ffi.new("struct rc_prune_open *", arrays), []

    def some(begin, end):
        run(part, begin, end, low, high, open_)
        ranges.append((begin, end))

    threads.run(some, blocks, size / SPEED)
    found = found.astype(np.int64)
    complete = all(found[begin, 0] <= (end - begin) * ROOM - SLACK for begin, end in ranges)
    return Left(int(found[:, 1].sum()), int(found[:, 0].sum()), complete,
                [(begin * BLOCK, int(found[begin, 0]), index[begin * ROOM :], score[begin * ROOM :])
                 for begin, _ in sorted(ranges)])


def _refuse_miscounted(part: Part, left: Left, low: float, high: float, magnitude: bool) -> None:
    scores = np.abs(part.scores) if magnitude else part.scores
    above = int(np.count_nonzero(scores > high))
    open_ = int(np.count_nonzero(scores >= low)) - above
    if (left.above, left.count) != (above, open_):
        said = f"counts {left.above} scores above and {left.count} open ones, there are {above} and {open_}"
        raise RefcompressError("kernel", said)


def _open_scores(left: list[Left]) -> list[np.ndarray]:
    return [score[:count] for own in left for _, count, _, score in own.ranges if count]


def _settle(parts: list[Part], left: list[Left], keep: int, low: float, high: float) -> None:
    """Keep the ``keep`` largest of what the passes left open."""
    if not keep:
        return
    least, ties = nth_largest(_open_scores(left), keep - 1, low=low, high=high)
    ties_left = ffi.new("uint64_t *", ties)
    for part, own in zip(parts, left):
        to = _results(part)
        for first, count, index, score in own.ranges:
            lib.rc_prune_settle(count, first, _wide(score), pointer(index), pointer(score), least, ties_left, *to)


def _by_counts(parts: list[Part], magnitude: bool, keep: int) -> None:
    """Write which are kept, after all scores were counted."""
    _apply(parts, magnitude, *_counted(parts, magnitude, keep - 1))


def _counted(parts: list[Part], magnitude: bool, nth: int) -> tuple[float, int]:
    """Return what nth_largest does: all are counted by the highest bits in which they differ, then by the next."""
    wide = _wide(parts[0].scores)
    least = lib.rc_prune_key(wide, magnitude, 0 if magnitude else -np.inf)
    span = lib.rc_prune_key(wide, magnitude, np.inf) - least
    while True:
        counts, shift = np.zeros(lib.RC_PRUNE_PLACES, np.uint64), lib.rc_prune_shift(span)
        for part in parts:
            for begin in range(0, len(part.scores), CHUNK):
                lib.rc_prune_count(begin, min(begin + CHUNK, len(part.scores)), wide, magnitude, pointer(part.scores),
                                   least, span, pointer(counts, writable=True))
        before = np.cumsum(counts[::-1].astype(np.int64))  # in the highest place, in the two highest, ...
        place = int(np.searchsorted(before, nth, side="right"))
        nth -= int(before[place - 1]) if place else 0
        least += lib.RC_PRUNE_PLACES - 1 - place << shift
        if not shift:
            break
        span = 2**shift - 1
    return lib.rc_prune_score(wide, magnitude, least), nth + 1


def _apply(parts: list[Part], magnitude: bool, least: float, ties: int) -> None:
    """Write which are kept: those above ``least``, and the first ``ties`` of those equal to it."""
    ties_left = ffi.new("uint64_t *", ties)
    for part in parts:
        mask, _, values = _results(part)
        for begin in range(0, len(part.scores), CHUNK):
            lib.rc_prune_ties(begin, min(begin + CHUNK, len(part.scores)), _wide(part.scores), magnitude,
                              pointer(part.scores), least, ties_left, mask, values)


def _results(part: Part) -> tuple:
    """Return where C writes the mask, and where it reads and writes weights: only one of the two."""
    result = pointer(part.result, writable=True)
    return (result, ffi.NULL, ffi.NULL) if part.result.dtype == np.uint8 else (ffi.NULL, pointer(part.scores), result)


def _wide(a: np.ndarray) -> int:
    return int(a.dtype == np.float64)
