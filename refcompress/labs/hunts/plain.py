"""Plain random inputs of the operations that hunts are about: what a generic random tester throws at a function.

Sizes are uniform, numbers are normal or uniform, and options are drawn from the usual ones. Nothing is aimed at any
bug. :data:`PLAIN` has a function of a generator of random numbers for each operation; it returns the arguments by name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from ... import formats, reference

__all__ = ["PLAIN"]

_F = np.float32
FORMATS = ("float16", "bfloat16", "fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp4_e2m1")
MX = ("mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4_e2m1", "mxint8")


def _size(r: Generator, most: int = 40) -> int:
    return int(r.integers(1, most + 1))


def _normal(r: Generator, *shape: int) -> np.ndarray:
    return r.standard_normal(shape, dtype=_F)


def _matrix(r: Generator) -> np.ndarray:
    return _normal(r, _size(r), _size(r))


def _any(r: Generator) -> np.ndarray:
    """Return numbers of one to three dimensions."""
    return _normal(r, *(_size(r, 20) for _ in range(int(r.integers(1, 4)))))


def _codes(r: Generator, *shape: int, bits: int = 8) -> np.ndarray:
    return r.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), shape).astype(np.int8)


def _sparse(r: Generator) -> np.ndarray:
    w = _matrix(r)
    return np.where(r.random(w.shape) < 0.7, _F(0), w)


def _word(r: Generator, *words: str) -> str:
    return words[int(r.integers(len(words)))]


def _keep(r: Generator, size: int) -> dict[str, Any]:
    return {"keep": int(r.integers(size + 1))} if r.random() < 0.5 else {"sparsity": float(r.random())}


def _prune(name: str) -> Callable[[Generator], dict[str, Any]]:
    def draw(r: Generator) -> dict[str, Any]:
        w = _any(r)
        return {name: w, **_keep(r, w.size)}
    return draw


def _share(r: Generator) -> dict[str, Any]:
    w = _any(r)
    more: dict[str, Any] = {"pruned": True} if r.random() < 0.3 else {}
    return {"w": w, "bits": int(r.integers(1, 5)), "init": _word(r, "cut", "linear", "density"), **more}


def _quantize(r: Generator) -> dict[str, Any]:
    x, what = _any(r), r.random()
    more = {"axis": int(r.integers(x.ndim))} if what < 0.3 else {"group": _size(r, 32)} if what < 0.5 else {}
    return {"x": x, "bits": int(r.integers(2, 9)), "scheme": _word(r, "symmetric", "affine"), **more}


def _quantized(r: Generator, *shape: int) -> formats.Quantized:
    return reference.quantize_s8(_normal(r, *shape), axis=0 if r.random() < 0.5 else None,
                                 scheme=_word(r, "symmetric", "affine"))


def _ternary(r: Generator) -> dict[str, Any]:
    x = _any(r)
    return {"w": x, **({"axis": int(r.integers(x.ndim))} if r.random() < 0.5 else {})}


def _packed(r: Generator) -> dict[str, Any]:
    bits = int(r.integers(2, 8))
    return {"q": reference.quantize_s8(_matrix(r), bits=bits), "bits": bits}


def _requantize(r: Generator) -> dict[str, Any]:
    x = r.integers(-(2**20), 2**20, (_size(r), _size(r))).astype(np.int32)
    return {"x": x, "multiplier": int(r.integers(2**30, 2**31)), "shift": int(r.integers(0, 20)),
            "zero_point": int(r.integers(-10, 11)), "rounding": _word(r, "half_even", "half_away", "gemmlowp")}


def _bias(r: Generator) -> dict[str, Any]:
    bias = _normal(r, _size(r))
    scale = np.abs(_normal(r, len(bias))) + _F(0.001) if r.random() < 0.5 else float(r.random()) + 0.001
    return {"bias": bias, "scale_x": float(r.random()) + 0.001, "scale_w": scale}


def _encoded(r: Generator) -> dict[str, Any]:
    symbols = np.minimum(r.geometric(0.3, _size(r, 400)) - 1, 255).astype(np.uint8)
    lengths = reference.huffman_lengths(reference.huffman_counts(symbols))
    return {"encoded": reference.huffman_encode(symbols, reference.huffman_code(lengths))}


def _csr(r: Generator) -> dict[str, Any]:
    a = reference.csr_from_dense(_sparse(r))
    return {"a": a, "x": _normal(r, a.shape[1], _size(r, 12))}


def _gemm(x: Callable, w: Callable) -> Callable[[Generator], dict[str, Any]]:
    def draw(r: Generator) -> dict[str, Any]:
        m, n, k = _size(r, 12), _size(r, 12), _size(r, 100)
        return {"x": x(r, m, k), "w": w(r, n, k)}
    return draw


def _bytes(r: Generator, *shape: int) -> np.ndarray:
    return r.integers(0, 256, shape).astype(np.uint8)


def _decodable(r: Generator) -> dict[str, Any]:
    format = _word(r, *FORMATS)
    return {"codes": reference.floats_encode(_any(r), format), "format": format}


def _counts(r: Generator) -> dict[str, Any]:
    more: dict[str, Any] = {"limit": int(r.integers(8, 16))} if r.random() < 0.5 else {}
    return {"counts": r.integers(0, 1000, _size(r, 200)), **more}


def _low_rank(r: Generator) -> dict[str, Any]:
    w = _matrix(r)
    a = reference.lowrank_svd(w, rank=int(r.integers(min(w.shape) + 1)))
    return {"a": a, "x": _normal(r, a.shape[1], _size(r, 12))}


def _svd(r: Generator) -> dict[str, Any]:
    w = _normal(r, _size(r, 16), _size(r, 16))
    share = float(r.random()) * 0.98 + 0.01
    rank = int(r.integers(min(w.shape) + 1))
    ways: tuple[dict[str, Any], ...] = ({"rank": rank}, {"energy": share}, {"error": share})
    return {"w": w, **ways[int(r.integers(3))]}


PLAIN: dict[str, Callable[[Generator], dict[str, Any]]] = {
    "prune_magnitude": _prune("w"),
    "prune_select": _prune("scores"),
    "prune_threshold": lambda r: {"w": _any(r), "quality": float(r.random()) * 2},
    "share_kmeans": _share,
    "quantize_s8": _quantize,
    "dequantize_s8": lambda r: {"q": _quantized(r, _size(r), _size(r))},
    "quantize_ternary": _ternary,
    "quantize_pack": _packed,
    "quantize_bias_s32": _bias,
    "requantize_s32": _requantize,
    "floats_encode": lambda r: {"x": _any(r), "format": _word(r, *FORMATS)},
    "floats_decode": _decodable,
    "floats_mx_encode": lambda r: {"x": _any(r), "format": _word(r, *MX)},
    "floats_nf4_encode": lambda r: {"x": _any(r), **({"block": _size(r, 64)} if r.random() < 0.5 else {})},
    "lowrank_svd": _svd,
    "lowrank_matmul": _low_rank,
    "csr_from_dense": lambda r: {"w": _sparse(r)},
    "csr_matmul": _csr,
    "gemm_f32f32": _gemm(_normal, _normal),
    "gemm_s8s8": _gemm(_codes, _codes),
    "gemm_u8s8": _gemm(_bytes, _codes),
    "gemm_f32s8": _gemm(_normal, _quantized),
    "huffman_counts": lambda r: {"symbols": _bytes(r, _size(r, 400))},
    "huffman_lengths": _counts,
    "huffman_decode": _encoded,
    "nn_activation": lambda r: {"x": _any(r), "function": _word(r, "exp", "sigmoid", "tanh")},
    "nn_softmax": lambda r: {"x": _any(r)},
    "nn_layer_norm": lambda r: {"x": _any(r)},
}
