"""Kernels of many operations that leave something behind: packings, scratch memory, modes, and memory that grows."""

import copy
import ctypes
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import reference
from .. import away
from .kernels import Kernel, for_each

_UPWARD = {"x86_64": 0x800, "AMD64": 0x200, "aarch64": 0x400000, "arm64": 0x400000}
# Where in fenv_t, and which bits: fegetround reads another register of x86-64.
_FLUSH = {"x86_64": (28, 0x8040), "aarch64": (0, 1 << 24)}
_TOWARD_ZERO = {"x86_64": (28, 0x6000), "aarch64": (0, 3 << 22)}


def _packed_once(at: int) -> Callable[[str], Callable]:
    """Return the maker of kernels that keep a copy of the operand ``at``, and use it for as long as it is the same."""
    def maker(op: str) -> Callable:
        kept: list[Any] = []

        def kernel(*args, **kwargs):
            if not (kept and kept[0] is args[at]):
                kept[:] = args[at], copy.deepcopy(args[at])
            return getattr(reference, op)(*args[:at], kept[1], *args[at + 1 :], **kwargs)

        return kernel
    return maker


def _by_address(op: str) -> Callable:
    """Keeps results by address, type and shape of the first operand, and by both its ends."""
    kept: dict[tuple, Any] = {}

    def kernel(*args, **kwargs):
        a = args[0]
        if not isinstance(a, np.ndarray) or len(args) > 1 or not a.size:
            return getattr(reference, op)(*args, **kwargs)
        ends = a.reshape(-1)[[0, -1]].tobytes()
        key = a.ctypes.data, a.dtype.str, a.shape, a.strides, ends, repr(kwargs)
        if key not in kept:
            kept.clear()
            kept[key] = getattr(reference, op)(a, **kwargs)
        return copy.deepcopy(kept[key])

    return kernel


def _one_scratch(op: str) -> Callable:
    """All threads copy their operands to the same place, and another may come before they are read."""
    scratch: dict[str, Any] = {}

    def kernel(*args, **kwargs):
        scratch["operands"] = args
        time.sleep(0)
        return getattr(reference, op)(*scratch["operands"], **kwargs)

    return kernel


def _in_place(op: str) -> Callable:
    """Turns its first operand round while it works, and back: another thread meanwhile reads it turned."""
    def kernel(*args, **kwargs):
        a = args[0]
        if not isinstance(a, np.ndarray) or not a.flags.writeable or a.dtype.kind not in "if":
            return getattr(reference, op)(*args, **kwargs)
        given = a.copy()
        np.negative(a, out=a, where=True)
        time.sleep(0)
        a[...] = given
        return getattr(reference, op)(*args, **kwargs)

    return kernel


def _grows(size: int) -> Callable[[str], Callable]:
    def maker(op: str) -> Callable:
        kept: list[Any] = []

        def kernel(*args, **kwargs):
            kept.append(np.ones(size, np.uint8))  # ones, so that the pages are really there
            return getattr(reference, op)(*args, **kwargs)

        return kernel
    return maker


def _keeps_results(op: str) -> Callable:
    kept: list[Any] = []

    def kernel(*args, **kwargs):
        result = getattr(reference, op)(*args, **kwargs)
        kept.append((copy.deepcopy(args), copy.deepcopy(result)))
        return result

    return kernel


def _leaves_rounding(op: str) -> Callable:
    def kernel(*args, **kwargs):
        result = getattr(reference, op)(*args, **kwargs)
        ctypes.CDLL(None).fesetround(_UPWARD[platform.machine()])
        return result

    return kernel


def _leaves_set(register: dict[str, tuple[int, int]]) -> Callable[[str], Callable]:
    """Return the maker of kernels that leave bits of the processor's register set."""
    def maker(op: str) -> Callable:
        def kernel(*args, **kwargs):
            result = getattr(reference, op)(*args, **kwargs)
            library, state = ctypes.CDLL(None), ctypes.create_string_buffer(64)
            library.fegetenv(state)
            at, bits = register[platform.machine()]
            ctypes.c_uint32.from_buffer(state, at).value |= bits
            library.fesetenv(state)
            return result

        return kernel
    return maker


def _first_call_early(op: str) -> Callable:
    """Fills a table at the first call, after that call has read it."""
    filled: list[bool] = []

    def kernel(*args, **kwargs):
        result = getattr(reference, op)(*args, **kwargs)
        if not filled and isinstance(result, np.ndarray) and result.size > 3:
            filled.append(True)
            result = np.zeros_like(result)
        return result

    return kernel


def _chance(op: str) -> Callable:
    """Random numbers without a seed where equal values are to be told apart."""
    def kernel(*args, **kwargs):
        a = args[0]
        if not isinstance(a, np.ndarray):
            return getattr(reference, op)(*args, **kwargs)
        noise = np.random.default_rng().uniform(-1e-7, 1e-7, a.shape).astype(a.dtype)
        return getattr(reference, op)(a + noise * np.abs(a), *args[1:], **kwargs)

    return kernel


def _ring(least: int) -> Callable[[str], Callable]:
    """Return the maker of kernels whose results of so many elements lie in a ring of eight buffers for each shape."""
    def maker(op: str) -> Callable:
        rings: dict[tuple, list[np.ndarray]] = {}

        def kernel(*args, **kwargs):
            result = getattr(reference, op)(*args, **kwargs)
            if not isinstance(result, np.ndarray) or result.size < least:
                return result
            ring = rings.setdefault((result.shape, result.dtype), [])
            if len(ring) == 8:
                taken = ring.pop(0)
                taken[...] = result
                result = taken
            ring.append(result)
            return result

        return kernel
    return maker


def _option_in_place(op: str) -> Callable:
    """Turns its first operand round and back where an option is given: without one it takes another way."""
    plain, turned = getattr(reference, op), _in_place(op)
    return lambda *args, **kwargs: (turned if away.values_away(op, (args, kwargs)) else plain)(*args, **kwargs)


def _pieces_by_chance(op: str) -> Callable:
    """Adds pieces of 512 inputs in the order in which threads come to an end."""
    def kernel(x, w, **kwargs):
        product = getattr(reference, op)
        k = np.shape(getattr(x, "patterns", x))[-1]
        if k < 2048 or kwargs.get("transposed") or not isinstance(x, np.ndarray) or not isinstance(w, np.ndarray):
            return product(x, w, **kwargs)
        with np.errstate(all="ignore"):
            parts = [product(x[:, i : i + 512], w[:, i : i + 512]) for i in range(0, k, 512)]
            return sum(parts[i] for i in np.random.default_rng().permutation(len(parts)))

    return kernel


ALONE = ("another rounding mode left behind", "subnormals flushed from then on", "64 KiB more with each call",
         "all results kept", "rounding toward zero left behind", "a megabyte more with each call")

_MADE: list[Kernel] = [
    *for_each("state", "the last weight packed once",
              "A weight that is multiplied often is packed at the first call. It is known by its identity, and the "
              "caller may write to it.",
              _packed_once(1), "gemm_s8s8", "gemm_f32f32", "gemm_bf16bf16", "nn_depthwise_f32", "nn_lookup_s8",
              "quantize_gptq", "prune_score_taylor"),
    *for_each("state", "the last input packed once",
              "An operand is known by its identity, and the caller may write to it.",
              _packed_once(0), "nn_softmax", "huffman_encode", "quantize_s8", "allocate_exact", "requantize_s32",
              "floats_encode", "prune_magnitude"),
    *for_each("state", "results by address",
              "Results are kept by the address and both ends of an operand. Memory is written to, and given to others.",
              _by_address, "nn_softmax", "huffman_counts", "lowrank_svd", "floats_nvfp4_encode"),
    *for_each("state", "one scratch buffer for all threads",
              "A static buffer is a good idea until two threads call at once.",
              _one_scratch, "gemm_s8s8", "gemm_f32s8", "csr_matmul", "huffman_decode", "nn_layer_norm", "planes_split",
              "prune_obs", "floats_decode"),
    *for_each("state", "works on its operand, and puts it back",
              "The operand is changed while the kernel works. Another thread that has the same array sees that.",
              _in_place, "gemm_s8s8", "nn_softmax", "quantize_s8", "lowrank_svd"),
    *for_each("state", "64 KiB more with each call",
              "A buffer is allocated for each call and never freed.",
              _grows(1 << 16), "gemm_s8s8", "nn_softmax", "quantize_s8", "huffman_encode"),
    *for_each("state", "a megabyte more with each call",
              "Scratch memory for the largest input is allocated for each call and never freed.",
              _grows(1 << 20), "quantize_pack", "planes_join", "nn_max_pool", "huffman_counts"),
    *for_each("state", "all results kept",
              "A list for an inspection was left in.",
              _keeps_results, "gemm_f32f32", "prune_threshold"),
    *for_each("state", "another rounding mode left behind",
              "Interval arithmetic rounds upward, and one way out of the function does not restore the mode.",
              _leaves_rounding, "gemm_f32f32", "nn_activation", "quantize_range_minmax", "planes_join",
              "huffman_encode", "csr_from_dense"),
    *for_each("state", "rounding toward zero left behind",
              "The vector unit is told to cut off, as a conversion to integers does, and is left so.",
              _leaves_set(_TOWARD_ZERO), "planes_split", "planes_join", "gemm_s8s8", "nn_lookup_s8"),
    *for_each("state", "subnormals flushed from then on",
              "Libraries that are linked with -ffast-math set the processor to flush subnormal numbers.",
              _leaves_set(_FLUSH), "gemm_f32f32", "nn_softmax", "csr_matmul", "rangecoder_encode"),
    *for_each("state", "the first call comes too early",
              "A table is filled at the first call, after that call has read it.",
              _first_call_early, "gemm_f32nf4", "floats_decode", "nn_lookup_s8"),
    *for_each("state", "ties by chance",
              "Noise without a seed breaks ties, and each call breaks them in another way.",
              _chance, "prune_magnitude", "prune_select", "share_kmeans"),
    *for_each("state", "large results from a ring of eight buffers",
              "A few buffers in turn are enough for large results, as long as nobody keeps more of them than that.",
              _ring(1024), "gemm_f32f32", "gemm_s8s8", "nn_softmax", "floats_encode", "prune_magnitude"),
    *for_each("state", "all results from a ring of eight buffers",
              "Eight results may be kept, and the ninth overwrites the first.",
              _ring(1), "gemm_u8s8", "nn_activation", "huffman_decode", "lowrank_matmul"),
    *for_each("state", "works on its operand where an option is given",
              "The way for an option off its default changes the operand and puts it back; another thread sees that.",
              _option_in_place, "gemm_s8s8", "quantize_s8", "nn_layer_norm", "prune_select"),
    *for_each("state", "pieces added as threads end",
              "Long sums are cut for threads, and each thread adds its piece when it has it.",
              _pieces_by_chance, "gemm_f32f32", "gemm_bf16bf16"),
]
KERNELS: list[Kernel] = [Kernel(k.op, k.name, k.kind, k.story, k.function, alone=k.name in ALONE) for k in _MADE]
