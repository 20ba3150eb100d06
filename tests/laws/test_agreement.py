"""Every operation, every implementation that this machine runs: they agree, and the native ones bit for bit (laws 5 and
7)."""

import itertools
import random

import pytest
from implementations import NATIVE, native, needs_native

from refcompress import agreement, reference, testing
from refcompress.ops import OPS
from refcompress.testing import layouts
from refcompress.testing.families import CASES
from refcompress.testing.judge import describe


def _functions(op, spaces):
    """Return {label: function}, each function once: a wider namespace shows a narrower one's where it has none of its
    own."""
    found = {}
    for space in spaces:
        function = getattr(space, op, None)
        if function is not None and function not in found.values():
            found[space.__name__] = function
    return found


PAIRS = [pytest.param(op, function, id=f"{op}-{label}")
         for op in OPS for label, function in {"reference": getattr(reference, op), **_functions(op, NATIVE)}.items()]
KERNELS = [op for op in OPS if _functions(op, NATIVE)]


@needs_native
def test_some_operations_have_kernels():
    assert KERNELS


@pytest.mark.parametrize("op, function", PAIRS)
def test_implementations_agree_with_the_reference_and_refuse_what_it_refuses(op, function):
    testing.check(op, function, refusals=True, isolate=False, states=False)  # our own: a crash may end the tests


@pytest.mark.parametrize("op", KERNELS)
def test_all_variants_and_thread_counts_give_the_same_bits(op, monkeypatch):
    functions = _functions(op, NATIVE)
    portable = functions.pop("native.portable")
    before = native.threads.get()
    # Every third input for each count of threads. Rows are split however small the work is.
    monkeypatch.setattr(native.threads, "SERIAL_SECONDS", 0)
    try:
        for i, (args, kwargs) in enumerate(testing.samples(op)):
            native.threads.set(1)
            expected = portable(*args, **kwargs)
            native.threads.set(1 + i % 3)
            for function in (portable, *functions.values()):
                agreement.exactly(expected, function(*args, **kwargs), args, kwargs)
    finally:
        native.threads.set(before)


@pytest.mark.parametrize("op", KERNELS)
def test_of_two_faults_all_implementations_name_the_same_one(op):
    """What a kernel finds while it reads is found last, in the reference too."""
    def refusal(space, args, kwargs):
        try:
            getattr(space, op)(*args, **kwargs)
        except Exception as error:
            return type(error), getattr(error, "argument", None)
        return None

    calls, draw = list(testing.refusals(op)), random.Random(0)
    for _ in range(100):
        (args, kwargs), (others, options) = draw.choices(calls, k=2)
        if len(args) == len(others):
            mixed = [draw.choice(pair) for pair in zip(args, others)]
            chosen = draw.choice([kwargs | options, options | kwargs])
            expected = refusal(reference, mixed, chosen)
            if expected is not None:
                assert refusal(native, mixed, chosen) == expected, describe(mixed, chosen)


@pytest.mark.parametrize("op, function", PAIRS)
def test_every_layout_gives_the_same_bits(op, function):
    # A prime step, so that all lengths and all kinds of input take part in turn.
    for args, kwargs in itertools.islice(CASES[op].sweep(), 0, None, 23):
        expected = function(*args, **kwargs)
        for layout in layouts.LAYOUTS:
            got = function(*layouts.place(args, layout), **layouts.place(kwargs, layout))
            agreement.exactly(expected, got, args, kwargs)
