"""Who we are compared with: one adapter a library, a few lines each; a library that is not installed is listed as
absent.

An adapter's PEERS says for an operation how its user would prepare the same work once (weights made dense, converted,
transposed: outside the clock), what then runs, and what makes the result right.
"""

import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from refcompress import ops

ADAPTERS = (
    "numpy_blas",
    "scipy_sparse",
    "mkl_products",
    "mkl_sparse",
    "torch_cpu",
    "torch_products",
    "torch_pruning",
    "onnx_runtime",
    "open_vino",
    "ggml_cpu",
    "numkong_packed",
    "own_products",
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
    ``size(result)`` is the bytes of what an encoder returned. bytes_a_weight : of its own form of a weight, where that
    is not about as large as the operation's. note : what it does otherwise than the operation, for the table.
    """

    label: str
    prepare: Callable
    check: Callable
    size: Callable | None = None
    bytes_a_weight: float = 0
    note: str = ""


def by_rule(op: str) -> Callable:
    """Return the check that is the operation's own rule."""
    return ops.OPS[op].rule


def load(threads: int, avx2: bool = False) -> tuple[dict[str, list[Peer]], dict[str, str]]:
    """Return {operation: peers} of what is installed, and {adapter: why it is absent}.

    avx2 : hold those to AVX2 who are told by a call, not by a variable.
    """
    found, absent = {}, {}
    for name in ADAPTERS:
        try:
            module = importlib.import_module(f".{name}", __name__)
        except ImportError as error:
            absent[name] = str(error).splitlines()[0][:100]
            continue
        if hasattr(module, "set_threads"):
            module.set_threads(threads)
        if avx2 and hasattr(module, "hold_to_avx2"):
            module.hold_to_avx2()
        for op, own in module.PEERS.items():
            found.setdefault(op, []).extend([own] if isinstance(own, Peer) else own)
    return found, absent


def versions() -> dict[str, str]:
    """Return the version of each library of the extra ``bench`` that is installed."""
    return {package: version(package) for package in packages() if _installed(package)}


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def packages() -> list[str]:
    """Return the packages of the extra ``bench`` that are peers."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    named = project["optional-dependencies"]["bench"]
    return [name for name in named if not name.startswith("gt-")]
