"""The commands on files: compress, decompress, inspect, verify."""

import argparse
import os

import numpy as np

from .. import agreement, arguments, container, ops, reference
from ..errors import LimitError, RefcompressError
from ..ledger import ledger
from ..models import npz
from .options import add_implementation, add_limit, decoded_bytes, describe, implementation, label
from .show import Report, printable, table


def add_commands(commands) -> None:
    command = commands.add_parser("compress", help="compress the arrays of an .npz file, without training")
    command.add_argument("source", help="an .npz file of arrays")
    command.add_argument("target", help="the file to write")
    command.add_argument("--method", choices=("share", "quantize", "lowrank", "csr"), default="share",
                         help="share: prune and share values by k-means (default); quantize: int8, a scale a row; lowrank: "
                              "truncated SVD (matrices); csr: prune only (matrices)")
    command.add_argument("--sparsity", type=float, default=0.0, metavar="SHARE",
                         help="share of the weights to prune, over all of them together (share, csr; default 0)")
    command.add_argument("--bits", type=int, default=5, help="2**bits values a layer, zero among them (share; default 5)")
    command.add_argument("--energy", type=float, default=0.9, help="share of the squared weights to keep (lowrank; default 0.9)")
    command.add_argument("--seed", type=int, default=0, help="for what is drawn at random (default 0)")
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=compress)

    command = commands.add_parser("decompress", help="write the arrays that a compressed file stands for as .npz")
    command.add_argument("source")
    command.add_argument("target", help="the .npz file to write")
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=decompress)

    for name, run, text in (("inspect", inspect, "show where every byte of a compressed file goes"),
                            ("verify", verify, "decode a file by every implementation, compare, and encode it again")):
        command = commands.add_parser(name, help=text)
        command.add_argument("source")
        add_limit(command)
        command.set_defaults(run=run)


def compress(options: argparse.Namespace) -> Report:
    """Compress each float32 array of two or more dimensions; store what is left as it is, and say so for each."""
    space = implementation(options)
    arrays = npz.load(options.source, limit=options.limit)
    weights = {name: a for name, a in arrays.items() if a.dtype == np.float32 and a.ndim >= 2 and a.size}
    if options.method in ("lowrank", "csr"):  # of other shapes these would give back only the elements
        weights = {name: a for name, a in weights.items() if a.ndim == 2}
    used: dict[str, str] = {}

    def operation(name):
        function, used[name] = ops.implementation_of(space, name)
        return function

    layers = dict(arrays)
    if options.method in ("share", "csr"):
        masks = operation("prune_magnitude")(weights, sparsity=options.sparsity) if weights else {}
        for name, mask in masks.items():
            w = np.where(mask, weights[name], np.float32(0))
            if options.method == "csr":
                layers[name] = operation("csr_from_dense")(w, mask)
            else:
                layers[name] = operation("share_kmeans")(w, bits=options.bits, pruned=options.sparsity > 0, seed=options.seed)
    else:
        for name, w in weights.items():
            if options.method == "quantize":
                layers[name] = operation("quantize_s8")(w, axis=0)
            else:
                layers[name] = operation("lowrank_svd")(w, energy=options.energy)
    data = container.dumps(layers, implementation=space)
    _same(layers, container.loads(data, implementation=space, limit=arguments.MAX_SIZE))  # our own bytes: no stranger's
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


def decompress(options: argparse.Namespace) -> Report:
    layers = container.load(options.source, implementation=implementation(options), limit=options.limit)
    if decoded_bytes(layers) > options.limit:  # a factor of rank 0 is no byte in memory, and any size as an array
        raise LimitError("limit", f"the arrays have {decoded_bytes(layers)} bytes, the limit is {options.limit}")
    arrays = {name: value if isinstance(value, np.ndarray) else value.dense() for name, value in layers.items()}
    npz.save(options.target, arrays)
    size = os.path.getsize(options.source)
    return Report({"source": options.source, "target": options.target, "arrays": len(arrays), "bytes": size,
                   "decoded_bytes": decoded_bytes(layers)},
                  f"{options.target}: {len(arrays)} arrays, {decoded_bytes(layers):,} bytes, from {size:,}")


def inspect(options: argparse.Namespace) -> Report:
    data = container.files.read(options.source, options.limit)
    layers = container.loads(data, limit=options.limit)
    return Report(*ledger_report(options.source, data, layers, options.limit))


def ledger_report(source: str, data: bytes, layers: dict, limit: int = container.DEFAULT_LIMIT) -> tuple[dict, str]:
    """Return a file's ledger as data and as text: a row an entry, a column a kind, summing to the file's size."""
    book = ledger(data, limit=limit)
    cells = {(item.entry, item.kind): item.bytes for item in book.items}
    kinds = list(book.by_kind())
    rows = [[name or "(file)", describe(layers[name]) if name else "frame",
             *(_bytes(cells.get((name, kind))) for kind in kinds), _bytes(total)]
            for name, total in book.by_entry().items()]
    rows.append(["total", "", *(_bytes(total) for total in book.by_kind().values()), _bytes(book.size)])
    decoded = decoded_bytes(layers)
    text = (f"{source}: {len(data):,} bytes, {len(layers)} entries that stand for {decoded:,} bytes of arrays\n"
            + table(rows, ["entry", "stored as", *kinds, "bytes"]))
    return {
        "source": source, "bytes": len(data), "decoded_bytes": decoded,
        "entries": {name: describe(value) for name, value in layers.items()},
        "ledger": [{"entry": item.entry, "kind": item.kind, "bytes": item.bytes} for item in book.items],
    }, text


def _bytes(count: float | None) -> str:
    """Return a count of bytes for a table; fractions (bits that share a byte with others) to one place."""
    return "" if count is None else f"{count:,.0f}" if count == int(count) else f"{count:,.1f}"


def verify(options: argparse.Namespace) -> Report:
    """Decode by the reference and each native variant, compare bit for bit, and write the content again."""
    data = container.files.read(options.source, options.limit)
    expected = container.loads(data, implementation=reference, limit=options.limit)
    verdicts = {"reference": "decodes"}
    for space in _others():
        try:
            _same(expected, container.loads(data, implementation=space, limit=options.limit))
            verdicts[label(space)] = "equal, bit for bit"
        except (agreement.Disagreement, RefcompressError) as error:  # what only one refuses differs too
            verdicts[label(space)] = f"DIFFERS: {error}"
    for space in (reference, *_others()):
        same = container.dumps(expected, implementation=space) == data
        verdicts[f"written again by {label(space)}"] = "the same bytes" if same else "OTHER BYTES"
    good = not any(word in verdict for verdict in verdicts.values() for word in ("DIFFERS", "OTHER"))
    text = f"{options.source}: {len(data):,} bytes, {len(expected)} entries\n" + table([list(row) for row in verdicts.items()])
    return Report({"source": options.source, "bytes": len(data), "good": good, "verdicts": verdicts}, text, good)


def _others() -> list:
    try:
        from .. import native
    except RefcompressError:
        return []
    return native.available()


def _same(expected: dict, got: dict) -> None:
    """Raise Disagreement unless two sets of layers are equal bit for bit."""
    agreement.exactly(dict(sorted(expected.items())), dict(sorted(got.items())), (), {})
