"""Checks of state by calls alone: a result is nobody else's, now and later; and the same call has the same bits."""

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from .. import reference
from ..agreement import Disagreement, exactly
from .cases import Call
from .expected import accepts, expected_of
from .judge import arrays_of, snapshot
from .state_calls import compare, result_of, time_over, writable

RESULTS = 33  # of one shape that are kept: more than a ring of buffers has
LARGER_THAN = (0, 1024, 2**14)  # elements of a result, from which on memory may come from elsewhere
KEPT_SECONDS, FEWEST = 0.15, 3  # of the processor for the results of one size, beside so many calls
BYTES = 2**19  # of a result
AGAIN = 4  # calls whose bits are compared
BITS_SECONDS = 0.4
BY_VALUES = ("share_optimal",)  # it takes the longer the more values are different


def results_kept(op: str, call: Callable, cases: Callable[[], Iterable[Call]], rule: Callable | None = None) -> None:
    """Keep many results of one shape: none of them may change when others come, or lie in the same memory.

    Small results and larger ones: a kernel that takes large buffers from a store, or goes round in a few, does so from
    some size on.
    """
    wanted, late = list(LARGER_THAN), time_over(BITS_SECONDS)
    for args, kwargs in cases():
        args, kwargs = writable(args), writable(kwargs)
        try:
            first = compare(op, call, args, kwargs, expected_of(op, args, kwargs), "of many results the first", rule)
        except NotImplementedError:
            continue
        size, nbytes = (sum(getattr(a, what) for a in arrays_of(first)) for what in ("size", "nbytes"))
        met = [least for least in wanted if size > least]
        if not met or nbytes > BYTES:
            continue
        wanted = [least for least in wanted if least not in met]
        if late():
            return
        over = time_over(KEPT_SECONDS)
        kept, before = [first], [snapshot(first)]
        while len(kept) < RESULTS and not (over() and len(kept) >= FEWEST):
            kept.append(result_of(call, args, kwargs))
            before.append(snapshot(kept[-1]))
        for number, (result, was) in enumerate(zip(kept, before)):
            try:
                exactly(was, result)
            except Disagreement as wrong:
                raise Disagreement(f"result {number} of {len(kept)} changed when others came: {wrong}") from None
        _apart(kept)
        if not wanted or late():
            return


def same_bits(op: str, call: Callable, cases: Callable[[], Iterable[Call]], rule: Callable | None = None) -> None:
    """Make the same call some times, with long operands whose sums round: each time it has the same bits.

    Sums of pieces in the order in which threads end differ from call to call, where pieces are many and sums round.
    """
    over = time_over(BITS_SECONDS)
    for number, (args, kwargs) in enumerate(cases()):
        if over():
            return
        args, kwargs = _uneven(op, (args, kwargs), number)
        try:
            first = snapshot(result_of(call, args, kwargs))
        except NotImplementedError:  # of these values, which no sample has
            continue
        for turn in range(1, AGAIN):
            if turn > 1 and over():
                break
            try:
                exactly(first, result_of(call, args, kwargs))
            except Disagreement as wrong:
                raise Disagreement(f"call {turn + 1} of the same differs from the first: {wrong}") from None


def _apart(results: list) -> None:
    """Refuse results of which two share memory. Of a format what nobody can write may be shared."""
    spans = []
    for number, result in enumerate(results):
        for a in arrays_of(result):
            if a.size and not (is_dataclass(result) and not a.flags.writeable):
                spans.append((*bounds(a), number, a))
    spans.sort(key=lambda span: span[:2])
    for (_, end, number, a), (begin, _, other, b) in zip(spans, spans[1:]):
        if begin < end and number != other and np.shares_memory(a, b):
            raise Disagreement(f"results {min(number, other)} and {max(number, other)} of {len(results)} share memory")


def bounds(a: np.ndarray) -> tuple[int, int]:
    """Return the addresses between which the elements of an array lie."""
    moves = [(size - 1) * stride for size, stride in zip(a.shape, a.strides)]
    first = a.ctypes.data
    return first + sum(min(move, 0) for move in moves), first + sum(max(move, 0) for move in moves) + a.itemsize


def _uneven(op: str, case: Call, number: int) -> Call:
    """Return a call with full mantissas in its floats, where the reference takes it: their sums round."""
    rng = np.random.default_rng(number)
    if op in BY_VALUES or not any(_changes(a) for a in arrays_of(list(case))):
        return writable(case[0]), writable(case[1])
    for change in (_ordinary, _positive, _scaled):
        args, kwargs = (_floats(value, rng, change) for value in case)
        if accepts(op, args, kwargs):
            return args, kwargs
    return writable(case[0]), writable(case[1])


def _changes(a: np.ndarray) -> bool:
    return a.dtype.kind == "f" or a.dtype == np.uint16


def _floats(value: Any, rng, change: Callable) -> Any:
    if isinstance(value, np.ndarray):
        return change(rng, value) if _changes(value) else value.copy(order="C")
    if isinstance(value, dict):
        return {key: _floats(item, rng, change) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_floats(item, rng, change) for item in value)
    return value


def _ordinary(rng, a: np.ndarray) -> np.ndarray:
    numbers = rng.standard_normal(a.shape)
    return _patterns(numbers) if a.dtype == np.uint16 else numbers.astype(a.dtype)


def _positive(rng, a: np.ndarray) -> np.ndarray:
    numbers = rng.uniform(0.5, 2, a.shape)
    return _patterns(numbers) if a.dtype == np.uint16 else numbers.astype(a.dtype)


def _scaled(rng, a: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return a.copy(order="C") if a.dtype == np.uint16 else (a * rng.uniform(0.5, 1, a.shape)).astype(a.dtype)


def _patterns(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as bfloat16, in which an array of 16 bits may be one."""
    return reference.floats_encode(numbers.astype(np.float32), "bfloat16")
