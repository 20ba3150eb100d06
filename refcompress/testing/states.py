"""Checks of what a kernel keeps, shares, changes or leaves behind: what no single call shows.

Each of ``CHECKS`` is called as ``check(op, call, cases, rule)``, with the operation's name, the function under test, a
function that yields (args, kwargs), a few of the operation's own samples, and a rule in place of the operation's own.
It raises Disagreement, or returns None. ``INPUTS`` says which inputs a check takes.
:func:`first_calls_at_once` is for a process in which the function was not called before.
"""

import contextlib
import gc
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from itertools import islice

import numpy as np

from ..agreement import Disagreement
from . import modes
from .cases import Call
from .expected import accepts
from .held import held
from .judge import snapshot
from .state_bits import results_kept, same_bits
from .state_calls import agree, bytes_of, changed_copies, other_values, rebuilt, result_of, same, time_over, writable
from .state_inputs import inputs, long_inputs, short_inputs
from .state_refusals import after_refusals
from .state_threads import first_calls_at_once, threads_at_once

__all__ = ["CHECKS", "INPUTS", "after_refusals", "first_calls_at_once", "floating_point_mode", "formats_in_place",
           "inputs", "long_inputs", "memory", "operands_in_place", "results_kept", "same_bits", "short_inputs",
           "threads_at_once"]

BATCH_SECONDS = 0.25  # of a few batches that tell whether the memory grows
BATCH = 48  # calls between two looks at the memory
FEWEST = 12  # of them, which tell what grows from what comes and goes
LOOKS = 12  # at the memory: after each of them it has grown
GROWS = (16, 0.5)  # bytes of the C library and blocks of Python a call
MOST = 16  # calls of the operation's own samples that are looked at


def operands_in_place(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                      rule: Callable | None = None) -> None:
    """Call with the same arrays twice, and change what they hold between: a result that was kept is then a wrong one.

    So is what was made of an operand and is found again by the operand's address. A format cannot change; but one that
    takes the place of another in memory is found by its address too.
    """
    over = time_over()
    for number, (args, kwargs) in enumerate(islice(cases(), MOST)):
        args, kwargs = writable(args), writable(kwargs)
        arrays = [a for a in (*args, *kwargs.values()) if isinstance(a, np.ndarray)]
        agree(op, call, args, kwargs, "before its operands were changed in place", rule)
        first = snapshot(result_of(call, args, kwargs))
        if not all(array.flags.writeable for array in arrays):
            raise Disagreement("an operand may not be written any more: the call took it away from its owner")
        for array in arrays:
            before = array.copy()
            agreed = 0
            for other in other_values(before, number):
                array[...] = other
                agreed += agree(op, call, args, kwargs, "after an operand was changed in place", rule)
                if agreed == 2:
                    break
            array[...] = before
        same(first, result_of(call, args, kwargs), "after its operands were changed in place, and back,")
        if over() and number >= 2:
            return


def formats_in_place(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                     rule: Callable | None = None) -> None:
    """Call with one format after another at the same address: what was kept for the first is not the second's."""
    over = time_over()
    some = [case for case in islice(cases(), 2 * MOST) if any(is_dataclass(a) for a in case[0])]
    by_kind: dict[tuple, list[Call]] = {}
    for args, kwargs in some:
        shapes = tuple(str(getattr(a, "shape", a)) for a in args)
        by_kind.setdefault(shapes, []).append((args, kwargs))
    for group in by_kind.values():
        for args, kwargs in [*group[:3], *group[:1]]:
            fresh = tuple(rebuilt(a, 0) for a in args)
            agree(op, call, fresh, kwargs, "with a format that was made a moment ago", rule)
            changed = None
            del fresh
            for turn in (1, 2):
                changed = tuple(rebuilt(a, turn) for a in args)
                agree(op, call, changed, kwargs, "with a format in the place of one that is gone", rule)
                del changed
        if over():
            return


def floating_point_mode(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
                        rule: Callable | None = None) -> None:
    """Call in another mode than the default: it must be the same after a call (GEN-3.8), whatever the results are then.

    The default mode is looked at after each call of the fixed inputs.
    """
    over = time_over()
    for args, kwargs in cases():
        if over():
            return
        with modes.flushing():
            before = modes.mode()
            with contextlib.suppress(Exception), np.errstate(all="ignore"):
                call(*args, **kwargs)
            if modes.changed(before):
                raise Disagreement("changes the mode of the floating-point unit: it was set to flush subnormal numbers "
                                   "to zero before the call, and is not so after it")


def memory(op: str, call: Callable, cases: Callable[[], Iterable[Call]],
           rule: Callable | None = None) -> None:
    """Call again and again with other values: what grows by every call is never given back.

    Counted are the bytes that the C library has given out and the blocks that Python holds, not the pages of the
    process: these numbers are exact. A kernel may keep what it made for the last few hundred inputs; so the first
    calls do not count.
    """
    smallest = sorted(islice(cases(), 2 * MOST), key=bytes_of)[1:4]
    some = [(case, accepts(op, changed_copies(case[0], 1), case[1])) for case in smallest]
    if not some:
        return
    turned = 0

    def batch() -> int:
        nonlocal turned
        done, over = 0, time_over(BATCH_SECONDS)
        while done < BATCH and (not over() or done < 2):
            (args, kwargs), others = some[turned % len(some)]
            result_of(call, changed_copies(args, turned) if others else args, kwargs)
            turned, done = turned + 1, done + 1
        gc.collect()
        return done

    for _ in range(5):
        if batch() < FEWEST:
            return  # too slow to tell what grows from what comes and goes
    grown, calls, before = [], 0, held()
    for _ in range(LOOKS):
        done = batch()
        now = held()
        grown.append([(b - a) / done for a, b in zip(before, now)])
        least = [min(each) for each in zip(*grown)]
        if done < FEWEST or not any(each >= most for each, most in zip(least, GROWS)):
            return  # what fills up, a cache of the C library's own among it, grows for a while only
        before, calls = now, calls + done
    for each, most, what in zip(least, GROWS, ("bytes of the C library", "objects of Python")):
        if each >= most:
            raise Disagreement(f"holds {each:.4g} {what} more after each call: {calls} calls with small "
                               f"inputs, after {turned - calls} that did not count")


CHECKS: tuple[Callable, ...] = (operands_in_place, formats_in_place, threads_at_once, floating_point_mode,
                                results_kept, same_bits, memory)
# The inputs of a check, by its name: of others they are those of ``inputs``.
INPUTS = {"floating_point_mode": "short_inputs", "results_kept": "long_inputs", "same_bits": "long_inputs"}
