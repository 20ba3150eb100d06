"""The same bits from every form of a product, on random shapes and layouts: ``make same-bits`` (two hours).

    python -m benchmarks.same_bits [--examples 10000] [--only OP] [--seed 0]

Every product that prepares weights takes part, so a new one comes in by itself. Its calls are drawn by its own strategy
(refcompress.testing), with longer lengths beside the usual ones. The portable kernels say the bits, with one thread and
a plain call; every instruction set, one and two threads, in the layouts of testing/layouts.py drawn at random, with a
prepared weight and without, must return them. Exit code 1 where one does not.
"""

import argparse
import random
import sys
import time

import numpy as np

from refcompress import native
from refcompress.agreement import exactly
from refcompress.formats import Format, Plain
from refcompress.native import threads
from refcompress.native.packers import PACKERS
from refcompress.testing import draws
from refcompress.testing.layouts import LAYOUTS, place
from refcompress.testing.sampling import strategy

# Beside the lengths of the strategies: past a block of 64 outputs, of 32 and 64 inputs, of a page.
LONGER = (48, 63, 64, 65, 96, 100, 127, 128, 129, 200, 257)


def weight_of(args) -> int:
    """Return which argument is the weight: the format, or else the second array."""
    return next((i for i, arg in enumerate(args) if isinstance(arg, Format)), 1)


def forms(args, kwargs, op: str, rng: random.Random):
    """Yield a name and a call of each form of a product, of which the first is the one that says the bits."""
    ready = None
    for space in native.available():
        function = getattr(space, op)
        where = weight_of(args)
        if ready is None:
            weight = args[where]  # patterns of bfloat16 are prepared as what they are
            patterns = isinstance(weight, np.ndarray) and weight.dtype.name == "uint16"
            ready = native.prepare(Plain(weight, "bfloat16") if patterns else weight, op)
        yield f"{space.__name__}, plain", lambda: function(*args, **kwargs)
        packed = tuple(ready if i == where else arg for i, arg in enumerate(args))
        yield f"{space.__name__}, prepared", lambda: function(*packed, **kwargs)
        layout = rng.choice(LAYOUTS)
        other = place(args, layout)
        yield f"{space.__name__}, {layout.__name__}", lambda: function(*other, **kwargs)


def differences(args, kwargs, op: str, rng: random.Random) -> tuple[int, str]:
    """Return how many forms were called, and what is wrong; "" where nothing is."""
    expected, calls = None, 0
    for count in (1, 2):
        threads.set(count)
        for name, call in forms(args, kwargs, op, rng):
            got = call()
            calls += 1
            if expected is None:
                expected = got
                continue
            try:
                exactly(expected, got, args, kwargs)
            except AssertionError as wrong:
                return calls, f"{name}, {count} threads: {wrong}"
    return calls, ""


def campaign(op: str, examples: int, seed: int) -> tuple[int, str]:
    """Return how many calls were compared, and the first that differs."""
    import hypothesis

    rng, total, found = random.Random(seed), [0], []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=examples, deadline=None, database=None, phases=[hypothesis.Phase.generate],
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(strategy(op))
    def run(case):
        args, kwargs = case
        with np.errstate(all="ignore"):
            calls, wrong = differences(args, kwargs, op, rng)
        total[0] += calls
        if wrong and not found:
            found.append(f"{wrong}\n  on {[getattr(arg, 'shape', arg) for arg in args]}")

    run()
    return total[0], "".join(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000, help="random calls of each product (default 10,000)")
    parser.add_argument("--only", action="append", help="this product alone (may be repeated)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    threads.SERIAL_SECONDS = 0  # however small the work is, it is split
    draws.LENGTHS.extend(LONGER)
    wrong = 0
    for op in options.only or PACKERS:
        began = time.time()
        calls, difference = campaign(op, options.examples, options.seed)
        wrong += bool(difference)
        print(f"{op}: {options.examples:,} random calls, {calls:,} forms, {time.time() - began:.0f} s: "
              + (f"OTHER BITS: {difference}" if difference else "the same bits"), flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
