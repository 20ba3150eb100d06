"""Who we are compared with: one adapter a library, a few lines each; a library that is not installed is listed as
absent.

An adapter's PEERS says for an operation how its user would prepare the same work once (weights made dense, converted,
transposed: outside the clock), what then runs, and what makes the result right.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from refcompress import ops

ADAPTERS = (
    "numpy_blas",
    "scipy_sparse",
    "mkl_sparse",
    "torch_cpu",
    "onnx_runtime",
    "open_vino",
    "ml_dtypes_floats",
    "zlib_coder",
    "zstandard_coder",
    "isal_coder",
    "deflate_coder",
    "zipnn_coder",
    "constriction_coder",
    "dahuffman_coder",
    "scikit_learn",
    "kmeans1d_exact",
    "ckwrap_exact",
    "faiss_kmeans",
)


@dataclass(frozen=True)
class Peer:
    """``prepare(*args, **kwargs)`` returns the function to be timed; ``check(expected, got, args, kwargs)`` raises
    AssertionError where its result is wrong: the operation's own rule, where the results are of the same form.
    ``size(result)`` is the bytes of what an encoder returned.
    """

    label: str
    prepare: Callable
    check: Callable
    size: Callable | None = None


def by_rule(op: str) -> Callable:
    """Return the check that is the operation's own rule."""
    return ops.OPS[op].rule


def load(threads: int) -> tuple[dict[str, list[Peer]], dict[str, str]]:
    """Return {operation: peers} of what is installed, and {adapter: why it is absent}."""
    found, absent = {}, {}
    for name in ADAPTERS:
        try:
            module = importlib.import_module(f".{name}", __name__)
        except ImportError as error:
            absent[name] = str(error).splitlines()[0][:100]
            continue
        if hasattr(module, "set_threads"):
            module.set_threads(threads)
        for op, peer in module.PEERS.items():
            found.setdefault(op, []).append(peer)
    return found, absent
