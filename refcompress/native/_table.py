"""The table of kernels (csrc/kernels.c) as Python sees it."""

from dataclasses import dataclass
from functools import cache

from ._kernels import ffi, lib

# What the table has: an operation's kernel is a field of struct rc_kernels with the operation's name.
KERNELS = tuple(name for name, _ in ffi.typeof("struct rc_kernels").fields if name != "isa")

# Kernels that are no operation of their own: an operation's binder asks for them.
HELPERS = ("quantize_runs_s8", "quantize_runs_s16", "gemm_s8_pack", "gemm_s8s8_packed", "gemm_u8s8_packed",
           "gemm_coded_pack", "gemm_s8_lay", "floats_maxima", "prune_nm", "prune_sums", "prune_spread", "prune_chain",
            "csr_count", "quantize_range_ranks", "quantize_errors", "quantize_few_sum",
            "share_codes", "rangecoder_encode_rows", "rangecoder_decode_rows")

# The operations of several C functions, and which these are besides one of the operation's own name: any of them can be
# a caller's (``native.wrap``), and the others are ours. What packs weights is not here: it has no bits of its own.
PARTS = {
    "quantize_s8": ("quantize_runs_s8",),
    "quantize_s16": ("quantize_runs_s16",),
    "quantize_range_percentile": ("quantize_range_ranks",),
    "quantize_range_mse": ("quantize_errors",),
    "quantize_binary": ("quantize_few_sum",),
    "quantize_ternary": ("quantize_few_sum",),
    "prune_select": ("prune_nm", "prune_sums", "prune_spread"),
    "prune_threshold": ("prune_chain",),
    "csr_from_dense": ("csr_count",),
    "share_kmeans": ("share_codes",),
    "share_optimal": ("share_codes",),  # its own C functions are in no table: there is one form of them
    "floats_nvfp4_encode": ("floats_maxima",),
    "rangecoder_encode": ("rangecoder_encode_rows",),
    "rangecoder_decode": ("rangecoder_decode_rows",),
}

# Multiply-adds a second and thread, to the order of magnitude: only for deciding how finely to split the work.
SPEED = {"portable": 2e8, "avx2": 4e9, "avx512": 8e9}


@dataclass(frozen=True)
class Row:
    """What an instruction set has: its name, its speed, and by name the kernels that serve operations and helpers."""

    isa: str
    speed: float
    kernels: dict


def rows():
    """Yield (isa, its own kernels by name, whether this machine runs them), narrowest first."""
    level = 0
    while (row := lib.rc_kernels_at(level)) != ffi.NULL:
        own = {name: kernel for name in KERNELS if (kernel := getattr(row, name)) != ffi.NULL}
        yield ffi.string(row.isa).decode(), own, bool(lib.rc_supported(level))
        level += 1


@cache
def widest(name: str):
    """Return the widest kernel of that name that this machine runs: for what has no bits of its own, such as packing.
    """
    return [own[name] for _, own, supported in rows() if supported and name in own][-1]
