"""Time every operation beside its peers and this machine's limits: ``python -m benchmarks.run`` (or ``make bench``).

One row for each operation, case and implementation. Each is compared with the reference, by the operation's own rule,
before anything is timed: a wrong answer has no speed. Progress goes to stderr, the table to stdout, the run as JSON,
the history and the pictures to build/bench (``--out``).
"""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Passes over the cases, of which the first few also time cold calls; seconds of turns for a case in each, warm (cold
# ones take half as much again); least rounds of a pass.
PASSES, COLD_PASSES, SECONDS, ROUNDS = 5, 3, 0.2, 2
QUICK_PASSES, QUICK_SECONDS = 1, 0.15
# A case of which somebody's time has a larger standard error than SETTLED is taken again, warm, until a run has lasted
# so many seconds. Between two runs a ratio has four such errors, which makes 3 %: the 8 % that it may change by are
# more than two of them. A part of the cases has its part of that time, and at least so many seconds.
SETTLED, AGAIN_UNTIL, LEAST = 0.015, 13.5 * 60, 120

# Of glibc's malloc: all arrays in one heap of huge pages that is never given back. Otherwise what ran before decides
# which arrays get pages that the system must clear within a call (half the time of a coder that writes 4 MiB), and
# small pages lie in the caches by chance.
HEAP = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776:glibc.malloc.hugetlb=1"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("--op", help="only operations whose name contains this; table8: only the paper's table 8")
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--isa", action="append", help="only this instruction set (may be repeated)")
    parser.add_argument("--threads", type=int, default=1, help="of the kernels, of BLAS and of the peers (default 1)")
    parser.add_argument("--quick", action="store_true", help="one small case an operation, a sixth of a second each")
    parser.add_argument("--with", dest="guests", action="append", default=[], metavar="MODULE",
                        help="one more column: a module with operations under our names (may be repeated)")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="the JSON of an earlier run, or its summary: report what became slower, by ratios alone, with exit code 3",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder of bench.json, summary.json, history.jsonl and the pictures (default build/bench)",
    )
    parser.add_argument("--json", action="store_true", help="the run as JSON instead of a table")
    return parser


def main(argv=None) -> int:
    options = (arguments := parser()).parse_args(argv)
    if options.threads < 1:
        arguments.error("--threads must be at least 1")
    then = json.loads(options.against.read_text()) if options.against else None
    # BLAS reads these when NumPy is first imported: hence no import of it before.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ[name] = str(options.threads)
    # Threads that have nothing to do sleep: a library's that spin would slow whoever is timed after it.
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
    from refcompress import native

    from . import peers, report, table8
    from .cases import CASES
    from .limits import Evict, Limits
    from .measure import Contest

    sys.path.insert(0, os.getcwd())
    guests = [importlib.import_module(name) for name in options.guests]
    native.threads.set(options.threads)
    spaces = [native.at(isa) for isa in options.isa] if options.isa else native.available()
    cases = [case for case in CASES if (options.op or "") in case.op and (options.case or "") in case.name
             and (case.quick or not options.quick)]
    if not cases and options.op != "table8":
        print("no case has these names", file=sys.stderr)
        return 2
    found, absent = peers.load(options.threads)
    print("[limits]", file=sys.stderr, flush=True)
    limits = Limits.measured(options.threads)
    evict = Evict(limits.caches)
    began = time.time()
    whole = not (options.op or options.case or options.isa or options.quick)
    passes, seconds = (QUICK_PASSES, QUICK_SECONDS) if options.quick else (PASSES, SECONDS)
    contests = [Contest(case, spaces, found.get(case.op, ()), guests) for case in cases]
    for number in range(1, passes + 1):
        for i, contest in enumerate(contests, 1):
            print(
                f"[pass {number} of {passes}, {i}/{len(cases)}, {time.time() - began:.0f} s] {contest.case.op}: "
                f"{contest.case.name}",
                file=sys.stderr,
                flush=True,
            )
            if contest.rows:
                contest.run_pass(seconds, least=ROUNDS, evict=evict if number <= COLD_PASSES else None)
    until = began + max(AGAIN_UNTIL * len(cases) / len(CASES), LEAST)
    while not options.quick and time.time() < until:
        again = [contest for contest in contests if contest.unsettled() > SETTLED]
        if not again:
            break
        for i, contest in enumerate(again, 1):
            if time.time() < until:
                print(f"[again, {i}/{len(again)} not settled to {SETTLED:.1%}, {time.time() - began:.0f} s] "
                      f"{contest.case.op}: {contest.case.name}", file=sys.stderr, flush=True)
                contest.run_pass(seconds, least=ROUNDS)
    rows = [row for contest in contests for row in contest.finished(limits)]
    rows = report.with_peers([row.as_dict() for row in rows])
    paper = table8.measure(options.threads) if whole or options.op == "table8" else []
    environment = report.environment(
        native.compiler(), [s.__name__.rpartition(".")[2] for s in spaces], options.threads, absent
    )
    results = {"environment": environment, "limits": {"rates": limits.rates, "bandwidth": limits.bandwidth},
               "summary": report.summary(rows), "rows": rows, "table 8": paper}
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        print(report.table(rows, limits, environment))
        if paper:
            print(table8.text(paper))
    if whole or options.out:
        folder = options.out or ROOT / "build" / "bench"
        report.write(folder, results)
        draw(results, folder)
    if any(row["refused"] for row in rows if row["kind"] != "peer"):
        return 1
    if then is not None:
        slower = report.fell(rows, then["rows"])
        within, total = report.agreement(rows, then["rows"])
        print(
            f"\nagainst {options.against} (commit {then['environment']['commit']}): {within} of {total} ratios "
            "within 8 %",
            file=sys.stderr,
        )
        for line in slower:
            print(f"slower: {line}", file=sys.stderr)
        return 3 if slower else 0
    return 0


def draw(results: dict, folder: Path) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("no pictures: they need matplotlib (pip install refcompress[plot])", file=sys.stderr)
        return
    from .pictures import pictures

    pictures(results, folder)


def with_settled_heap() -> None:
    """Begin this process anew with HEAP, which malloc reads when a process begins; where there is no glibc, go on."""
    if platform.libc_ver()[0] == "glibc" and os.environ.get("GLIBC_TUNABLES") != HEAP:
        os.environ["GLIBC_TUNABLES"] = HEAP
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


if __name__ == "__main__":
    with_settled_heap()
    sys.exit(main())
