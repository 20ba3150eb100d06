"""The schemes: what a tensor can become, each a function from float32 weights and its options to a format.

A scheme sees a matrix of outputs by inputs where it needs rows: a convolution's row is inputs x height x width. Weights
whose outputs lie along another axis than the first are turned for it, and Arranged (formats/arranged.py) says how to
turn the result back.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..container import Layer
from ..errors import ArgumentTypeError, RefcompressError
from ..formats import MX_ELEMENTS, Mixed, Shared
from ..formats.arranged import Arrangement
from ..reference.lowrank import lowrank_conv
from .options import checked_options
from .sharing import share_best

__all__ = ["SCHEMES", "Made", "Scheme", "scheme_named"]

Operation = Callable[[str], Callable]
NEAREST = {"mxfp8": "mxfp8_e4m3", "mxfp6": "mxfp6_e3m2", "mxfp4": "mxfp4_e2m1"}  # short names


@dataclass(frozen=True)
class Made:
    """What a scheme made of weights: a layer, and the arrangement of its numbers where the weights have another."""

    layer: Layer
    arrangement: Arrangement | None = None


@dataclass(frozen=True)
class Scheme:
    """One scheme. make : (weights, options, operation) -> Made. uses : its options. zeros : whether zeros stay zeros.

    exact : whether it loses nothing, and takes any tensor. Such a scheme has no ``make``: the tensor is not decoded.
    ndim : the least axes of its weights.
    """

    name: str
    make: Callable[[np.ndarray, Mapping[str, Any], Operation], Made] | None
    uses: tuple[str, ...] = ()
    text: str = ""
    zeros: bool = True
    ndim: int = 2

    @property
    def exact(self) -> bool:
        return self.make is None

    def checked(self, options: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return the options, checked, or refuse them."""
        return checked_options(self.name, self.uses, options, where)


def scheme_named(name: object, where: str) -> Scheme:
    """Return the scheme of that name; refuse another with the names that there are."""
    if not isinstance(name, str):
        raise ArgumentTypeError(where, f"must be a string, not {type(name).__name__}")
    found = SCHEMES.get(NEAREST.get(name, name))
    if found is None:
        raise RefcompressError(where, f"{name!r} is no scheme; those are {', '.join(SCHEMES)}")
    return found


def rows_first(w: np.ndarray, axis: int) -> tuple[np.ndarray, Arrangement | None]:
    """Return the weights with the outputs' axis first, and the arrangement that undoes it."""
    if axis % w.ndim == 0:
        return w, None
    order = [axis % w.ndim, *(i for i in range(w.ndim) if i != axis % w.ndim)]
    turned = np.ascontiguousarray(w.transpose(order))
    return turned, Arrangement(turned.shape, tuple(int(i) for i in np.argsort(order)))


def matrix(w: np.ndarray, axis: int) -> tuple[np.ndarray, Arrangement | None]:
    """Return the weights as a matrix of outputs by all else, and the arrangement that undoes it."""
    turned, arrangement = rows_first(w, axis)
    if turned.ndim == 2:
        return turned, arrangement
    shape = turned.shape
    undo = arrangement or Arrangement(shape, tuple(range(len(shape))))
    return turned.reshape(len(turned), math.prod(shape[1:])), undo


def scales_of(options: Mapping[str, Any], axis: int) -> dict[str, Any]:
    """Return what shares a scale, as quantize_s8 takes it."""
    return {"group": options["group"]} if "group" in options else {"axis": axis}


def integers(bits: int) -> Callable:
    """Return the scheme of integers of so many bits: a scale an output, or one a group of its weights."""

    def make(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
        axis, arrangement = options.get("axis", 0) % w.ndim, None
        shared: dict[str, Any] = {"scheme": options.get("grid", "symmetric")}
        if "group" in options:
            w, arrangement = rows_first(w, axis)
            shared["group"] = options["group"]
        elif w.ndim > 1:  # the weights of a vector share one scale
            shared["axis"] = axis
        if bits == 16:
            return Made(operation("quantize_s16")(w, **shared), arrangement)
        q = operation("quantize_s8")(w, bits=bits, **shared)
        # Integers of four bits are multiplied from two in a byte; a file codes them as it codes those of a byte each.
        return Made(operation("quantize_pack")(q) if bits == 4 and w.ndim > 1 else q, arrangement)

    return make


def pruned(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> np.ndarray:
    """Return the weights with the smallest of them zero: a share of them, or all but ``keep`` (global.py counts)."""
    if "keep" in options:
        mask = operation("prune_magnitude")(w, keep=options["keep"])
    elif options.get("sparsity"):
        mask = operation("prune_magnitude")(w, sparsity=options["sparsity"])
    else:
        return w
    return np.where(mask, w, np.float32(0))


def share(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
    """Prune, and let the weights share values: by the best k-means, or by Lloyd's from a start that is named."""
    return Made(shared(pruned(w, options, operation), options, operation))


def shared(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Shared:
    bits, zeros = options.get("bits", 5), not w.all()
    if "init" in options:
        start = {name: options[name] for name in ("init", "seed") if name in options}
        return operation("share_kmeans")(w, bits=bits, pruned=zeros, **start)
    return share_best(w, bits, zeros, operation)


def csr(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
    """Prune, and store what is not zero."""
    w, arrangement = matrix(pruned(w, options, operation), options.get("axis", 0))
    return Made(operation("csr_from_dense")(w, w != 0), arrangement)


def n_of_m(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
    """Keep n of each m consecutive weights of an output; store what is not zero, or let it share values."""
    w, arrangement = matrix(w, options.get("axis", 0))
    mask = operation("prune_select")(np.abs(w), structure="nm", n=options.get("n", 2), m=options.get("m", 4))
    w = np.where(mask, w, np.float32(0))
    if "bits" in options:
        return Made(shared(w, options, operation), arrangement)
    return Made(operation("csr_from_dense")(w, w != 0), arrangement)


def blocks(format: str) -> Callable:
    """Return the scheme of one of the OCP's MX formats, or of NF4."""

    def make(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
        w, arrangement = rows_first(w, options.get("axis", 0))
        if format == "nf4":
            return Made(operation("floats_nf4_encode")(w, block=options.get("block", 64)), arrangement)
        return Made(operation("floats_mx_encode")(w, format), arrangement)

    return make


def mixed(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
    """Give 16 bits to the outputs whose squared error at 8 bits is largest, of equals to the first; 8 to the others."""
    w, arrangement = matrix(w, options.get("axis", 0))
    scales = scales_of(options, 0)
    lost = w.astype(np.float64) - operation("quantize_s8")(w, **scales).dense()
    order = np.argsort(-np.sum(lost**2, axis=1), kind="stable")
    wide = np.zeros(len(w), dtype=bool)
    wide[order[: round(options.get("wide", 0.1) * len(w))]] = True
    low, high = operation("quantize_s8")(w[~wide], **scales), operation("quantize_s16")(w[wide], **scales)
    return Made(Mixed(low, high, wide, 0), arrangement)


def lowrank(w: np.ndarray, options: Mapping[str, Any], operation: Operation) -> Made:
    """Truncate the singular value decomposition of outputs by all else; a convolution becomes two in a row."""
    axis = options.get("axis", 0) % w.ndim
    rows = w.shape[axis]
    by = {"energy": options.get("energy", 0.9)}
    if "rank" in options:
        by = {"rank": min(options["rank"], rows, w.size // max(rows, 1))}
    if w.ndim == 4 and axis == 0:
        return Made(lowrank_conv(w, scheme="channel", **by))
    w, arrangement = matrix(w, axis)
    return Made(operation("lowrank_svd")(w, **by), arrangement)


ROWS = ("group", "grid", "axis")
SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in (
    Scheme("keep", None, text="as it is"),
    Scheme("lossless", None, text="bit for bit, exponents and mantissas coded apart"),
    *(Scheme(f"int{bits}", integers(bits), ROWS, f"integers of {bits} bits, a scale an output or a group", ndim=1)
      for bits in (2, 3, 4, 5, 6, 7, 8, 16)),
    Scheme("share", share, ("bits", "sparsity", "init", "seed", "contexts"), "2**bits values, by k-means", ndim=1),
    Scheme("csr", csr, ("sparsity", "axis"), "what is not zero"),
    Scheme("nm", n_of_m, ("n", "m", "bits", "contexts", "axis"), "n of each m weights"),
    *(Scheme(name, blocks(name), ("axis",), "blocks of 32 small floats", ndim=1) for name in MX_ELEMENTS),
    Scheme("nf4", blocks("nf4"), ("block", "axis"), "blocks of 16 levels", ndim=1),
    Scheme("mixed", mixed, ("group", "wide", "axis"), "integers of 8 bits, some outputs of 16"),
    Scheme("lowrank", lowrank, ("energy", "rank", "axis"), "factors of low rank", zeros=False),
)}
