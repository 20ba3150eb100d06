"""The clock of the house: what is compared is called in turns, so that whatever slows the machine slows all of it."""

import time
from collections.abc import Callable
from typing import Any

__all__ = ["in_turns", "timed"]

WARM_SECONDS = 0.02  # a longer call warms its caches by itself
SAMPLE_SECONDS = 0.001  # a sample repeats a short call until the clock's own cost does not count
# A visit takes as many samples as fit: beside calls that take ten times as long a quick one would have too few.
VISIT_SECONDS = 0.005
MOST_ROUNDS = 200


def timed(function: Callable[[], Any], number: int) -> tuple[float, Any]:
    """Return the mean seconds of ``number`` calls, and the result of the last one."""
    begin = time.perf_counter()
    for _ in range(number):
        result = function()
    return (time.perf_counter() - begin) / number, result


def in_turns(functions: dict[str, Callable[[], Any]], first: dict[str, float], seconds: float, least: int,
             evict: Callable[[], Any] | None = None) -> dict[str, list[float]]:
    """Return samples of the seconds of each function, taken in the order A B C C B A ...

    Parameters
    ----------
    functions : name -> what is timed
    first : name -> about how long a call takes
    seconds, least : how long it goes on, and for how many rounds at least
    evict : empties the caches; then each sample is one call after it. Without, a sample is as many calls as make the
        clock's own cost nothing, and a visit takes as many samples as fit.
    """
    numbers = {label: 1 if evict else max(1, int(SAMPLE_SECONDS / max(first[label], 1e-9))) for label in functions}
    samples: dict[str, list[float]] = {label: [] for label in functions}
    turn = list(functions)
    end = time.perf_counter() + seconds
    for done in range(MOST_ROUNDS):
        if not turn or (done >= least and time.perf_counter() >= end):
            break
        for label in turn:
            if evict:
                evict()
            elif numbers[label] > 1 or first[label] < WARM_SECONDS:
                functions[label]()  # after the others its arrays, and its code, have left the nearest caches
            leave = time.perf_counter() + VISIT_SECONDS
            samples[label].append(timed(functions[label], numbers[label])[0])
            while not evict and time.perf_counter() < leave:
                samples[label].append(timed(functions[label], numbers[label])[0])
        turn.reverse()
    return samples
