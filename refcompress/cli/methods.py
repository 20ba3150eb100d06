"""The methods of compress: each converts float32 arrays, one after the other, to a format.

All take the arrays by name, the options, a function from the name of an operation to the operation, and a dict. Pruning
enters in it the arrays that it leaves nearly empty.
"""

import argparse
from collections.abc import Callable, Mapping

import numpy as np

from .. import arguments
from ..errors import RefcompressError
from ..formats import MX_ELEMENTS, Mixed
from ..reference.share.kmeans import INITS
from .refusals import about_array

__all__ = ["FORMATS", "METHODS", "add_options", "check_options"]

FORMATS = (*MX_ELEMENTS, "nf4")
USED_BY = {  # option -> the methods that look at it
    "sparsity": ("share", "csr"), "scope": ("share", "csr"), "bits": ("share", "quantize"), "scheme": ("quantize",),
    "group": ("quantize", "mixed"), "axis": ("quantize", "mixed"), "format": ("blocks",), "energy": ("lowrank",),
    "wide": ("mixed",), "init": ("share",), "seed": ("share",), "contexts": ("share",),
}
NEARLY_NOTHING = 0.01  # the share of an array below which pruning is warned of


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--method",
        choices=METHODS,
        default="share",
        help="share: prune and share values by k-means (default); quantize: integers with scales; blocks: runs "
        "of small floats with a scale, MX or NF4; mixed: integers of 8 bits, the rows that lose most by it of "
        "16 (matrices); lowrank: truncated SVD (matrices); csr: prune only (matrices)",
    )
    command.add_argument("--sparsity", type=float, metavar="SHARE",
                         help="share of the weights to prune, of the arrays that take part (share, csr; default 0)")
    command.add_argument(
        "--scope",
        choices=("all", "array"),
        help="share, csr: prune the smallest of all arrays together (default), or the same share of each array",
    )
    command.add_argument(
        "--bits",
        type=int,
        help="share: 2**bits values an array, zero one of them where there are zeros (default "
        "5); quantize: 2 to 8, or 16 (default 8)",
    )
    command.add_argument("--init", choices=INITS, help="share: where k-means starts")
    command.add_argument("--seed", type=int, help="share: of --init random (default 0)")
    command.add_argument("--scheme", choices=("symmetric", "affine"), help="quantize: the grid (default symmetric)")
    command.add_argument(
        "--axis",
        type=int,
        metavar="N",
        help="quantize, mixed: the axis of the outputs, each with a scale of its own; negative ones count from the "
        "end (default 0)",
    )
    command.add_argument("--group", type=int, metavar="N",
                         help="quantize, mixed: a scale for each N weights of an output (default: one an output)")
    command.add_argument("--format", choices=FORMATS, metavar="FORMAT",
                         help=f"blocks: {', '.join(FORMATS)} (default mxfp8_e4m3)")
    command.add_argument(
        "--wide", type=float, metavar="SHARE", help="mixed: share of the outputs at 16 bits (default 0.1)"
    )
    command.add_argument("--energy", type=float, help="lowrank: share of the squared weights to keep (default 0.9)")
    command.add_argument(
        "--contexts",
        action="store_const",
        const=True,
        help="share: let the range coder code an array where that is smaller (slower to read and write)",
    )


def check_options(options: argparse.Namespace) -> None:
    """Refuse an option that the method does not look at, or whose value it cannot take, before anything is read."""
    for option, methods in USED_BY.items():
        if getattr(options, option) is not None and options.method not in methods:
            raise RefcompressError(option, f"belongs to --method {' or '.join(methods)}, not {options.method}")
    for option, low, high in (("sparsity", 0, 1), ("wide", 0, 1)):
        if getattr(options, option) is not None:
            arguments.real(getattr(options, option), option, low, high)
    if options.method == "quantize" and options.bits not in (None, *range(2, 9), 16):
        raise RefcompressError("bits", f"must be 2 to 8 or 16 for --method quantize, not {options.bits}")
    if options.seed is not None:
        arguments.integer(options.seed, "seed", 0)
        if options.init != "random":
            raise RefcompressError("seed", "changes something with --init random only")
    if options.scope is not None and not options.sparsity:
        raise RefcompressError("scope", "changes something with a --sparsity above 0 only")
    if options.group is not None:
        arguments.integer(options.group, "group", 1)
        if options.axis:
            raise RefcompressError("axis", "must be 0 with --group: groups run over the axes after the first")


def _share(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    bits, start = (
        _or(options.bits, 5),
        {k: v for k, v in (("init", options.init), ("seed", options.seed)) if v is not None},
    )

    def share(pruned):
        w = np.where(pruned[1], pruned[0], np.float32(0))
        return operation("share_kmeans")(w, bits=bits, pruned=not w.all(), **start)

    return _each(_pruned(weights, options, operation, emptied), options, share)


def _csr(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    return _each(_pruned(weights, options, operation, emptied), options,
                 lambda pruned: operation("csr_from_dense")(pruned[0], pruned[1] & (pruned[0] != 0)))


def _pruned(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    """Return each array with the mask of the weights that stay; enter in ``emptied`` arrays that keep next to none."""
    sparsity, prune = _or(options.sparsity, 0.0), operation("prune_magnitude")
    if options.scope == "array":
        masks = _each(weights, options, lambda w: prune(w, sparsity=sparsity))
    else:
        masks = prune(weights, sparsity=sparsity) if weights else {}
    fewest = min(NEARLY_NOTHING, (1 - sparsity) / 2)  # of an array that keeps its share nothing is said
    for name, mask in masks.items():
        before, kept = np.count_nonzero(weights[name]), np.count_nonzero(weights[name] * mask)
        if kept < before and kept <= fewest * mask.size:
            emptied[name] = int(kept)
    return {name: (weights[name], mask) for name, mask in masks.items()}


def _quantize(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    bits, shared = _or(options.bits, 8), {"scheme": _or(options.scheme, "symmetric"), **_scales(options)}
    if bits == 16:
        return _each(weights, options, lambda w: operation("quantize_s16")(w, **shared))
    return _each(weights, options, lambda w: operation("quantize_s8")(w, bits=bits, **shared))


def _scales(options) -> dict:
    return {"axis": _or(options.axis, 0)} if options.group is None else {"group": options.group}


def _blocks(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    format = _or(options.format, "mxfp8_e4m3")
    if format == "nf4":
        return _each(weights, options, operation("floats_nf4_encode"))
    return _each(weights, options, lambda w: operation("floats_mx_encode")(w, format))


def _mixed(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    """Give 16 bits to the outputs whose squared error at 8 bits is largest; of equals to the first."""
    share, scales, axis = _or(options.wide, 0.1), _scales(options), _or(options.axis, 0) % 2

    def mixed(w):
        lost = w.astype(np.float64) - operation("quantize_s8")(w, **scales).dense()
        order = np.argsort(-np.sum(lost**2, axis=1 - axis), kind="stable")
        wide = np.zeros(w.shape[axis], dtype=bool)
        wide[order[: round(share * len(wide))]] = True
        low, high = np.compress(~wide, w, axis), np.compress(wide, w, axis)
        return Mixed(operation("quantize_s8")(low, **scales), operation("quantize_s16")(high, **scales), wide, axis)

    return _each(weights, options, mixed)


def _lowrank(weights: dict, options, operation: Callable, emptied: dict) -> dict:
    return _each(weights, options, lambda w: operation("lowrank_svd")(w, energy=_or(options.energy, 0.9)))


def _each(weights: Mapping, options, function: Callable) -> dict:
    """Return what ``function`` makes of each array; a refusal names the array."""
    made = {}
    for name, w in weights.items():
        with about_array(name, options):
            made[name] = function(w)
    return made


def _or(value, default):
    return default if value is None else value


METHODS = {"share": _share, "quantize": _quantize, "blocks": _blocks, "mixed": _mixed, "lowrank": _lowrank, "csr": _csr}
