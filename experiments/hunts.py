"""Does luck win a bug hunt? ``python -m experiments.hunts`` throws plain random inputs at wrong kernels.

A generic tester knows the operation's types and shapes, and nothing of its bugs (``refcompress/labs/hunts/plain.py``).
It has a minute of the processor for each kernel. The kernels are every Nth of those that one call with plain arrays can
show; each is also tried as a hunt is dealt, with other random numbers than the tester's. Writes results/hunts.md.

--quick takes a few kernels for a second each, and writes nothing.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refcompress.labs.hunts.deal import KINDS, THROWS, kernels, thrown
from refcompress.testing import catalogue
from refcompress.testing.catalogue import Kernel

PAGE = Path(__file__).resolve().parents[1] / "results" / "hunts.md"
SECONDS, QUICK_SECONDS, QUICK_KERNELS = 60.0, 1.0, 6
SEED = 1  # of the tester; a deal throws with seed 0


@dataclass(frozen=True)
class Thrown:
    """What luck did with one kernel.

    dealt : whether the inputs of a deal leave it in. won : whether the tester shows the bug. inputs, seconds : until
    then, or until its time was over.
    """

    op: str
    name: str
    dealt: bool
    won: bool
    inputs: int
    seconds: float

    @property
    def kernel(self) -> Kernel:
        return catalogue.kernel(self.op, self.name)


def tried(given: tuple[str, str, float]) -> Thrown:
    """Return what luck does with the kernel of an operation and a name, in so many seconds."""
    op, name, most = given
    kernel = catalogue.kernel(op, name)
    dealt = not thrown(kernel, 0, lambda count: count >= THROWS)[1]
    begun = time.process_time()
    inputs, won = thrown(kernel, SEED, lambda count: time.process_time() - begun >= most)
    return Thrown(op, name, dealt, won, inputs, time.process_time() - begun)


def page(found: Sequence[Thrown], every: int, seconds: float) -> str:
    """Return the page."""
    dealt = [each for each in found if each.dealt]
    lines = [
        "# Does luck win a bug hunt?", "",
        "`make hunts` makes this page (`experiments/hunts.py`).", "",
        f"A generic tester threw plain random inputs at {_nth(every)} of the {len(kernels())} wrong kernels that one "
        f"call with plain arrays can show, {seconds:g} seconds of one processor for each. A hunt deals only kernels "
        f"that {THROWS} such inputs, with other random numbers, do not show (`refcompress/labs/hunts/deal.py`).", "",
        "| kernels | tried | shown by luck | share |", "| --- | ---: | ---: | ---: |"]
    for word, some in (("all", found), ("those that these inputs leave", dealt)):
        won = sum(each.won for each in some)
        lines.append(f"| {word} | {len(some)} | {won} | {100 * won / max(len(some), 1):.0f} % |")
    lines += ["", "By the class of the bug, of those that are left:", "",
              "| class | tried | shown by luck |", "| --- | ---: | ---: |"]
    for kind in KINDS:
        of_kind = [each for each in dealt if each.kernel.kind == kind]
        if of_kind:
            lines.append(f"| {kind} | {len(of_kind)} | {sum(each.won for each in of_kind)} |")
    late = [each for each in dealt if each.won]
    if late:
        lines += ["", "Shown after all:", "", "| operation | bug | inputs | seconds |", "| --- | --- | ---: | ---: |"]
        lines += [f"| `{each.op}` | {each.name} | {each.inputs:,} | {each.seconds:.1f} |" for each in late]
    return "\n".join([*lines, ""])


def _nth(every: int) -> str:
    return "each" if every == 1 else f"one in {every}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.hunts", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few kernels, a second each; writes nothing")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth kernel (default: all)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each kernel (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kernels at once (%(default)s)")
    given = parser.parse_args(argv)
    pool = kernels()
    every = max(1, len(pool) // QUICK_KERNELS) if given.quick else max(1, given.every)
    seconds = QUICK_SECONDS if given.quick else given.seconds
    work = [(kernel.op, kernel.name, seconds) for kernel in pool[::every]]
    with multiprocessing.get_context("fork").Pool(given.jobs) as workers:
        found = []
        for each in workers.imap(tried, work):
            found.append(each)
            print(f"{each.op}: {each.name}: {'shown' if each.won else 'not shown'}, {each.inputs} inputs",
                  file=sys.stderr, flush=True)
    text = page(found, every, seconds)
    print(text)
    if not given.quick:
        PAGE.write_text(text)
    dealt = [each.won for each in found if each.dealt]
    return 0 if 2 * sum(dealt) <= len(dealt) else 1


if __name__ == "__main__":
    sys.exit(main())
