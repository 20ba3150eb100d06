"""Compress a sharded bfloat16 checkpoint of 4 GiB in every way that there is, and kill runs (make big-checkpoint).

It makes a checkpoint of normal numbers in eight shards, and compresses it from the command line with one process and
with two, and from Python with threads, with processes and with a client of Dask. Every file must have the same bytes.
Then runs are killed at random points, and continued: the bytes must be the same again, and nothing but the folder of
parts may be left after a kill. The files are inspected and decompressed too (and verified, with --verify: half an hour
or more, for the reference decodes them as well). What comes back from "lossless" is compared with the source, byte for
byte.

A run is a process of its own. "largest" is the peak memory of the largest process of a run, as the system counts it
(ru_maxrss). "together" is the largest sum of the memory of all its processes at a time, looked at 20 times a second.
What they share (the interpreter's code) counts once for each of them, so it is more than a machine needs. The exit code
is 1 where a law fails: other bytes, a file that should not be there, or more memory than --memory with one process.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from .processes import memory_of, run
from .sharded import difference, make, tensors

WAYS = ("jobs1", "jobs2", "threads", "processes", "dask")
WORKERS = 2  # of a pool
# Dask's workers get MALLOC_TRIM_THRESHOLD_=65536, by which glibc maps each array of 128 KiB anew: four times the time.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(2**27), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
OLD = b"the file that was there before"


class Failures(list):
    """What broke a law, a sentence each; said when it is found."""

    def check(self, good: bool, sentence: str) -> bool:
        if not good:
            self.append(sentence)
            print(f"FAILS: {sentence}", flush=True)
        return good


def digest_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def command_of(way: str, source: Path, target: Path, preset: str) -> list[str]:
    """Return the command of one way to compress; an old target is replaced."""
    if way.startswith("jobs"):
        return [sys.executable, "-m", "refcompress", "compress", str(source), "-o", str(target), "--preset", preset,
                "--jobs", way.removeprefix("jobs"), "--force", "--quiet"]
    return [sys.executable, "-m", "benchmarks.checkpoint_runs", "--way", way, str(source), str(target), preset]


@contextmanager
def executor_of(way: str) -> Iterator:
    """Give an executor with two workers."""
    if way == "threads":
        with ThreadPoolExecutor(WORKERS) as pool:
            yield pool
    elif way == "processes":
        with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
            yield pool
    else:
        import dask
        from distributed import Client, LocalCluster

        dask.config.set({f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in MALLOC.items()})
        with LocalCluster(n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
                          silence_logs=50) as cluster, Client(cluster) as client:
            yield client


def compress(way: str, source: str, target: str, preset: str) -> None:
    """Compress from Python by an executor (in a process of its own: see command_of)."""
    from refcompress import checkpoints

    with executor_of(way) as executor:
        checkpoints.compress(source, preset, target=target, executor=executor)


def row(*cells) -> None:
    """Print a row of the table."""
    widths = (-9, -13, 8, 8, 9, 10, 15)
    said = [f"{cell:.1f}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else cell
            for cell in cells]
    print("  ".join(f"{text:<{-width}}" if width < 0 else f"{text:>{width}}" for text, width in zip(said, widths))
          + "  " + "  ".join(said[len(widths):]), flush=True)


def ways(options, source: Path, folder: Path, preset: str, failures: Failures) -> tuple[str, float]:
    """Compress by each way, leave the first way's file at PRESET.rcz; return its digest, and the seconds of a run."""
    first = folder / f"{preset}.rcz"
    known, seconds = "", 0.0
    for way in options.ways:
        target = first if not known else folder / "again.rcz"
        ran = run(command_of(way, source, target, preset), folder)
        if not failures.check(ran.status == 0, f"{preset}, {way}: exit code {ran.status}: {ran.said.strip()[-500:]}"):
            continue
        digest = digest_of(target)
        known = known or digest
        seconds = max(seconds, ran.wall * way.startswith("jobs"))
        row(preset, way, ran.wall, ran.cpu, ran.largest, ran.together, target.stat().st_size, digest[:16])
        failures.check(digest == known, f"{preset}, {way}: other bytes than those of {options.ways[0]}")
        failures.check(left(folder, target) == [], f"{preset}, {way}: leaves {left(folder, target)}")
        if way == "jobs1":
            failures.check(max(ran.largest, ran.together) <= options.memory,
                           f"{preset}, {way}: {max(ran.largest, ran.together):.0f} MiB of memory")
        if target != first:
            target.unlink()
    return known, seconds


def left(folder: Path, *known: Path) -> list[str]:
    """Return the files of a folder that are none of those that are known to be there."""
    names = {path.name for path in known} | {f"{preset}.rcz" for preset in ("lossless", "int8", "int4", "deep")}
    return sorted(name for name in os.listdir(folder) if name not in names)


def kills(options, source: Path, folder: Path, preset: str, known: str, seconds: float, failures: Failures) -> None:
    """Kill runs at random points and continue them, until enough were killed; compare each file that gets ready."""
    rng = random.Random(f"{options.seed} {preset}")
    target = folder / "killed.rcz"
    killed = finished = 0
    start = time.perf_counter()
    target.write_bytes(OLD)
    while True:
        way = rng.choice([way for way in options.ways if way.startswith("jobs")])
        after = rng.uniform(0, seconds) if killed < options.kills else None
        ran = run(command_of(way, source, target, preset), folder, kill_after=after)
        whole = target.read_bytes() if target.stat().st_size == len(OLD) else b""
        if ran.killed:
            killed += 1
            allowed = [target.name, target.name + ".parts"]
            others = [name for name in left(folder) if name not in allowed]
            failures.check(not others, f"{preset}, kill {killed} after {after:.1f} s: leaves {others}")
            if whole != OLD:  # it was killed after its last deed
                failures.check(digest_of(target) == known, f"{preset}, kill {killed}: a target of other bytes")
            continue
        if not failures.check(ran.status == 0, f"{preset}, continued: exit code {ran.status}: {ran.said[-500:]}"):
            break
        finished += 1
        failures.check(digest_of(target) == known, f"{preset}, continued: other bytes")
        failures.check(left(folder, target) == [], f"{preset}, continued: leaves {left(folder, target)}")
        if killed >= options.kills:
            break
        target.write_bytes(OLD)
    target.unlink()
    print(f"{preset}: {killed} kills, {finished} runs that came to an end, {time.perf_counter() - start:.0f} s",
          flush=True)


def orphans(options, source: Path, folder: Path, preset: str, seconds: float, failures: Failures) -> None:
    """Kill the first process of a run with two workers, and no other: the workers must end by themselves."""
    target = folder / "orphaned.rcz"
    process = subprocess.Popen(command_of("jobs2", source, target, preset), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    parts = Path(f"{target}.parts")
    while process.poll() is None and not (parts.is_dir() and os.listdir(parts)):  # until the workers work
        time.sleep(0.01)
    process.kill()
    process.wait()
    end = time.perf_counter() + 10 + seconds / 4
    while memory_of(process.pid) and time.perf_counter() < end:
        time.sleep(0.1)
    if not failures.check(not memory_of(process.pid), f"{preset}, jobs2: workers outlive a killed run"):
        os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(parts, ignore_errors=True)
    target.unlink(missing_ok=True)


def readings(options, source: Path, folder: Path, preset: str, failures: Failures) -> None:
    """Inspect and decompress the file of a preset; verify it, if that was asked for."""
    file, back = folder / f"{preset}.rcz", folder / "back.safetensors"
    todo = [("inspect", [str(file)]), ("decompress", [str(file), str(back)])]
    todo += [("verify", [str(file), "--quiet"])] * options.verify
    for name, rest in todo:
        ran = run([sys.executable, "-m", "refcompress", name, *rest], folder)
        if failures.check(ran.status == 0, f"{preset}, {name}: exit code {ran.status}: {ran.said.strip()[-500:]}"):
            row(preset, name, ran.wall, ran.cpu, ran.largest, ran.together,
                (back if name == "decompress" else file).stat().st_size)
            failures.check(max(ran.largest, ran.together) <= options.memory,
                           f"{preset}, {name}: {max(ran.largest, ran.together):.0f} MiB of memory")
    if preset == "lossless" and back.exists():
        differs = difference(source, back)
        failures.check(not differs, f"{preset}, decompress: {differs}")
        print(f"{preset}: decompressed to the same tensors, byte for byte" if not differs else differs, flush=True)
    back.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--matrices", type=int, default=128, help="how many (default 128)")
    parser.add_argument("--size", type=int, default=4096, help="rows and columns of a matrix (default 4096)")
    parser.add_argument("--checkpoint", type=Path, help="a folder with a checkpoint: none is made")
    parser.add_argument("--folder", type=Path, help="where to work: three times the checkpoint (default: temporary)")
    parser.add_argument("--presets", nargs="+", default=["lossless", "int4"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--kills", type=int, default=10, help="for each preset (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the points at which runs are killed")
    parser.add_argument("--verify", action="store_true", help="verify the files too (the reference takes its time)")
    parser.add_argument("--memory", type=float, default=700, help="MiB that one process may take (default 700)")
    parser.add_argument("--way", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        compress(*options.way)
        return 0
    if "dask" in options.ways:
        try:
            import distributed  # noqa: F401
        except ImportError:
            parser.error("--ways dask needs the extra dask: pip install 'refcompress[dask]'; or leave it out")
    failures = Failures()
    if options.folder is not None:
        Path(options.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="refcompress-", dir=options.folder) as name:
        source = options.checkpoint or make(Path(name, "model"), options.matrices, options.size)
        folder = Path(name, "out")
        folder.mkdir()
        held = tensors(source)
        print(f"{len(held)} tensors, {sum(each[2] for each in held.values()):,} bytes, pools of {WORKERS}")
        row("preset", "how", "wall s", "CPU s", "largest", "together", "bytes", "SHA-256 (MiB of memory)")
        for preset in options.presets:
            known, seconds = ways(options, source, folder, preset, failures)
            if known:
                readings(options, source, folder, preset, failures)
                if "jobs2" in options.ways:
                    orphans(options, source, folder, preset, seconds, failures)
                if options.kills:
                    kills(options, source, folder, preset, known, seconds, failures)
                (folder / f"{preset}.rcz").unlink()
    print(f"{len(failures)} laws failed" if failures else "all laws hold")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
