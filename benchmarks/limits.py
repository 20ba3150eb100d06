"""What this machine does at best, measured by limits.c in the same run: multiply-adds a second by type and instruction
set, bytes read a second from each level of memory, bytes copied; with as many threads as the kernels have.

An operation counts two for a multiply-add. The limit of a case is the longer of two times: its operations at the rate
of its arithmetic, and the fewest bytes that it must touch at the rate of the memory that they fit in (cold: of main
memory).
"""

import os
import subprocess
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cffi import FFI

SOURCE = Path(__file__).with_name("limits.c")
BUILD = Path(__file__).resolve().parents[1] / "build" / "limits"
CHAINS = 12  # as in limits.c
# (type, instruction set): multiply-adds in one instruction; portable: said by lanes().
LANES = {("f32", "avx2"): 8, ("f64", "avx2"): 4, ("s16", "avx2"): 16, ("f32", "avx512"): 16, ("f64", "avx512"): 8,
         ("s16", "avx512"): 32, ("s8", "avx512"): 64, ("bf16", "avx512"): 32}
LEVELS = ("portable", "avx2", "avx512")
FALLBACK = {"s8": "s16", "s16": "f32", "bf16": "f32"}  # a type without an instruction has that of the next wider one
# What the rates count, as the table calls it.
INSTRUCTIONS = {"f32 avx2": "FMA ymm", "f32 avx512": "FMA zmm", "s16 avx2": "vpmaddwd ymm", "s16 avx512": "vpdpwssd",
                "s8 avx512": "vpdpbusd", "bf16 avx512": "vdpbf16ps"}
SECONDS = 0.05
WARM_UP, REPEATS = 1, 3


def library():
    """Compile limits.c, once for each text of it, and return (ffi, lib)."""
    ffi = FFI()
    names = [f"rate_{kind}_portable" for kind in ("f32", "f64")] + [f"rate_{kind}_{isa}" for kind, isa in LANES]
    ffi.cdef("void avx512_clear(void); int avx512_in_use(void); int has(int); int64_t lanes(int64_t);"
             "void read_all(void *, int64_t, int64_t); void copy_all(void *, void *, int64_t, int64_t);"
             "void evict(char *, int64_t);" + "".join(f"void {name}(int64_t);" for name in names))
    path = BUILD / f"limits-{zlib.crc32(SOURCE.read_bytes()):08x}.so"
    if not path.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        subprocess.run([os.environ.get("CC", "cc"), "-O3", "-shared", "-fPIC", "-o", partial, SOURCE], check=True)
        partial.rename(path)
    return ffi, ffi.dlopen(str(path))


def in_threads(functions) -> float:
    """Return the seconds from the common start of the functions to the end of the last; cffi lets go of the GIL."""
    barrier = threading.Barrier(len(functions) + 1)

    def run(function):
        barrier.wait()
        function()

    workers = [threading.Thread(target=run, args=(function,)) for function in functions]
    for worker in workers:
        worker.start()
    barrier.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - begin


def rate(functions, amount: float) -> float:
    """Return how much of ``amount`` a step all do together a second; functions take a number of steps. The best of
    some runs."""
    steps = 16
    while (spent := in_threads([lambda f=f: f(steps) for f in functions])) < SECONDS / 4:
        steps *= 4
    steps = max(int(steps * SECONDS / spent), 1)
    spent = min(in_threads([lambda f=f: f(steps) for f in functions]) for _ in range(WARM_UP + REPEATS))
    return len(functions) * steps * amount / spent


def cache_sizes() -> dict[str, int]:
    """Return the bytes of each level of cache that a core sees, by the system; usual ones where it does not say."""
    sizes = {"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20}
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        text = (folder / "size").read_text().strip()
        if (folder / "type").read_text().strip() != "Instruction" and text.endswith("K"):
            sizes["L" + (folder / "level").read_text().strip()] = int(text[:-1]) << 10
    return sizes


@dataclass
class Limits:
    """rates : operations a second by "type isa"; bandwidth : bytes read a second by level, and "copy", read and
    written."""

    threads: int
    held: str = "avx512"  # the widest instruction set that the peers may use in this run
    rates: dict[str, float] = field(default_factory=dict)
    bandwidth: dict[str, float] = field(default_factory=dict)
    caches: dict[str, int] = field(default_factory=cache_sizes)

    @classmethod
    def measured(cls, threads: int, held: str = "avx512") -> "Limits":
        ffi, lib = library()
        limits = cls(threads, held)
        for level, isa in enumerate(LEVELS):
            for kind in ("f32", "f64", "s16", "s8", "bf16"):
                steps = lib.lanes(int(kind[1:]) // 8) if isa == "portable" and kind in ("f32", "f64") else \
                    CHAINS * LANES.get((kind, isa), 0)
                if lib.has(level) and steps:
                    limits.rates[f"{kind} {isa}"] = rate([getattr(lib, f"rate_{kind}_{isa}")] * threads, 2 * steps)
        sizes = limits.caches
        # Half of a cache, so that it has room for what else is there; of main memory four times the last cache.
        for level, size in (("L1", sizes["L1"] // 2), ("L2", sizes["L2"] // 2), ("L3", sizes["L3"] // 2 // threads),
                            ("DRAM", 4 * sizes["L3"] // threads)):
            buffers = [aligned(size // 256 * 256) for _ in range(threads)]
            limits.bandwidth[level] = rate(
                [lambda n, b=b: lib.read_all(ffi.from_buffer(b), b.nbytes, n) for b in buffers], buffers[0].nbytes
            )
        pairs = [(aligned(4 * sizes["L3"] // threads), aligned(4 * sizes["L3"] // threads)) for _ in range(threads)]
        limits.bandwidth["copy"] = rate(
            [lambda n, a=a, b=b: lib.copy_all(ffi.from_buffer(a), ffi.from_buffer(b), a.nbytes, n) for a, b in pairs],
            2 * pairs[0][0].nbytes,
        )
        return limits

    def or_better(self, again: "Limits") -> "Limits":
        """Return the higher of each rate of two measurements: what else runs on a machine only lowers them."""
        def higher(name):
            one, other = getattr(self, name), getattr(again, name)
            return {key: max(one[key], other[key]) for key in one}

        return Limits(self.threads, self.held, higher("rates"), higher("bandwidth"), self.caches)

    @property
    def widest(self) -> str:
        """The widest instruction set that peers have here: what those are held against who do not say theirs."""
        return next(isa for isa in LEVELS[LEVELS.index(self.held) :: -1] if f"f32 {isa}" in self.rates)

    def kind(self, kind: str, isa: str) -> str:
        """Return the rate that a type has with an instruction set: that of the type it is computed in where it has no
        instruction."""
        while f"{kind} {isa}" not in self.rates:
            if kind not in FALLBACK:
                return f"{kind} portable"
            kind = FALLBACK[kind]
        return f"{kind} {isa}"

    def level(self, touched: float) -> str:
        """Return the smallest memory that so many bytes fit in: each thread has an L1 and L2 of its own."""
        for level, owners in (("L1", self.threads), ("L2", self.threads), ("L3", 1)):
            if touched <= self.caches[level] * owners:
                return level
        return "DRAM"

    def binding(self, case, isa: str, cold: bool = False) -> tuple[float, str]:
        """Return the least time that these rates allow a case, and what binds it: arithmetic or a level of memory."""
        level = "DRAM" if cold else self.level(case.touched)
        kind = self.kind(case.arithmetic, isa)
        compute = case.operations / self.rates[kind] if case.operations else 0.0
        memory = case.touched / self.bandwidth[level]
        return (compute, INSTRUCTIONS.get(kind, kind)) if compute > memory else (memory, level)

    def seconds(self, case, isa: str, cold: bool = False) -> float:
        """Return the least time that these rates allow a case."""
        return self.binding(case, isa, cold)[0]


def aligned(size: int) -> np.ndarray:
    """Return so many bytes, written, from a cache line's boundary on."""
    buffer = np.ones(size + 64, np.uint8)
    return buffer[-buffer.ctypes.data % 64 :][:size]


class Evict:
    """Calling it throws out what the caches hold."""

    def __init__(self, caches: dict[str, int]):
        self.ffi, self.lib = library()
        self.buffer = np.ones(2 * caches["L3"], np.uint8)

    def __call__(self) -> None:
        self.lib.evict(self.ffi.from_buffer("char[]", self.buffer), self.buffer.nbytes)
