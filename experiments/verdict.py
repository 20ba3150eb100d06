"""How good is ``testing.check``? ``python -m experiments.verdict`` checks every kernel of the catalogue.

Each is checked in a process of its own, by the default budget: a wrong one must be found, a right one must pass. The
program that shows a wrong input is run in a fresh interpreter, as a reader would paste it. Writes results/verdict.md,
which experiments/verdict_page.py makes. Ends with status 1 where a kernel was missed or blamed.

Every answer is kept in build/verdict.jsonl until the page is written: a run that was ended goes on where it was.
Answers that depend on code that was changed do not count (experiments/kernel_log.py, experiments/verdict_files.py).

--quick takes one wrong kernel of each class and all of its right ones of one operation, without search, and writes
nothing. --only WORD takes the kernels of which the operation, the class or the name has WORD in it, and writes nothing.
"""

import argparse
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from refcompress import testing
from refcompress.agreement import Disagreement
from refcompress.testing.catalogue import KERNELS, Kernel

from .kernel_log import ROOT, Log
from .verdict_files import files_of
from .verdict_page import page

PAGE, LOG = ROOT / "results" / "verdict.md", ROOT / "build" / "verdict.jsonl"
# By the clock: far beyond what a check or a program takes on a machine that has much else to do, and still an end.
SECONDS, PROGRAM_SECONDS = 3600, 600
ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}


@dataclass(frozen=True)
class Answer:
    """What a check said of a kernel.

    said : "found", "passed", "absent" (something that it needs is not installed), or of the check itself "failed".
    seconds : of the check, without those in which it waited for a processor. inputs, searched : of a kernel that
    passed, how many were judged, and how many of them the search has drawn. elements : of a wrong input, those of all
    its arrays; None where what was found has no single input. runs : whether its program shows the bug; None where
    there is no program. reason : in words.
    """

    said: str
    seconds: float = 0.0
    inputs: int = 0
    elements: int | None = None
    runs: bool | None = None
    reason: str = ""
    searched: int = 0

    def good(self, kernel: Kernel) -> bool:
        return self.said in ("absent", "found" if kernel.wrong else "passed")


def answer(kernel: Kernel, examples: int | None, seed: int = 0) -> Answer:
    """Return what the check says of one kernel."""
    if kernel.missing():
        return Answer("absent", reason=", ".join(kernel.missing()))
    try:
        verdict = testing.check(kernel.op, kernel.function, refusals=kernel.kind == "refusal", examples=examples,
                                seed=seed)
    except Disagreement as wrong:
        case, code = getattr(wrong, "case", None), getattr(wrong, "code", None)
        elements = None if case is None else sum(a.size for a in testing.arrays_of(case))
        runs, reason = shown(code) if code else None, " ".join(str(wrong).split())[:300]
        return Answer("found", wrong.verdict.seconds, 0, elements, runs, reason)
    return Answer("passed", verdict.seconds, verdict.inputs, searched=verdict.searched)


def shown(code: str) -> bool:
    """Return whether a program shows the bug in a fresh interpreter, from a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            ran = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, cwd=folder,
                                 timeout=PROGRAM_SECONDS)
        except subprocess.TimeoutExpired:
            return False
    lines = ran.stdout.splitlines()
    return ran.returncode == 0 and bool(lines) and not lines[0].startswith("right")


def _answer_to(connection, kernel: Kernel, examples: int | None, seed: int) -> None:
    try:
        connection.send(answer(kernel, examples, seed))
    except BaseException as error:  # whatever ends a check, its kernel has no answer
        connection.send(Answer("failed", reason=f"{type(error).__name__}: {error}"[:300]))


def answer_apart(kernel: Kernel, examples: int | None, seed: int = 0) -> Answer:
    """Return what the check says of one kernel, in a process of its own."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_answer_to, args=(theirs, kernel, examples, seed))
    process.start()
    theirs.close()
    try:
        if not ours.poll(SECONDS):
            return Answer("failed", SECONDS, reason=f"no answer in {SECONDS} seconds")
        return ours.recv()
    except EOFError:
        process.join()
        return Answer("failed", reason=f"the check's process ended with status {process.exitcode}")
    finally:
        process.kill()
        process.join()


def quick() -> list[Kernel]:
    """Return one wrong kernel of each class that needs nothing else, and the right ones of one operation."""
    of_class = {k.kind: k for k in reversed(KERNELS) if k.wrong and not k.needs}
    return [*of_class.values(), *(k for k in KERNELS if k.op == "csr_matmul" and not k.wrong and not k.needs)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.verdict", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few kernels, without search; writes nothing")
    parser.add_argument("--only", metavar="WORD", help="kernels with WORD in operation, class or name; writes nothing")
    parser.add_argument("--examples", type=int, help="of the search; by default as check has it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="kernels at once (%(default)s)")
    given = parser.parse_args(argv)
    os.environ.update(ONE_THREAD)
    importlib.import_module("hypothesis")  # once, and not in the process of each check
    word = given.only or ""
    kernels = quick() if given.quick else [k for k in KERNELS if word in f"{k.op} {k.kind} {k.name}"]
    examples = 0 if given.quick else given.examples
    log = None if given.quick or word or examples is not None else Log(LOG, KERNELS, files_of)

    def judged(kernel: Kernel) -> Answer:
        kept = log.answer(kernel) if log else None
        found = Answer(**kept) if kept else answer_apart(kernel, examples)
        if log and not kept:
            log.add(kernel, asdict(found))
        if not found.good(kernel):
            word = "missed" if kernel.wrong and found.said == "passed" else "blamed" if not kernel.wrong else found.said
            print(f"{word}: {kernel.op}: {kernel.name} ({kernel.kind}) {found.reason}", flush=True)
        elif found.runs is False:
            print(f"its program does not show it: {kernel.op}: {kernel.name} ({kernel.kind})", flush=True)
        return found

    with ThreadPoolExecutor(given.jobs) as pool:
        answers = list(pool.map(judged, kernels))
    text = page(kernels, answers)
    print(text.split("\n## ")[0])
    if log:
        PAGE.write_text(text)
        log.remove()
    return 0 if all(a.good(k) for k, a in zip(kernels, answers)) else 1


if __name__ == "__main__":
    sys.exit(main())
