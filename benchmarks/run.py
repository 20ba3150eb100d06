"""Time every operation beside its peers and this machine's limits: ``python -m benchmarks.run`` (or ``make bench``).

One row for each operation, case and implementation. Each is compared with the reference, by the operation's own rule,
before anything is timed: a wrong answer has no speed. Progress goes to stderr, the table to stdout, the run as JSON,
the history and the pictures to build/bench (``--out``).
"""

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path

from . import surroundings

ROOT = Path(__file__).resolve().parents[1]
# Passes over the cases, of which the first few also time cold calls; seconds of turns for a case in each, warm (cold
# ones take half as much again); least rounds of a pass.
PASSES, COLD_PASSES, SECONDS, ROUNDS = 5, 3, 0.2, 2
QUICK_PASSES, QUICK_SECONDS = 1, 0.15
# A case of which somebody's time has a larger standard error than SETTLED is taken again, warm, until a run has lasted
# so many seconds. Between two runs a ratio has four such errors, which makes 3 %: the 8 % that it may change by are
# more than two of them. A part of the cases has its part of that time, and at least so many seconds. No pass but the
# first begins after PASSES_UNTIL.
SETTLED, PASSES_UNTIL, AGAIN_UNTIL, LEAST = 0.015, 20 * 60, 24 * 60, 120

def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("--op", help="only operations whose name contains this; table8: only the paper's table 8")
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--only", action="append", metavar="OP", help="only this operation, by its whole name (may be "
                        "repeated)")
    parser.add_argument("--family", action="append", metavar="FILE", help="only the cases of this file of "
                        "benchmarks/cases (may be repeated): gemm, csr, ...")
    parser.add_argument("--isa", action="append", choices=("portable", "avx2", "avx512"), help="only this instruction "
                        "set (may be repeated); without avx512 the peers are held to AVX2 too, as far as they obey")
    parser.add_argument("--threads", type=int, default=1, help="of the kernels, of BLAS and of the peers (default 1)")
    parser.add_argument("--quick", action="store_true", help="one small case an operation, a sixth of a second each")
    parser.add_argument("--full", action="store_true", help="more batches of each layer of the products")
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
        help="folder of bench.json, summary.json, history.jsonl and the pictures (default build/bench, with the "
        "instruction set and the threads where they are chosen)",
    )
    parser.add_argument("--json", action="store_true", help="the run as JSON instead of a table")
    return parser


def main(argv=None) -> int:
    options = (arguments := parser()).parse_args(argv)
    if options.threads < 1:
        arguments.error("--threads must be at least 1")
    then = json.loads(options.against.read_text()) if options.against else None
    from refcompress import native

    from . import peers, report, table8
    from .cases import CASES, FAMILIES
    from .limits import Evict, Limits, library
    from .measure import Contest

    sys.path.insert(0, os.getcwd())
    guests = [importlib.import_module(name) for name in options.guests]
    native.threads.set(options.threads)
    spaces = [native.at(isa) for isa in options.isa] if options.isa else native.available()
    unknown = set(options.family or ()) - set(FAMILIES)
    if unknown:
        arguments.error(f"no family of cases is called {', '.join(sorted(unknown))}; there are {', '.join(FAMILIES)}")
    chosen = [case for name in options.family or FAMILIES for case in FAMILIES[name].CASES]
    cases = [case for case in chosen if (options.op or "") in case.op and (options.case or "") in case.name
             and (not options.only or case.op in options.only) and (case.quick or not options.quick)
             and (options.full or not case.full)]
    if not cases and options.op != "table8":
        print("no case has these names", file=sys.stderr)
        return 2
    narrow = surroundings.held_to_avx2(options.isa)
    found, absent = peers.load(options.threads, narrow)
    print("[limits]", file=sys.stderr, flush=True)
    limits = Limits.measured(options.threads, "avx2" if narrow else "avx512")
    evict = Evict(limits.caches)
    began = time.time()
    whole = len(cases) >= sum(not case.full for case in CASES)
    passes, seconds = (QUICK_PASSES, QUICK_SECONDS) if options.quick else (PASSES, SECONDS)
    registers = surroundings.Registers(library()[1]) if narrow else None
    contests = [Contest(case, spaces, found.get(case.op, ()), guests, registers=registers,
                        last_cache=limits.caches["L3"]) for case in cases]
    for number in range(1, passes + 1):
        if number > 1 and time.time() > began + PASSES_UNTIL:
            break
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
    if not options.quick:  # others may have run in the beginning
        limits = limits.or_better(Limits.measured(options.threads, limits.held))
    rows = [row for contest in contests for row in contest.finished(limits)]
    rows = report.with_peers([row.as_dict() for row in rows])
    paper = table8.measure(options.threads) if whole and not options.isa or options.op == "table8" else []
    isas = [s.__name__.rpartition(".")[2] for s in spaces]
    environment = report.environment(native.compiler(), isas, options.threads, absent, peers.versions())
    results = {"environment": environment, "limits": {"rates": limits.rates, "bandwidth": limits.bandwidth},
               "summary": report.summary(rows), "rows": rows, "table 8": paper}
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        print(report.table(rows, limits, environment))
        if paper:
            print(table8.text(paper))
    if whole or options.out:
        several = f"-{options.threads}-threads" if options.threads > 1 else ""
        folder = options.out or ROOT / "build" / ("-".join(["bench", *(options.isa or ())]) + several)
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


if __name__ == "__main__":
    given = parser().parse_args()
    surroundings.begin_anew(given.threads, given.isa)
    sys.exit(main())
