"""A wrong input made smaller while it stays wrong: plain memory, fewer options, shorter axes, simpler numbers.

What may be tried is not known here: the constructors of formats and the reference refuse what is no input, and then the
next one is tried. The order is fixed, so that the same input becomes the same smaller one.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from . import memory
from .cases import Call, call_of
from .cutting import cut, sizes_of
from .judge import Outcome, arrays_of
from .task import Task

TRIES = 600  # so many, and not so long, so that a faster machine finds the same input
ONE_BY_ONE = 600  # elements of an array that are made simpler one by one; of a longer one, runs of them


def smallest(task: Task, judge: Callable[[Call], Outcome], case: Call, outcome: Outcome,
             seconds: float, clock: Callable[[], float], took: float = 0.0) -> tuple[Call, Outcome]:
    """Return the smallest input found on which the same goes wrong, and what goes wrong on it.

    It takes so many seconds at most: none is tried for which there is less time left than the longest one took, or
    than the input itself ``took``.
    """
    now, tries, longest = clock(), 0, took
    end = now + seconds
    best, sort = (case, outcome), _sort(outcome)

    def better(trial: Call) -> bool:
        nonlocal best, tries, now, longest
        tries += 1
        trial = _tied(best[0], trial)
        came = judge(trial)
        longest, now = max(longest, clock() - now), clock()
        if not came.failed or _sort(came) != sort:
            return False
        best = trial, came
        return True

    passes = (_plainer, _fewer, _shorter, _flatter, _simpler)
    improved = True
    while improved:
        improved = False
        for candidates in passes:
            again = True
            while again:
                again = False
                for trial in candidates(task, best[0]):
                    now = clock()
                    if tries >= TRIES or now + longest > end:
                        return best
                    if better(trial):
                        again = improved = True
                        break
    return best


def _tied(case: Call, trial: Call) -> Call:
    """Return a trial in which what was one array for two arguments is one again, changed as one of both was.

    Of a trial that has only made two equal arrays of it they stay two.
    """
    (args, _), (found, options) = case, trial
    if len(found) != len(args):
        return trial
    changed = list(found)
    for j, i in _twice(args):
        only_apart = found[i] is args[i] and _equal(found[j], args[j])
        if found[i] is not found[j] and not only_apart:
            changed[i] = changed[j] = found[i] if found[i] is not args[i] else found[j]
    return tuple(changed), options


def _twice(args: tuple) -> Iterator[tuple[int, int]]:
    """Yield the places of arguments that are an array which an earlier one is too, and that one's."""
    for j, value in enumerate(args):
        same = [i for i in range(j) if args[i] is value] if type(value) is np.ndarray else []
        yield from ((j, same[0]),) if same else ()


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) is np.ndarray and a.shape == b.shape and a.dtype == b.dtype and (
        a.tobytes() == b.tobytes() and memory.place_of(a) == memory.place_of(b))


def _sort(outcome: Outcome) -> str:
    """Return what must stay the same: how it fails, not where in the result."""
    return f"{outcome.kind} {outcome.reason.partition(':')[0].partition('[')[0] if outcome.kind == 'wrong' else ''}"


def _plainer(task: Task, case: Call) -> Iterator[Call]:
    """Yield the input with its arrays in plain memory: all of them, then one after the other."""
    args, kwargs = case
    for j, _ in _twice(args):  # two arrays in place of one
        yield (*args[:j], memory.at(args[j], **vars(memory.place_of(args[j]))), *args[j + 1:]), kwargs
    odd = [path for path, a in _leaves(case) if not _is_plain(a, len(path) > 2)]
    for paths in ([odd] if len(odd) > 1 else []) + [[path] for path in odd]:
        changed = case
        for path in paths:
            changed = _with(changed, path, memory.at(_native(_at(case, path))))
        yield changed
    for path in odd:  # a step towards it: the same strides, but writable, at no guard page, of this byte order
        a = _at(case, path)
        place = memory.place_of(a)
        if place.strides is not None and (place.read_only or place.offset or place.guard or not a.dtype.isnative):
            yield _with(case, path, memory.at(_native(a), strides=place.strides))


def _is_plain(a: np.ndarray, inside: bool) -> bool:
    place = memory.place_of(a)
    return a.dtype.isnative and (place.guard is None if inside else place.plain)  # formats freeze their arrays


def _native(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def _fewer(task: Task, case: Call) -> Iterator[Call]:
    """Yield the input with an option less, or a simpler one."""
    args, kwargs = case
    for name in kwargs:
        yield args, {key: value for key, value in kwargs.items() if key != name}
    if len(args) > 1:
        yield args[:-1], kwargs
    for i, value in enumerate(args):
        if isinstance(value, np.ndarray) and list(task.names.defaults.values())[i: i + 1] == [None]:
            yield (*args[:i], None, *args[i + 1:]), kwargs
    for name, value in kwargs.items():
        for simpler in _simpler_scalars(value):
            yield args, {**kwargs, name: simpler}
    for i, value in enumerate(args):
        for simpler in _simpler_scalars(value):
            yield (*args[:i], simpler, *args[i + 1:]), kwargs


def _simpler_scalars(value: Any) -> Iterator[Any]:
    if type(value) is int:
        yield from dict.fromkeys(n for n in (0, 1, value // 2, value - 1) if 0 <= n < value)
    elif type(value) is float and value not in (0.0, 1.0):
        yield from (0.0, 1.0)
    elif type(value) is tuple and value and all(type(item) is int for item in value):
        for i, item in enumerate(value):
            for simpler in _simpler_scalars(item):
                yield (*value[:i], simpler, *value[i + 1:])


def _shorter(task: Task, case: Call) -> Iterator[Call]:
    """Yield the input with all axes of a length cut to a shorter one, then one array's alone."""
    args, kwargs = case
    named = {**dict(enumerate(args)), **kwargs}
    for size in sorted({size for value in named.values() for size in sizes_of(value)}, reverse=True):
        for new in dict.fromkeys((1, size // 8, size // 4, size // 2, size - size // 4, size - 1)):
            if not 0 < new < size:  # of no elements it would show little
                continue
            for last in (False, True):
                yield from _cuts(named, len(args), size, new, last)


def _cuts(named: dict, count: int, size: int, new: int, last: bool) -> Iterator[Call]:
    cuts = {name: list(cut(value, size, new, last)) for name, value in named.items()}
    able = [name for name in named if cuts[name]]
    most = max((len(cuts[name]) for name in able), default=0)
    for turn in range(most):  # of formats there may be more ways than one
        yield call_of({name: cuts[name][min(turn, len(cuts[name]) - 1)] if name in able else value
                     for name, value in named.items()}, count)
    for name in able if len(able) > 1 else []:
        for value in cuts[name]:
            yield call_of({**named, name: value}, count)
    for value in named.values():  # one axis of an array with two of the same length
        if isinstance(value, np.ndarray) and value.shape.count(size) > 1:
            for axis, length in enumerate(value.shape):
                if length == size:
                    yield call_of({key: next(cut(other, size, new, last, axis), other) if other is value else other
                                 for key, other in named.items()}, count)


def _flatter(task: Task, case: Call) -> Iterator[Call]:
    """Yield the input with an axis of one element less: of all arrays in plain memory that have it, then of one."""
    args, kwargs = case
    named = {**dict(enumerate(args)), **kwargs}
    able = {name: value for name, value in named.items() if type(value) is np.ndarray and value.ndim > 1
            and 1 in value.shape and memory.place_of(value).plain}
    for chosen in ([able] if len(able) > 1 else []) + [{name: value} for name, value in able.items()]:
        for axis in range(max(value.ndim for value in chosen.values())):
            less = {name: memory.at(np.squeeze(value, axis)) for name, value in chosen.items()
                    if value.shape[axis: axis + 1] == (1,)}
            if less:
                yield call_of({**named, **less}, len(args))


def _simpler(task: Task, case: Call) -> Iterator[Call]:
    """Yield the input with simpler numbers: all of an array 0 or 1, then runs of them, then single ones."""
    for path, a in sorted(_leaves(case), key=lambda leaf: -leaf[1].size):
        flat = a.reshape(-1)
        length = a.size
        while length:
            if length == 1 and a.size > ONE_BY_ONE:
                break
            for begin in range(0, a.size, length):
                run = slice(begin, min(begin + length, a.size))
                for simple in _simple(flat[run], whole=length == a.size):
                    values = flat.copy()
                    values[run] = simple
                    if _weight(values[run]) < _weight(flat[run]):
                        yield from _changed(case, path, a, values)
            length //= 2


def _weight(run: np.ndarray) -> float:
    """Return how hard numbers are to read: what is simpler weighs less, so that no step is taken back.

    An integer weighs its bits. A fraction weighs its significant bits, and its exponent, whichever sign that has.
    """
    with np.errstate(all="ignore"):
        numbers = run.astype(np.float64)
        size = np.abs(numbers)
        each = np.where(size > 1, 2 + np.log2(np.where(size > 1, size, 1)), size)
        each = np.where((numbers < 0) | (size == 0) & np.signbit(numbers), each + 0.5, each)
        each = np.where(numbers != np.rint(numbers), 6 + _significant(size) + np.abs(np.frexp(size)[1]), each)
    return float(np.where(np.isfinite(numbers), each, 2000).sum())


def _significant(size: np.ndarray) -> np.ndarray:
    """Return how many bits of float64 numbers there are from the first 1 to the last one."""
    bits = np.ldexp(np.frexp(np.where(np.isfinite(size), size, 0))[0], 53).astype(np.int64)
    return 53 - np.where(bits == 0, 53, np.frexp((bits & -bits).astype(np.float64))[1] - 1)


def _simple(run: np.ndarray, whole: bool) -> Iterator[Any]:
    """Yield what is simpler than some numbers: 0, 1, and nearer to them; of whole arrays others in proportion."""
    one = run.dtype.type(1)
    yield run.dtype.type(0)
    if (run != 0).any() and not (run == one).all():
        yield one
    if run.dtype.kind == "f" and (whole or len(run) == 1):
        yield from _simple_fractions(run)
    elif len(run) == 1 and run.dtype.kind in "iu" and abs(int(run[0])) > 2:
        value = run[0]
        yield from (run.dtype.type(n) for n in (abs(int(value) + 1) - 1, int(value) // 2) if n != int(value))


def _simple_fractions(run: np.ndarray) -> Iterator[np.ndarray]:
    """Yield numbers near 1 in the same proportions, then ones of fewer bits: magnitudes, integers, a few bits each."""
    with np.errstate(all="ignore"):
        largest = np.abs(run[np.isfinite(run)]).max(initial=0)
        if largest and (power := int(np.frexp(largest)[1])) not in (0, 1):
            yield np.ldexp(run, 1 - power)
        for nearer in (np.abs(run), np.rint(run), *(_of_bits(run, bits) for bits in (1, 2, 4, 8))):
            if np.isfinite(nearer).all() and (nearer != run).any():
                yield nearer


def _of_bits(run: np.ndarray, bits: int) -> np.ndarray:
    """Return numbers rounded to so many significant bits."""
    fraction, power = np.frexp(run)
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), power - bits)


def _changed(case: Call, path: tuple, a: np.ndarray, values: np.ndarray) -> Iterator[Call]:
    place = memory.place_of(a)
    try:
        yield _with(case, path, memory.at(values.reshape(a.shape), **vars(place)))
    except (ValueError, TypeError, IndexError, OverflowError):  # a format that refuses what it would hold
        return


def _leaves(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, np.ndarray]]:
    if type(value) is np.ndarray:
        yield path, value
    elif type(value) in (tuple, list):
        for i, item in enumerate(value):
            yield from _leaves(item, (*path, i))
    elif type(value) is dict:
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), (*path, field.name))


def _at(value: Any, path: tuple) -> Any:
    for step in path:
        value = getattr(value, step) if is_dataclass(value) else value[step]
    return value


def _with(value: Any, path: tuple, leaf: Any) -> Any:
    """Return a value with another leaf; a format is made by its constructor, which may refuse it."""
    if not path:
        return leaf
    step, *rest = path
    if is_dataclass(value):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = held | {step: _with(held[step], tuple(rest), leaf)}
        cls: Any = type(value)
        made = cls(**changed)
        guarded = {memory.place_of(a).guard for a in arrays_of(changed)} - {None}
        return memory.made(cls, **changed) if guarded else made
    if isinstance(value, dict):
        return {**value, step: _with(value[step], tuple(rest), leaf)}
    return type(value)(_with(item, tuple(rest), leaf) if i == step else item for i, item in enumerate(value))
