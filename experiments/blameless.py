"""Does ``testing.check`` blame what is right? ``python -m experiments.blameless`` tries 1,000,000 cases, or --cases N.

Every right kernel of the catalogue is checked with the fixed inputs and 1,000 searched ones, by one seed after another,
until so many inputs were judged, or so many --seconds have passed. Writes results/blameless.md: how many cases there
were of how many kernels, seconds, and each kernel that was blamed.
"""

import argparse
import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from refcompress.testing.catalogue import KERNELS, Kernel

from .verdict import ONE_THREAD, Answer, answer_apart

PAGE = Path(__file__).resolve().parents[1] / "results" / "blameless.md"
EXAMPLES = 1000


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.blameless", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="inputs to judge (%(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no kernel is begun")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kernels at once (%(default)s)")
    given = parser.parse_args(argv)
    os.environ.update(ONE_THREAD)
    importlib.import_module("hypothesis")  # once, and not in the process of each check
    kernels = [k for k in KERNELS if not k.wrong and not k.missing()]
    begun, seeds, judged, blamed, cases = time.monotonic(), 0, set(), [], 0

    def over() -> bool:
        return cases >= given.cases or time.monotonic() - begun > given.seconds

    def answered(kernel: Kernel) -> tuple[Kernel, Answer] | None:
        return None if over() else (kernel, answer_apart(kernel, EXAMPLES, seeds))

    while not over():
        with ThreadPoolExecutor(given.jobs) as pool:
            for found in filter(None, pool.map(answered, kernels)):
                kernel, said = found
                cases += said.inputs
                judged.add((kernel.op, kernel.name))
                if not said.good(kernel):
                    blamed.append(f"- seed {seeds}: {kernel.op}, {kernel.name}: {said.said}. {said.reason}")
        seeds += 1
        print(f"{seeds} seeds: {cases:,} cases, {len(blamed)} blamed", flush=True)
    seconds = time.monotonic() - begun
    PAGE.write_text("\n".join([
        "# What the check does not blame", "",
        "Made by `make blameless`: the right kernels of the catalogue, by one seed of the search after another.", "",
        f"- kernels: {len(judged)} of {len(kernels)}", f"- seeds: {seeds}", f"- cases: {cases:,}",
        f"- seconds: {seconds:,.0f}", f"- blamed: {len(blamed)}", *blamed, ""]))
    return 1 if blamed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
