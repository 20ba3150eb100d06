"""The command compress: arrays in, a file of compressed arrays out, by one method for all of them."""

import argparse
import math

import numpy as np

from .. import arguments, container, models, ops
from ..ledger import layers_and_ledger
from . import methods, targets
from .entries import describe
from .files import check_same
from .options import add_implementation, add_limit, implementation, label
from .refusals import about
from .show import Report, paragraph, some, table, times
from .taking_part import Arrays, taking_part

__all__ = ["add_commands"]

CHUNK = 2**20  # elements compared at once: their differences are float64


def add_commands(commands) -> None:
    command = commands.add_parser("compress", help="compress the arrays of a file, without training")
    command.add_argument("source", help=f"a file of arrays ({', '.join(models.FILE_TYPES)})")
    command.add_argument("target", help="the file to write")
    methods.add_options(command)
    command.add_argument(
        "--exclude",
        action="append",
        metavar="PATTERN",
        help="store arrays whose name matches (as in a shell: *, ?, [...]) as they are, and count them in no share; "
        "may be given several times",
    )
    command.add_argument(
        "--bfloat16", action="store_true", help="take arrays of |V2, as NumPy writes bfloat16, for that"
    )
    targets.add_force(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=compress)


def compress(options: argparse.Namespace) -> Report:
    """Compress each array of floats of two or more dimensions; store what is left as it is, and say so for each."""
    methods.check_options(options)
    targets.check(options.target, [options.source], force=options.force)
    space = implementation(options)
    with about(options.source):
        source = models.load(options.source, limit=options.limit, bfloat16=options.bfloat16)
    used: dict[str, str] = {}

    def operation(name):
        function, used[name] = ops.implementation_of(space, name)
        return function

    emptied: dict[str, int] = {}
    arrays = taking_part(source, options, operation)
    compressed = methods.METHODS[options.method](arrays.weights, options, operation, emptied)
    with about(options.source):
        layers, data, sizes = encode(arrays, compressed, space, options)
    with about(options.target):
        container.files.write(options.target, data)
    return Outcome(options, arrays, layers, data, sizes, emptied, used, label(space)).report()


def encode(arrays: Arrays, compressed: dict, space, options: argparse.Namespace) -> tuple[dict, bytes, dict]:
    """Return the layers that make a file, the file, and the bytes that each of its entries takes.

    The file is read back, and every layer compared with what was compressed, bit for bit. An array whose entry takes no
    fewer bytes than it takes as it is stays as it is: so no file is larger than one that stores all arrays.
    """
    while True:
        layers = arrays.all_of(compressed)
        data = container.dumps(layers, implementation=space, contexts=bool(options.contexts))
        own = {"implementation": space, "limit": arguments.MAX_SIZE}  # our own bytes: no stranger's
        back, book = layers_and_ledger(data, **own)
        check_same(layers, back)
        sizes = book.by_entry()
        dear = [
            name
            for name in compressed
            if sizes[name] >= arrays.stored[name].nbytes and sizes[name] >= stored_bytes(name, arrays.stored[name])
        ]
        if not dear:
            return layers, data, sizes
        compressed = {name: value for name, value in compressed.items() if name not in dear}
        for name in [name for name in layers if arrays.tied.get(name, name) in dear]:
            arrays.leave(name, f"{options.method} would take no fewer bytes")


def stored_bytes(name: str, a: np.ndarray) -> int:
    """Return the bytes that an array adds to a file which stores it as it is."""
    return len(container.dumps({name: a})) - len(container.dumps({}))


class Outcome:
    """What compress did, in numbers and in words."""

    def __init__(
        self, options, arrays: Arrays, layers: dict, data: bytes, sizes: dict, emptied: dict, used: dict, space: str
    ):
        self.options, self.arrays, self.layers, self.sizes, self.emptied, self.used, self.space = (
            options, arrays, layers, sizes, emptied, used, space)
        self.before, self.size = sum(a.nbytes for a in arrays.source.values()), len(data)
        self.compressed = [name for name in layers if name not in arrays.left]
        sums = {name: squares(arrays.stored[name], layers[name]) for name in self.compressed}
        self.errors = {name: relative(*pair) for name, pair in sums.items()}
        self.error = relative(sum(lost for lost, _ in sums.values()), sum(total for _, total in sums.values()))

    def report(self) -> Report:
        arrays, warnings = self.arrays, self.warnings()
        data = {
            "source": self.options.source,
            "target": self.options.target,
            "method": self.options.method,
            "bytes_before": self.before,
            "bytes": self.size,
            "ratio": self.before / self.size,
            "layers": {name: describe(value) for name, value in self.layers.items()},
            "bytes_of": {name: self.sizes[name] for name in self.layers},
            "left_as_they_are": list(arrays.left),
            "why_left": arrays.left,
            "converted": arrays.converted,
            "tied": arrays.tied,
            "error": self.error,
            "errors": self.errors,
            "nearly_empty": self.emptied,
            "warnings": warnings,
            "operations": self.used,
            "implementation": self.space,
        }
        return Report(data, self.text(), warnings=warnings)

    def warnings(self) -> list[str]:
        """Return what a person would want to know before using the file."""
        said, arrays = [], self.arrays
        if not self.compressed:
            reasons = [f"{why}: {some(names)}" for why, names in self.reasons().items()]
            said.append("no array was compressed: " + "; ".join(reasons))
        if self.emptied:
            kept = [f"{name} keeps {count:,} of {arrays.weights[name].size:,}" for name, count in self.emptied.items()]
            said.append(f"pruning leaves next to nothing: {some(kept)}"
                        + ("" if self.options.scope == "array" else "; --scope array prunes each array by itself"))
        for what in sorted(set(arrays.converted.values())):
            names = [name for name, became in arrays.converted.items() if became == what]
            said.append(f"{what}, which decompress gives back: {some(names)}")
        moved = [name for name in self.compressed if self.options.method == "lowrank" and not arrays.stored[name].all()]
        if moved:
            said.append(f"lowrank does not keep zeros as zeros: {some(moved)}")
        return said

    def reasons(self) -> dict[str, list[str]]:
        """Return why arrays were left as they are -> their names."""
        found: dict[str, list[str]] = {}
        for name, why in self.arrays.left.items():
            found.setdefault(why, []).append(name)
        return found

    def text(self) -> str:
        arrays, options = self.arrays, self.options
        rows = [
            [
                name,
                "x".join(map(str, arrays.source[name].shape)),
                describe(self.layers[name]),
                arrays.source[name].nbytes,
                round(self.sizes[name]),
                percent(self.errors[name]),
            ]
            for name in self.compressed
        ]
        lines = [paragraph(f"{options.source}: {len(self.layers)} arrays, {self.before:,} bytes")]
        if rows:
            lines.append(table(rows, ["array", "shape", "stored as", "before", "bytes", "error"]))
        for why, names in self.reasons().items():
            lines.append(paragraph(f"stored as they are ({why}): {some(names)}", indent="  "))
        lines.append(paragraph(f"{options.target}: {self.size:,} bytes, {times(self.before, self.size)}"))
        if rows:
            change = (
                f"differs from the source by {percent(self.error)} (root mean square, relative)"
                if self.error
                else "equals the source, number for number"
            )
            lines.append(paragraph(f"read back and found to hold what was compressed, bit for bit; this {change}"))
        if options.sparsity is not None:
            count = sum(w.size for w in arrays.weights.values())
            each = "of each of the" if options.scope == "array" else "of all"
            lines.append(
                paragraph(f"pruned: {options.sparsity:g} {each} {count:,} weights of {len(arrays.weights)} arrays")
            )
        if arrays.tied:
            lines.append(paragraph("the same as another array, compressed once: "
                                   + some(f"{name} = {first}" for name, first in arrays.tied.items()), indent="  "))
        lines.append(
            paragraph("computed by: " + (", ".join(f"{name} {who}" for name, who in self.used.items()) or "nothing"))
        )
        return "\n".join(lines)


def percent(share: float | None) -> str:
    """Return a share as percent with three digits; none is a dash."""
    return "-" if share is None else "0 %" if share == 0 else f"{100 * share:.3g} %"


def relative(lost: float, total: float) -> float:
    """Return the root of the squared changes over the squares; 1 where both sums are infinite."""
    if lost == total:
        return 1.0 if total else 0.0
    return math.sqrt(lost / total)


def squares(a: np.ndarray, value) -> tuple[float, float]:
    """Return the sum of the squared changes from an array to the format it became, and of its own squares."""
    before, after = a.reshape(-1), value.dense().reshape(-1)
    lost = total = 0.0
    for start in range(0, a.size, CHUNK):
        x, y = (part[start : start + CHUNK].astype(np.float64) for part in (before, after))
        with np.errstate(all="ignore"):
            lost += float(np.sum(np.where(x == y, 0, x - y) ** 2))  # of equal infinities the change is none
            total += float(np.sum(x**2))
    return lost, total
