"""Does ``testing.check`` blame what is right? ``python -m experiments.blameless`` tries 1,000,000 cases, or --cases N.

Every right kernel of the catalogue is checked with the fixed inputs and thousands of searched ones, by one seed after
another, until so many inputs were judged, or so many --seconds have passed. Writes results/blameless.md: how many cases
there were of how many kernels, seconds, and each kernel that was blamed.

Every answer is kept in build/blameless.jsonl until all cases were tried: a run that was ended goes on where it was.
"""

import argparse
import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from refcompress.testing.catalogue import KERNELS, Kernel

from .kernel_log import ROOT, Log
from .verdict import ONE_THREAD, Answer, answer_apart
from .verdict_files import files_of

PAGE, LOG = ROOT / "results" / "blameless.md", ROOT / "build" / "blameless.jsonl"
# Of the search, a kernel and seed: most cases are new ones, for the fixed inputs are the same by every seed.
EXAMPLES = 7000


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.blameless", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="inputs to judge (%(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no kernel is begun")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kernels at once (%(default)s)")
    given = parser.parse_args(argv)
    os.environ.update(ONE_THREAD)
    importlib.import_module("hypothesis")  # once, and not in the process of each check
    kernels = [k for k in KERNELS if not k.wrong and not k.missing()]
    log, begun, seed, cases = Log(LOG, KERNELS, files_of), time.monotonic(), 0, 0
    answers: list[tuple[Kernel, int, Answer]] = []

    def answered(kernel: Kernel) -> Answer | None:
        if kept := log.answer(kernel, seed):
            return Answer(**kept)
        if time.monotonic() - begun > given.seconds:
            return None
        found = answer_apart(kernel, EXAMPLES, seed)
        log.add(kernel, asdict(found), seed)
        return found

    while cases < given.cases and time.monotonic() - begun <= given.seconds:
        with ThreadPoolExecutor(given.jobs) as pool:
            for kernel, found in zip(kernels, pool.map(answered, kernels)):
                if found:
                    answers.append((kernel, seed, found))
        seed, cases = seed + 1, sum(found.inputs for *_, found in answers)
        print(f"{seed} seeds: {cases:,} cases, {len(_blamed(answers))} blamed", flush=True)
    PAGE.write_text(page(len(kernels), answers))
    if cases >= given.cases:
        log.remove()
    return 1 if _blamed(answers) or not cases else 0


def page(kernels: int, answers: list[tuple[Kernel, int, Answer]]) -> str:
    """Return the page, in Markdown. kernels : how many right ones can be run here."""
    blamed = _blamed(answers)
    cases, searched = (sum(getattr(found, name) for *_, found in answers) for name in ("inputs", "searched"))
    return "\n".join([
        "# What the check does not blame", "",
        "Made by `make blameless`: the right kernels of the catalogue, by one seed of the search after another.",
        "The fixed inputs are the same by every seed.", "",
        f"- kernels: {len({(k.op, k.name) for k, *_ in answers})} of {kernels} that can be run here",
        f"- seeds: {len({seed for _, seed, _ in answers})}",
        f"- cases: {cases:,}, of which {searched:,} searched",
        f"- seconds of the checks, one after another: {sum(found.seconds for *_, found in answers):,.0f}",
        f"- blamed: {len(blamed)}", *blamed, ""])


def _blamed(answers: list[tuple[Kernel, int, Answer]]) -> list[str]:
    return [f"- seed {seed}: {kernel.op}, {kernel.name}: {found.said}. {found.reason}"
            for kernel, seed, found in answers if not found.good(kernel)]


if __name__ == "__main__":
    sys.exit(main())
