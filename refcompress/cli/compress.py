"""The command compress: arrays in, a file of compressed arrays out, by one method for all of them."""

import argparse
from collections.abc import Callable

import numpy as np

from .. import arguments, container, ops, reference
from ..errors import RefcompressError
from ..formats import MX_ELEMENTS
from ..models import npz
from .files import check_same
from .options import add_implementation, add_limit, describe, implementation, label
from .show import Report, printable, table

__all__ = ["add_commands"]

FORMATS = (*MX_ELEMENTS, "nf4")
MATRICES = ("lowrank", "csr", "mixed")  # of other shapes these would give back only the elements
USED_BY = {  # option -> the methods that look at it
    "sparsity": ("share", "csr"), "bits": ("share", "quantize"), "scheme": ("quantize",), "group": ("quantize", "mixed"),
    "format": ("blocks",), "energy": ("lowrank",), "wide": ("mixed",), "seed": ("share",),
    "contexts": ("share",),
}


def add_commands(commands) -> None:
    command = commands.add_parser("compress", help="compress the arrays of an .npz file, without training")
    command.add_argument("source", help="an .npz file of arrays")
    command.add_argument("target", help="the file to write")
    command.add_argument("--method", choices=("share", "quantize", "blocks", "mixed", "lowrank", "csr"), default="share",
                         help="share: prune and share values by k-means (default); quantize: integers with scales; blocks: runs "
                              "of small floats with a scale, MX or NF4; mixed: integers of 8 bits, the rows that lose most by it of "
                              "16 (matrices); lowrank: truncated SVD (matrices); csr: prune only (matrices)")
    command.add_argument("--sparsity", type=float, metavar="SHARE",
                         help="share of the weights to prune, over all of them together (share, csr; default 0)")
    command.add_argument("--bits", type=int, help="share: 2**bits values a layer, zero among them (default 5); quantize: 2 to "
                                                  "8, or 16 (default 8)")
    command.add_argument("--scheme", choices=("symmetric", "affine"), help="quantize: the grid (default symmetric)")
    command.add_argument("--group", type=int, metavar="N",
                         help="quantize, mixed: a scale for each N weights of a row (default: one a row)")
    command.add_argument("--format", choices=FORMATS, metavar="FORMAT",
                         help=f"blocks: {', '.join(FORMATS)} (default mxfp8_e4m3)")
    command.add_argument("--wide", type=float, metavar="SHARE", help="mixed: share of the rows at 16 bits (default 0.1)")
    command.add_argument("--energy", type=float, help="lowrank: share of the squared weights to keep (default 0.9)")
    command.add_argument("--contexts", action="store_const", const=True,
                         help="share: let the range coder code a layer where that is smaller (slower to read and write)")
    command.add_argument("--seed", type=int, help="share: for what is drawn at random (default 0)")
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=compress)


def compress(options: argparse.Namespace) -> Report:
    """Compress each float32 array of two or more dimensions; store what is left as it is, and say so for each."""
    for option, methods in USED_BY.items():
        if getattr(options, option) is not None and options.method not in methods:
            raise RefcompressError(option, f"belongs to --method {' or '.join(methods)}, not {options.method}")
    space = implementation(options)
    arrays = npz.load(options.source, limit=options.limit)
    weights = {name: a for name, a in arrays.items() if a.dtype == np.float32 and a.ndim >= 2 and a.size
               and (a.ndim == 2 or options.method not in MATRICES)}
    used: dict[str, str] = {}

    def operation(name):
        function, used[name] = ops.implementation_of(space, name)
        return function

    layers = {**arrays, **METHODS[options.method](weights, options, operation)}
    data = container.dumps(layers, implementation=space, contexts=bool(options.contexts))
    check_same(layers, container.loads(data, implementation=space, limit=arguments.MAX_SIZE))  # our own bytes: no stranger's
    container.files.write(options.target, data)

    size, original = len(data), sum(a.nbytes for a in arrays.values())
    rows = [[name, "x".join(map(str, arrays[name].shape)) or "scalar", describe(value), arrays[name].nbytes]
            for name, value in layers.items()]
    left = [name for name in arrays if name not in weights]
    text = [
        f"{options.source}: {len(arrays)} arrays, {original:,} bytes",
        table(rows, ["array", "shape", "stored as", "bytes before"]),
        f"{options.target}: {size:,} bytes, {original / size:.2f} times smaller; read back, equal bit for bit "
        "to what was compressed",
        "stored as they are: " + (", ".join(map(printable, left)) or "none") + "; "
        + ", ".join(f"{name} by {who}" for name, who in used.items()),
    ]
    return Report({
        "source": options.source, "target": options.target, "bytes_before": original, "bytes": size,
        "ratio": original / size, "layers": {name: describe(value) for name, value in layers.items()},
        "left_as_they_are": left, "operations": used, "implementation": label(space),
    }, "\n".join(text))


def _or(value, default):
    return default if value is None else value


def _share(weights: dict, options, operation: Callable) -> dict:
    sparsity, bits = _or(options.sparsity, 0.0), _or(options.bits, 5)
    return {name: operation("share_kmeans")(w, bits=bits, pruned=sparsity > 0)
            for name, (w, _) in _pruned(weights, sparsity, operation).items()}


def _csr(weights: dict, options, operation: Callable) -> dict:
    return {name: operation("csr_from_dense")(w, mask)
            for name, (w, mask) in _pruned(weights, _or(options.sparsity, 0.0), operation).items()}


def _pruned(weights: dict, sparsity: float, operation: Callable) -> dict:
    masks = operation("prune_magnitude")(weights, sparsity=sparsity) if weights else {}
    return {name: (np.where(mask, weights[name], np.float32(0)), mask) for name, mask in masks.items()}


def _quantize(weights: dict, options, operation: Callable) -> dict:
    bits, scheme = _or(options.bits, 8), _or(options.scheme, "symmetric")
    shared = {"axis": 0} if options.group is None else {"group": options.group}
    if bits == 16:
        return {name: operation("quantize_s16")(w, scheme=scheme, **shared) for name, w in weights.items()}
    return {name: operation("quantize_s8")(w, bits=bits, scheme=scheme, **shared) for name, w in weights.items()}


def _blocks(weights: dict, options, operation: Callable) -> dict:
    format = _or(options.format, "mxfp8_e4m3")
    if format == "nf4":
        return {name: operation("floats_nf4_encode")(w) for name, w in weights.items()}
    return {name: operation("floats_mx_encode")(w, format) for name, w in weights.items()}


def _mixed(weights: dict, options, operation: Callable) -> dict:
    """Give 16 bits to the rows whose squared error at 8 bits is largest; of equals to the first."""
    share = arguments.real(_or(options.wide, 0.1), "wide", 0, 1)
    shared = {"axis": 0} if options.group is None else {"group": options.group}
    layers = {}
    for name, w in weights.items():
        lost = w.astype(np.float64) - operation("quantize_s8")(w, **shared).dense()
        order = np.argsort(-np.sum(lost**2, axis=1), kind="stable")
        wide = np.zeros(len(w), dtype=bool)
        wide[order[: round(share * len(w))]] = True
        layers[name] = reference.allocate_mixed(w, wide, group=options.group)
    return layers


def _lowrank(weights: dict, options, operation: Callable) -> dict:
    return {name: operation("lowrank_svd")(w, energy=_or(options.energy, 0.9)) for name, w in weights.items()}


METHODS = {"share": _share, "quantize": _quantize, "blocks": _blocks, "mixed": _mixed, "lowrank": _lowrank, "csr": _csr}
