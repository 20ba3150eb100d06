"""What a run's libraries read before they are imported: the process begins anew with it, whatever the caller had set.

A variable that slows a peer would flatter us: OPENBLAS_CORETYPE=Haswell halves NumPy's products on a processor with
AVX-512. So all variables that choose kernels are removed; and where our own kernels are held to AVX2 (``--isa avx2``)
the peers are too, by the variable of each library that has one. Who obeys is not believed but seen: Registers says
whether a call left AVX-512's registers in use, and who did is marked in the table.
"""

import os
import platform
import sys

# Of glibc's malloc: all arrays in one heap of huge pages that is never given back. Otherwise what ran before decides
# which arrays get pages that the system must clear within a call (half the time of a coder that writes 4 MiB), and
# small pages lie in the caches by chance.
HEAP = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776:glibc.malloc.hugetlb=1"
# Its memcpy must not use the registers by which we see who uses them.
AVX2_TUNABLES = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD"
# The variables by which a library takes narrower kernels than the processor has. numkong is told by a call, of ggml
# there are two builds; ONNX Runtime cannot be told, and OpenVINO tells its products but not its conversions of float16
# and bfloat16. oneDNN's and FBGEMM's products of bytes saturate in AVX2: they are refused, for their answers are wrong.
AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
}
REMOVED = (*AVX2, "OPENBLAS_L2_SIZE", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "NPY_DISABLE_CPU_FEATURES")
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Threads that have nothing to do sleep: a library's that spin would slow whoever is timed after it.
SLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def held_to_avx2(isas: list[str] | None) -> bool:
    """Whether a run of these instruction sets holds its peers to AVX2."""
    return bool(isas) and "avx512" not in isas


def variables(environment, threads: int, isas: list[str] | None) -> dict[str, str]:
    """Return the environment of a run from that of its caller."""
    now = {name: value for name, value in environment.items() if name not in REMOVED}
    now |= dict.fromkeys(THREADS, str(threads)) | SLEEP
    if platform.libc_ver()[0] == "glibc":
        now["GLIBC_TUNABLES"] = HEAP + (":" + AVX2_TUNABLES if held_to_avx2(isas) else "")
    return now | (AVX2 if held_to_avx2(isas) else {})


def begin_anew(threads: int, isas: list[str] | None) -> None:
    """Begin this process anew where its environment is not that of a run: malloc and BLAS read it once."""
    now = variables(os.environ, threads, isas)
    if now != dict(os.environ):
        gone = sorted(name for name in REMOVED if os.environ.get(name, now.get(name)) != now.get(name))
        if gone:
            print(f"not as the caller had them: {', '.join(gone)}", file=sys.stderr)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], now)


class Registers:
    """Says whether a call used what only AVX-512 has: registers 16 to 31, the masks, the upper halves of the others.

    The processor tracks which parts of its state are not as they began; ``clear`` sets these parts to that. A library
    that leaves nothing behind after a call would not be seen; none is known, for nobody clears masks and registers 16
    to 31.
    """

    def __init__(self, lib) -> None:
        self.lib = lib

    def used(self, function) -> bool:
        """Call the function, and return whether this thread used AVX-512."""
        self.lib.avx512_clear()
        function()
        return bool(self.lib.avx512_in_use())
