"""Does ``testing.check`` blame what is right? ``python -m experiments.blameless`` tries 1,000,000 cases, or --cases N.

Every right kernel of the catalogue is checked with the fixed inputs and 1,000 searched ones, by one seed after another,
until so many inputs were judged. Writes results/blameless.md: cases, seconds, and each kernel that was blamed.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from refcompress.testing.catalogue import KERNELS

from .verdict import ONE_THREAD, answer_apart

PAGE = Path(__file__).resolve().parents[1] / "results" / "blameless.md"
EXAMPLES = 1000


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.blameless", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="inputs to judge (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kernels at once (%(default)s)")
    given = parser.parse_args(argv)
    os.environ.update(ONE_THREAD)
    kernels = [k for k in KERNELS if not k.wrong and not k.missing()]
    cases, blamed, begun = 0, [], time.monotonic()
    for seed in count():
        with ThreadPoolExecutor(given.jobs) as pool:
            answers = list(pool.map(lambda k: answer_apart(k, EXAMPLES, seed), kernels))
        cases += sum(a.inputs for a in answers)
        blamed += [f"- seed {seed}: {k.op}, {k.name}: {a.said}. {a.reason}"
                   for k, a in zip(kernels, answers) if not a.good(k)]
        print(f"seed {seed}: {cases:,} cases, {len(blamed)} blamed", flush=True)
        if cases >= given.cases or cases == 0:
            break
    seconds = time.monotonic() - begun
    PAGE.write_text("\n".join([
        "# What the check does not blame", "",
        "Made by `make blameless`: the right kernels of the catalogue, by one seed of the search after another.", "",
        f"- kernels: {len(kernels)}", f"- seeds: {seed + 1}", f"- cases: {cases:,}", f"- seconds: {seconds:,.0f}",
        f"- blamed: {len(blamed)}", *blamed, ""]))
    return 1 if blamed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
