"""Prune LeNet-300-100 in every way there is, and tabulate its error on MNIST: ``python -m experiments.pruning``.

Writes pruning.json, pruning.md and two pictures into results/pruning/. All choices (scope of a criterion, split of
units over layers, rates) are made on the 5,000 validation images; the test images are only counted. Each figure
follows from the seed on one machine: every process has one BLAS thread, however many processes there are.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def main(argv=None) -> int:
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ[name] = "1"  # BLAS reads these when NumPy is first imported: hence no import of it before
    from . import pruning_cells as cells
    from . import pruning_report as report
    from . import runner

    parser = runner.parser("pruning", __doc__)
    parser.add_argument("--out", type=Path, default=runner.RESULTS / "pruning", metavar="DIRECTORY",
                        help="where to write (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and all that follows (default 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--quick", action="store_true", help="a few examples and sparsities: whether it runs, not what")
    options = parser.parse_args(argv)
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")
    record = runner.Record(options.out / "pruning.json", dict)
    if not options.report:
        record.value = measure(cells, options)
        record.keep()
    (options.out / "pruning.md").write_text(report.markdown(record.value))
    report.pictures(record.value, options.out)
    print(report.markdown(record.value))
    return 0


def measure(cells, options) -> dict:
    """Return the reference networks' errors and the rows of all tables."""
    begun = time.perf_counter()
    with (tempfile.TemporaryDirectory() as folder,
          ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool):
        setting = cells.Setting(folder, options.seed, options.quick)
        results = {"seed": options.seed, "settings": cells.settings(setting), "rows": []}
        trained = {name: pool.submit(cells.reference, setting, name) for name in cells.NETWORKS}
        results["reference"] = {name: future.result() for name, future in trained.items()}
        tasks = cells.tasks(setting)
        futures = [pool.submit(cells.run, setting, task) for task in tasks]
        for i, (task, future) in enumerate(zip(tasks, futures), 1):
            results["rows"] += future.result()
            print(f"[{i}/{len(tasks)}] {time.perf_counter() - begun:4.0f} s  {' '.join(map(str, task))}",
                  file=sys.stderr, flush=True)
    print(f"{time.perf_counter() - begun:.0f} s with {options.jobs} processes", file=sys.stderr)
    return results


if __name__ == "__main__":
    sys.exit(main())
