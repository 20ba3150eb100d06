"""The command hunt: find an input on which a wrong kernel is wrong."""

import argparse
import secrets
from pathlib import Path

from .lab import Words
from .progress import mention
from .show import Report, paragraph, printable

__all__ = ["add_commands"]


def add_commands(commands) -> None:
    command = commands.add_parser(
        "hunt", description="A wrong kernel of the catalogue is dealt. Hand in an input on which it differs from the "
                            "reference.")
    words = Words(command, "hunt")
    word = words.add("deal", dealt, "deal a wrong kernel into a new folder")
    word.add_argument("folder", nargs="?", metavar="DIR", help="the folder (default: hunt-SEED)")
    word.add_argument("--seed", type=int, metavar="N", help="the same seed deals the same kernel (default: a new one)")
    word = words.add("try", tried, "judge an input: points, or why there are none")
    word.add_argument("folder", nargs="?", default=".", metavar="DIR", help="the hunt's folder (default: this one)")
    word.add_argument("--input", metavar="F.npz", help="the input (default: input.npz in that folder)")


def dealt(options: argparse.Namespace) -> Report:
    from ..labs.hunts import deal, tries
    from ..labs.hunts.inputs import counted

    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    where = options.folder if options.folder is not None else f"hunt-{seed}"
    tries.check_place(where)
    mention(options, "looking for a bug that random inputs do not show: some seconds ...")
    hunt = deal.deal(seed)
    tries.start(hunt, seed, where)
    path = printable(str(where))
    text = "\n".join([
        paragraph(f"A wrong {hunt.kernel.op} is in {path} (seed {seed}). The smallest input that we know "
                  f"has {counted(hunt.par)}: that is par."),
        f"Read {path}/HUNT.md, change {path}/begin.py and run it there, and type",
        f"  refcompress hunt try {path}"])
    return Report({"schema": tries.SCHEMA, "folder": str(where), "op": hunt.kernel.op, "seed": seed, "par": hunt.par},
                  text)


def tried(options: argparse.Namespace) -> Report:
    from ..labs.hunts import tries
    from ..labs.hunts.inputs import counted

    path = options.input if options.input is not None else Path(options.folder) / tries.INPUT
    record, found = tries.attempt(options.folder, path)
    lines = []
    if found.points:
        lines += [f"The kernel is wrong on this input: {found.points} points.",
                  paragraph(f"It has {counted(found.size)}, and par is {record.par:,}.")]
        lines += [paragraph(f"{label:<9}{said}", " " * 9) for label, said in
                  (("kernel", found.got), ("right", found.expected), ("check", found.why)) if said]
    else:
        lines.append(paragraph(f"No points. {found.why}"))
    lines.append(f"Your best: {record.best} points in {len(record.tries)} tries.")
    data = {"op": record.op, "points": found.points, "best": record.best, "size": found.size, "par": record.par,
            "why": found.why}
    return Report({"schema": "refcompress.hunt-try/1", **data}, "\n".join(lines), bool(found.points))
