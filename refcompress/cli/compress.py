"""The command compress: a model in, a file of compressed tensors out, and a row a tensor that says what it became."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from .. import checkpoints, models
from ..checkpoints import Plan, Result, Row
from . import choices, targets
from .options import add_implementation, add_limit, implementation, label
from .progress import Progress
from .refusals import Refused, about, say
from .show import Report, add_wide, paragraph, printable, records, some, times

__all__ = ["add_commands"]

INDEX = ".safetensors.index.json"
HEADER = ["tensor", "dtype", "shape", "stored as", "before", "after", "bits", "error", "kept"]


def add_commands(commands) -> None:
    command = commands.add_parser("compress")
    command.add_argument("source", metavar="MODEL",
                         help=f"a model: {', '.join(models.FILE_TYPES)}, or a folder of shards")
    command.add_argument("target", metavar="TARGET", nargs="?",
                         help="the file to write (default: MODEL's name, ending in .rcz)")
    command.add_argument("-o", "--out", metavar="OUT.rcz", help="the same as TARGET")
    choices.add_options(command)
    command.add_argument("--dry-run", action="store_true", help="write nothing; say what each tensor would become")
    command.add_argument("--strict", action="store_true", help="refuse what would be a warning")
    command.add_argument("--bfloat16", action="store_true",
                         help="take arrays of |V2 in .npz, as NumPy writes bfloat16, for that")
    targets.add_force(command)
    command.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that work at a time (default 1)")
    add_wide(command)
    add_implementation(command)
    add_limit(command)
    command.set_defaults(run=compress)


def compress(options: argparse.Namespace) -> Report:
    """Compress a model by the recipe that the options make, or say what that would do."""
    if not 1 <= options.jobs <= checkpoints.run.MOST_JOBS:
        raise Refused("--jobs", f"must be 1 to {checkpoints.run.MOST_JOBS}, not {options.jobs}")
    chosen = choices.choice(options)
    check_source(options.source)
    target = target_of(options)
    targets.check(target, [options.source], force=options.force, named=bool(options.target or options.out))
    space = implementation(options)
    reading = {"limit": options.limit, "bfloat16": options.bfloat16}
    with about(options.source), chosen.in_words():
        skipped = not_read(options, reading, target)
        if options.dry_run:
            return planned(options, target, checkpoints.plan(options.source, chosen.recipe, **reading), chosen,
                           skipped)
        try:
            with Progress(options.quiet) as progress:
                result = checkpoints.compress(
                    options.source, chosen.recipe, target=target, implementation=space, jobs=options.jobs,
                    strict=options.strict, progress=lambda done, total: progress.step("compress", done, total),
                    **reading)
        except KeyboardInterrupt:
            if os.path.isdir(folder := f"{target}.parts"):
                say(f"{folder} holds what is done; the same command goes on from there, or remove the folder")
            raise
    return outcome(options, target, result, label(space), chosen, skipped)


def not_read(options: argparse.Namespace, reading: dict, target: str) -> list[str]:
    """Return, as warnings, what the model has that is no tensor which is read here; with --strict refuse it.

    A target that is one of the model's files, such as a shard, is refused.
    """
    with models.open(options.source, **reading) as source:
        targets.refuse_sources(target, source.files)
        said = [f"not in the compressed file, because {why}: {some(names, 'values')}"
                for why, names in reasons(source.left_out).items()]
    if said and options.strict:
        raise Refused("--strict", said[0])
    return said


def check_source(source: str) -> None:
    """Refuse a name that is no model's."""
    if os.path.splitext(source)[1].lower() == ".rcz":
        raise Refused(printable(source), "is a compressed file already; decompress gives the model that it stands for")
    if not os.path.isdir(source):
        with about(source):
            models.file_type(source)


def target_of(options: argparse.Namespace) -> str:
    """Return the file to write: the one that was named, else beside the source, under its name."""
    if options.target is not None and options.out is not None:
        raise Refused("--out", f"names one file to write, and {options.target!r} another")
    named = options.target if options.out is None else options.out
    if named is not None:
        return named
    path = Path(os.path.normpath(options.source))
    if path.name in ("", ".."):  # a folder that is named by where one is
        path = Path(os.path.abspath(path))
    if os.path.isdir(options.source):  # a point in a folder's name begins no suffix: Llama-3.2-1B
        if not path.name:
            raise Refused(printable(options.source), "has no name that a file could take over; give --out")
        return str(path.with_name(path.name + ".rcz"))
    if path.name.endswith(INDEX):
        return str(path.with_name(path.name.removesuffix(INDEX) + ".rcz"))
    return str(path.with_suffix(".rcz"))


def planned(options: argparse.Namespace, target: str, plan: Plan, chosen: choices.Choice, skipped: list[str]) -> Report:
    """Report a plan: what each tensor will become, in how many bytes, and why."""
    rows, before = plan.table(), sum(step.nbytes for step in plan)
    data = {"source": options.source, "target": target, "recipe": plan.recipe.toml(), "dry_run": True,
            "warnings": skipped, "network": plan.network.described(),
            "bytes_before": before, "bytes": plan.total, "tensors": rows}
    cells = [[row["name"], row["dtype"], sizes(row["shape"]), row["becomes"], row["before"], between(row["bytes"]),
              chosen.reason(row["reason"])] for row in rows]
    text = [paragraph(f"{options.source}: {len(rows)} tensors, {before:,} bytes")]
    if rows:
        text.append(records(cells, ["tensor", "dtype", "shape", "becomes", "before", "after", "why"], 3,
                            wide=options.wide))
    text += [paragraph(plan.network.described())] if plan.network.described() else []
    text.append(paragraph(f"{target}: {between(plan.total)} bytes; nothing was written"))
    return Report(data, "\n".join(text), warnings=skipped)


def between(bounds: tuple[int, int] | None) -> str:
    """Return the least and the most bytes, or the one number that both are."""
    least, most = bounds or (0, 0)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def outcome(options: argparse.Namespace, target: str, result: Result, space: str, chosen: choices.Choice,
            skipped: list[str]) -> Report:
    """Report what was done: a row a tensor, why tensors were left as they are, and the file."""
    rows, after = result.rows, result.after
    left = {row.name: chosen.reason(row.reason) for row in rows
            if row.same_as is None and row.kept is None and row.scheme != "lossless"}
    warnings = [*skipped, *result.warnings()]
    if len(left) == len(rows):
        said = [f"{why}: {some(names, 'tensors')}" for why, names in reasons(left).items()]
        warnings.append("no tensor was compressed: " + ("; ".join(said) or "there is none"))
    data = {
        "source": options.source, "target": target, "recipe": result.plan.recipe.toml(), "bytes_before": result.before,
        "bytes": after, "ratio": result.before / after, "tensors": result.table(),
        "layers": {row.name: row.stored for row in rows}, "errors": result.errors(),
        "left_as_they_are": list(left), "why_left": left,
        "tied": {row.name: row.same_as for row in rows if row.same_as is not None}, "warnings": warnings,
        "implementation": space, "network": result.network,
    }
    text = [paragraph(f"{options.source}: {len(rows)} tensors, {result.before:,} bytes")]
    if rows:
        text.append(records([cells(row) for row in rows], HEADER, 3, wide=options.wide))
    for why, names in reasons(left).items():
        text.append(paragraph(f"as they are ({why}): {some(names, 'tensors')}", indent="  "))
    text += [paragraph(result.network)] if result.network else []
    size = source_size(options.source)
    smaller = times(result.before, after)
    if size is not None and size < 0.98 * result.before:  # a file that packs its numbers
        smaller += f" than the tensors unpacked, {times(size, after)} than the file of {size:,} bytes"
    text.append(paragraph(f"{target}: {after:,} bytes, {smaller}; read back and found to hold what was compressed, bit "
                          f"for bit; computed by {space}"))
    return Report(data, "\n".join(text), warnings=warnings)


def source_size(source: str) -> int | None:
    """Return the bytes of the model; None of one that has several files."""
    return os.path.getsize(source) if os.path.isfile(source) and not source.endswith(INDEX) else None


def cells(row: Row) -> list:
    """Return the cells of a tensor's row; bits, error and kept are of its elements."""
    return [row.name, row.dtype, sizes(row.shape), row.stored, row.before, row.after, f"{row.bits:.2f}",
            percent(row.error), percent(row.kept)]


def reasons(left: Mapping[str, str]) -> dict[str, list[str]]:
    """Return why tensors were left as they are -> their names."""
    found: dict[str, list[str]] = {}
    for name, why in left.items():
        found.setdefault(why, []).append(name)
    return found


def sizes(shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def percent(share: float | None) -> str:
    """Return a share as percent with three digits; none is a dash."""
    return "-" if share is None else "0 %" if share == 0 else f"{100 * share:.3g} %"
