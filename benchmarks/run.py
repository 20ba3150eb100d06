"""Time every operation beside its peers: ``python -m benchmarks.run`` (or ``make bench``).

One row for each operation, case and implementation. Each is compared with the reference, by the operation's own rule, before
anything is timed: a wrong answer has no speed. Progress goes to stderr, the table to stdout.
"""

import argparse
import json
import os
import sys


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("--op", help="only operations whose name contains this; table8: only the paper's table 8")
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--isa", action="append", help="only this instruction set (may be repeated)")
    parser.add_argument("--threads", type=int, default=1, help="of the kernels and of BLAS (default 1)")
    parser.add_argument("--quick", action="store_true", help="one small case an operation, a tenth of a second each")
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    options = parser.parse_args(argv)
    if options.threads < 1:
        parser.error("--threads must be at least 1")
    # BLAS reads these when NumPy is first imported: hence no import of it before.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ[name] = str(options.threads)
    from refcompress import native

    from . import table8
    from .cases import CASES
    from .measure import Limits, run_case

    native.threads.set(options.threads)
    spaces = [native.at(isa) for isa in options.isa] if options.isa else native.available()
    cases = [case for case in CASES if (options.op or "") in case.op and (options.case or "") in case.name
             and (case.quick or not options.quick)]
    if not cases and options.op != "table8":
        print("no case has these names", file=sys.stderr)
        return 2
    limits = Limits()
    rows = []
    whole = not (options.op or options.case or options.isa or options.quick)
    for i, case in enumerate(cases, 1):
        print(f"[{i}/{len(cases)}] {case.op}: {case.name}", file=sys.stderr, flush=True)
        rows += run_case(case, spaces, limits, 0.1 if options.quick else 0.4)
    paper = table8.measure(options.threads) if whole or options.op == "table8" else []
    if options.json:
        print(json.dumps({"threads": options.threads, "flops": limits.flops, "bandwidth": limits.bandwidth,
                          "compiler": native.compiler(), "rows": [row.as_dict() for row in rows], "table 8": paper}, indent=1))
    else:
        if rows:
            print_table(rows, limits, options.threads, native.compiler())
        if paper:
            print(table8.text(paper))
    return 1 if any(row.refused for row in rows) else 0


def print_table(rows, limits, threads: int, compiler: str) -> None:
    print(f"{threads} thread{'s' * (threads > 1)}, {compiler}. Median times, taken in turns.\n"
          "'x peer': how many times as fast as the peer of the case.\n"
          f"'of limit': share of the time that {limits.flops / 1e9:.0f} GFLOP/s (BLAS, float32, 1024^3) and "
          f"{limits.bandwidth / 1e9:.0f} GB/s (copying 64 MiB) allow;\n"
          "int8 arithmetic, and data in cache, may pass 100 %.")
    heading = None
    for row in rows:
        if (row.op, row.case) != heading:
            heading = row.op, row.case
            print(f"\n{row.op}: {row.case}")
        if row.refused:
            print(f"  {row.implementation:<20} NOT TIMED, it disagrees: {row.refused}")
            continue
        work, unit = (row.operations, "GOP/s") if row.operations else (row.touched, "GB/s")
        ratio = f"{row.ratio:8.2f} x peer" if row.ratio == row.ratio else " " * 15
        print(f"  {row.implementation:<20} {1e6 * row.seconds:12.1f} us {work / row.seconds / 1e9:9.3f} {unit:<5} {ratio} "
              f"{100 * row.share:6.1f} % of limit  {row.note}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
