"""ggml through its own graph, as benchmarks.ggml_build builds it: blocks of 4 and 8 bits, float16 and bfloat16.

It brings x to the type that goes with the weights: blocks of int8 with a float16 scale, float16, bfloat16. A type that
it has another order for (repack) takes part in both.
"""

import ctypes
from pathlib import Path

import numpy as np

from refcompress import ggml_decode
from refcompress.formats import GGMLBlocks

from . import Peer
from .bounds import operands, quantized, rounded, within
from .weights import dense, values

FOLDER = Path(__file__).resolve().parents[2] / "build" / "ggml"
TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 8, "Q4_K": 12, "BF16": 30}
F32 = 0
MOST_THREADS = 512  # GGML_MAX_N_THREADS
LEVEL = "native"
THREADS = 1
pointer, size_t, i64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64


class Context(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = [("mem_size", size_t), ("mem_buffer", pointer), ("no_alloc", ctypes.c_bool)]


class Threads(ctypes.Structure):
    """ggml_threadpool_params."""

    _fields_ = [("cpumask", ctypes.c_bool * MOST_THREADS), ("n_threads", ctypes.c_int), ("prio", ctypes.c_int),
                ("poll", ctypes.c_uint32), ("strict_cpu", ctypes.c_bool), ("paused", ctypes.c_bool)]


# name: (library, result, arguments)
FUNCTIONS = {
    "ggml_init": ("base", pointer, [Context]),
    "ggml_free": ("base", None, [pointer]),
    "ggml_tensor_overhead": ("base", size_t, []),
    "ggml_graph_overhead": ("base", size_t, []),
    "ggml_new_tensor_2d": ("base", pointer, [pointer, ctypes.c_int, i64, i64]),
    "ggml_mul_mat": ("base", pointer, [pointer, pointer, pointer]),
    "ggml_new_graph": ("base", pointer, [pointer]),
    "ggml_build_forward_expand": ("base", None, [pointer, pointer]),
    "ggml_get_data": ("base", pointer, [pointer]),
    "ggml_quantize_chunk": ("base", size_t, [ctypes.c_int, pointer, pointer, i64, i64, i64, pointer]),
    "ggml_row_size": ("base", size_t, [ctypes.c_int, i64]),
    "ggml_backend_alloc_ctx_tensors_from_buft": ("base", pointer, [pointer, pointer]),
    "ggml_backend_tensor_set": ("base", None, [pointer, pointer, size_t, size_t]),
    "ggml_backend_buffer_free": ("base", None, [pointer]),
    "ggml_backend_graph_compute": ("base", ctypes.c_int, [pointer, pointer]),
    "ggml_backend_cpu_init": ("cpu", pointer, []),
    "ggml_backend_cpu_set_threadpool": ("cpu", None, [pointer, pointer]),
    "ggml_backend_cpu_set_n_threads": ("cpu", None, [pointer, ctypes.c_int]),
    "ggml_backend_cpu_buffer_type": ("base", pointer, []),
    "ggml_threadpool_params_init": ("base", None, [ctypes.POINTER(Threads), ctypes.c_int]),
    "ggml_threadpool_new": ("cpu", pointer, [ctypes.POINTER(Threads)]),
}
QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, pointer)(lambda level, text, data: None)
REPACKED = "_Z35ggml_backend_cpu_repack_buffer_typev"  # C++, and in no header that is installed


class Library:
    """ggml of one instruction set, and what it computes with."""

    def __init__(self, level: str, threads: int) -> None:
        parts = {part: FOLDER / level / "src" / f"libggml-{part}.so" for part in ("base", "cpu")}
        loaded = {part: ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL) for part, path in parts.items()}
        for name, (part, result, arguments) in FUNCTIONS.items():
            function = getattr(loaded[part], name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name.removeprefix("ggml_"), function)
        loaded["base"].ggml_log_set(QUIET, None)
        repacked = getattr(loaded["cpu"], REPACKED)
        repacked.restype = pointer
        self.buffers = {False: self.backend_cpu_buffer_type(), True: repacked()}
        self.backend = self.backend_cpu_init()
        options = Threads()
        self.threadpool_params_init(ctypes.byref(options), threads)
        options.poll = 0  # threads that wait sleep, as those of the other peers do
        self.backend_cpu_set_n_threads(self.backend, threads)
        self.backend_cpu_set_threadpool(self.backend, self.threadpool_new(ctypes.byref(options)))


LIBRARY: Library | None = None
if not (FOLDER / LEVEL).exists():
    raise ImportError("ggml is not built: python -m benchmarks.ggml_build")


def set_threads(threads: int) -> None:
    global THREADS, LIBRARY
    THREADS, LIBRARY = threads, None


def hold_to_avx2() -> None:
    global LEVEL, LIBRARY
    LEVEL, LIBRARY = "avx2", None


def library() -> Library:
    global LIBRARY
    if LIBRARY is None:
        LIBRARY = Library(LEVEL, THREADS)
    return LIBRARY


class Product:
    """y = x w^T of a graph with one node, which is freed with this object."""

    def __init__(self, x: np.ndarray, data: np.ndarray, n: int, kind: str, repacked: bool) -> None:
        self.lib, (m, k) = library(), x.shape
        lib = self.lib
        # Room for what a tensor says of itself; its numbers lie in a buffer.
        room = 4 * lib.tensor_overhead() + lib.graph_overhead()
        self.contexts = [lib.init(Context(room, None, True)) for _ in range(2)]
        w = lib.new_tensor_2d(self.contexts[0], TYPES[kind], k, n)
        given = lib.new_tensor_2d(self.contexts[1], F32, k, m)
        y = lib.mul_mat(self.contexts[1], w, given)
        kept = zip(self.contexts, (lib.buffers[repacked], lib.buffers[False]))
        self.owned = [lib.backend_alloc_ctx_tensors_from_buft(context, buffer) for context, buffer in kept]
        for tensor, numbers in ((w, data), (given, x)):
            numbers = np.ascontiguousarray(numbers)
            lib.backend_tensor_set(tensor, numbers.ctypes.data, 0, numbers.nbytes)
        self.graph = lib.new_graph(self.contexts[1])
        lib.build_forward_expand(self.graph, y)
        out = ctypes.cast(lib.get_data(y), ctypes.POINTER(ctypes.c_float))
        self.y = np.ctypeslib.as_array(out, (m, n))

    def __call__(self) -> np.ndarray:
        if self.lib.backend_graph_compute(self.lib.backend, self.graph):
            raise RuntimeError("ggml_backend_graph_compute failed")
        return self.y

    def __del__(self) -> None:
        for buffer in self.owned:
            self.lib.backend_buffer_free(buffer)
        for context in self.contexts:
            self.lib.free(context)


def _blocks(w) -> np.ndarray:
    """Return the same weights as blocks Q4_0 or Q8_0: they are equal where the scales are float16 numbers."""
    whole = values(w)
    n, k = whole.shape
    if k % 32 or (w.group or 32) % 32 or np.any(w.zero_point):
        raise ValueError("only groups of a multiple of 32, without zero points")
    groups = w.scale.shape[1]
    scale = np.repeat(np.broadcast_to(w.scale, (n, groups)), k // 32 // groups, axis=1).astype(np.float16)
    codes = whole.view(np.uint8).reshape(n, k // 32, 32)
    if getattr(w, "bits", 8) == 4:
        codes = codes + np.uint8(8) & 15
        codes = codes[..., :16] | codes[..., 16:] << 4
    return np.concatenate([scale[..., None].view(np.uint8), codes], axis=-1)


def _in_blocks(kind: str, repacked: bool):
    def prepare(x, x_scale, w, bias=None):
        if bias is not None and np.any(bias):
            raise ValueError("without a bias")
        return Product(x * x_scale[:, None], _blocks(w), w.shape[0], kind, repacked)

    return prepare


def _super_blocks(repacked: bool):
    """Q4_K has no room for our scales: it is given other weights, and its product is held against those."""
    def prepare(x, x_scale, w):
        x, numbers = x * x_scale[:, None], dense(w)
        n, k = numbers.shape
        if k % 256:
            raise ValueError("only k of a multiple of 256")
        data = np.empty((n, library().row_size(TYPES["Q4_K"], k)), np.uint8)
        library().quantize_chunk(TYPES["Q4_K"], numbers.ctypes.data, data.ctypes.data, 0, n, k, None)
        product = Product(x, data, n, "Q4_K", repacked)
        weights = ggml_decode(GGMLBlocks(data.reshape(-1, 144), "Q4_K", (n, k)))
        within(quantized)(None, product(), (x, weights), {})
        return product

    return prepare


def _other_weights(expected, got, args, kwargs):
    """It was held against its own weights; ours are off by at most a step of 4 bits, between a group's extremes."""
    x, w = operands(args)
    assert np.all(np.abs(got - x @ w.T) <= np.abs(x) @ np.full(w.shape, np.ptp(w) / 15 + np.abs(w).max() / 63).T)


def _of_floats(kind: str):
    def prepare(x, w):
        x, w = (dense(a) for a in (x, w))
        data = w.astype(np.float16) if kind == "F16" else (w.view(np.uint32) >> 16).astype(np.uint16)
        return Product(x, data, len(w), kind, False)

    return prepare


ITSELF = "quantizes x itself"
PEERS = {
    "gemm_s8s4": [
        *(Peer(f"ggml, Q4_0{', repacked' if repacked else ''}", _in_blocks("Q4_0", repacked), within(quantized),
               note=ITSELF) for repacked in (False, True)),
        *(Peer(f"ggml, Q4_K{', repacked' if repacked else ''}", _super_blocks(repacked), _other_weights,
               note=ITSELF + ", other scales") for repacked in (False, True)),
    ],
    "gemm_s8s8_scaled": Peer("ggml, Q8_0", _in_blocks("Q8_0", False), within(quantized), note=ITSELF),
    "gemm_f32f16": Peer("ggml, F16", _of_floats("F16"), within(rounded(11, 1)), note="x in float16"),
    "gemm_f32bf16": Peer("ggml, BF16", _of_floats("BF16"), within(rounded(9, 1)), note="x in bfloat16"),
    "gemm_bf16bf16": Peer("ggml, BF16", _of_floats("BF16"), within(rounded(9, 1)), note="to float32"),
}
