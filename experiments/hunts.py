"""Does luck win a bug hunt? ``python -m experiments.hunts`` throws plain random inputs at wrong kernels.

A generic tester knows the operation's types and shapes, and nothing of its bugs (``refcompress/labs/hunts/plain.py``).
It has a minute of the processor for each kernel: how busy the machine is does not matter. The kernels are all that one
call with plain arrays can show, in a random order; each is also tried as a hunt is dealt, with other random numbers
than the tester's. Writes results/hunts.md, which experiments/hunts_page.py makes.

Every answer is kept in build/hunts.jsonl until the page of all kernels is written: a run that was ended goes on where
it was. Answers that depend on code that was changed do not count (experiments/kernel_log.py).

--page writes the page of the answers that are kept, and tries nothing. --quick takes a few kernels for a second each,
and writes nothing.
"""

import argparse
import functools
import multiprocessing
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from refcompress.labs.hunts import luck
from refcompress.labs.hunts.luck import THROWS, kernels, thrown
from refcompress.testing import catalogue
from refcompress.testing.catalogue import Kernel

from .hunts_page import holds, page
from .kernel_log import ROOT, Log, files_of_kernel, reached

PAGE, LOG = ROOT / "results" / "hunts.md", ROOT / "build" / "hunts.jsonl"
SECONDS, QUICK_SECONDS, QUICK_KERNELS = 60.0, 1.0, 6
SEED = 1  # of the tester, and of the order; a deal throws with seed 0


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


def in_turn() -> list[Kernel]:
    """Return all kernels in a random order, so that the first ones stand for all."""
    pool = kernels()
    return [pool[i] for i in np.random.default_rng(SEED).permutation(len(pool))]


@functools.cache
def _program() -> frozenset[Path]:
    """Return this file, and what throws and judges, without the catalogue."""
    start = Path(luck.__file__)
    return frozenset({Path(__file__), *reached([start], but=frozenset({Path(catalogue.__file__)}))})


def files_of(kernel: Kernel) -> set[Path]:
    """Return the files on which the answer to a kernel depends."""
    return {*_program(), *files_of_kernel(kernel)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.hunts", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few kernels, a second each; writes nothing")
    parser.add_argument("--page", action="store_true", help="write the page of the answers that are kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kernels at once (%(default)s)")
    given = parser.parse_args(argv)
    pool = in_turn()
    if given.quick:
        found = list(_answers(pool[:QUICK_KERNELS], QUICK_SECONDS, given.jobs))
        print(page(found, len(pool), QUICK_SECONDS))
        return 0 if holds(found) else 1
    log = Log(LOG, pool, files_of)
    kept = {(k.op, k.name): Thrown(**answer) for k in pool if (answer := log.answer(k))}
    if not given.page:
        rest = [k for k in pool if (k.op, k.name) not in kept]
        print(f"{len(kept)} of {len(pool)} are kept in {LOG.relative_to(ROOT)}", file=sys.stderr, flush=True)
        for each in _answers(rest, SECONDS, given.jobs):
            log.add(each.kernel, asdict(each))
            kept[each.op, each.name] = each
    found = [kept[k.op, k.name] for k in pool if (k.op, k.name) in kept]
    text = page(found, len(pool), SECONDS)
    print(text)
    PAGE.write_text(text)
    if len(found) == len(pool):
        log.remove()
    return 0 if holds(found) else 1


def _answers(some: list[Kernel], seconds: float, jobs: int):
    """Yield what luck does with some kernels, each as soon as it is known."""
    work = [(kernel.op, kernel.name, seconds) for kernel in some]
    with multiprocessing.get_context("fork").Pool(jobs) as workers:
        for each in workers.imap_unordered(tried, work):
            print(f"{each.op}: {each.name}: {'shown' if each.won else 'not shown'}, {each.inputs:,} inputs, "
                  f"{each.seconds:.1f} s", file=sys.stderr, flush=True)
            yield each


if __name__ == "__main__":
    sys.exit(main())
