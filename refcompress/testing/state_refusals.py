"""What a refusal leaves behind: the next good call must be right."""

import warnings
from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np

from .. import reference
from ..errors import RefcompressError
from .cases import Call
from .families import CASES
from .spread import spread
from .state_calls import agree, bytes_of, time_over, writable

GOOD, BAD = 3, 24  # calls that are good, and those that are to be refused


def after_refusals(op: str, call: Callable, cases: Callable[[], Iterable[Call]], rule: Callable | None = None) -> None:
    """Make a call that is refused, and then a good one: scratch memory is as it was, a lock is open, a table whole.

    A function that does not refuse as the reference does has not promised to go on after what it was given.
    """
    over = time_over()
    good = sorted(islice(cases(), 9), key=bytes_of)[-GOOD:]
    for number, (args, kwargs) in enumerate(spread(list(CASES[op].refusals()))[:BAD]):
        if over() or not good:
            return
        args, kwargs = writable(args), writable(kwargs)  # a layout may be one that is not offered
        wanted = _refusal(getattr(reference, op), args, kwargs)
        got = _refusal(call, args, kwargs)
        if got is None or wanted is None or (type(got), got.argument) != (type(wanted), wanted.argument):
            continue
        args, kwargs = good[number % len(good)]
        try:
            agree(op, call, args, kwargs, "after a call that was refused", rule)
        except NotImplementedError:
            continue


def _refusal(function: Callable, args: tuple, kwargs: dict) -> RefcompressError | None:
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a bad call is cast to
            function(*args, **kwargs)
    except RefcompressError as error:
        return error
    except Exception:
        return None
    return None
