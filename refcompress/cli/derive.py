"""The command derive: whether a quantized file comes from the source that it names, tensor by tensor."""

import argparse
import json
from collections import Counter

from ..audit import derive as room
from ..audit.derive.words import MEANING, counted, only_in_source
from ..container import files
from ..errors import RefcompressError
from . import targets
from .options import add_implementation, add_limit, implementation_for_few
from .refusals import Refused, about
from .show import Report, add_wide, not_read, paragraph, printable, records, some

__all__ = ["add_commands"]

ACCEPTED = {"exact": (room.EXACT,), "nearest": (room.EXACT, room.NEAREST),
            "bounded": (room.EXACT, room.NEAREST, room.BOUNDED)}


EXCHANGED = "the source comes first, and then the file that is said to come from it: were the two exchanged?"


def add_commands(commands) -> None:
    command = commands.add_parser("derive")
    command.add_argument("source", metavar="SOURCE", help="the file of float weights")
    command.add_argument("quantized", metavar="QUANTIZED", help="the file that is said to come from it")
    command.add_argument("--attest", metavar="S.json",
                         help="write the findings as canonical JSON, with the SHA-256 of both files")
    command.add_argument("--accept", choices=tuple(ACCEPTED), default="exact",
                         help="exit code 0 where each tensor is made bit for bit by a rule (exact, default), has the "
                              "nearest codes (nearest), or lies within one step of its source (bounded), else 1; "
                              "a file without tensors has 1")
    targets.add_force(command)
    add_wide(command)
    add_implementation(command)
    add_limit(command, by_size=True)
    command.set_defaults(run=derive)


def derive(options: argparse.Namespace) -> Report:
    if options.attest is not None:
        targets.check(options.attest, [options.source, options.quantized], force=options.force, suffixes=(".json",))
    try:
        found = room.derive(options.source, options.quantized, limit=options.limit,
                            implementation=implementation_for_few(options))
    except RefcompressError as error:
        if error.argument not in ("source", "quantized"):
            raise
        hint = f" ({EXCHANGED})" if error.argument == "source" and options.source.endswith(".rcz") else ""
        raise Refused(printable(getattr(options, error.argument)), error.rule + hint) from error
    if options.attest is not None:
        with about(options.attest):
            files.write(options.attest, room.attestation(found))
    return report(found, options)


def report(found: room.Derivation, options: argparse.Namespace) -> Report:
    """Return the verdicts as a table, and what each name in it means, once."""
    counts = Counter(each.verdict for each in found.verdicts)
    rows = [[each.name, each.verdict, each.scheme, result(each)] for each in found.verdicts]
    summary = ", ".join(f"{counts[name]} {name}" for name in room.ORDER if counts[name]) or "no tensor"
    text = [paragraph(f"{options.quantized}, derived from {options.source}: {summary}")]
    if rows:
        text.append(records(rows, ["tensor", "verdict", "stored as", "how"], 2, wide=options.wide))
    rules = {each.rule: each.says for each in found.verdicts if each.says}
    text += [paragraph(f"{rule}: {says}.", "  ") for rule, says in rules.items()]
    text += [paragraph(f"{name}: {MEANING[name]}", "  ") for name in room.ORDER[1:] if counts[name]]
    lost = [each for each in found.verdicts if each.verdict == room.NOT_DERIVED]
    if lost and all(each.rule.startswith("widened") for each in lost):
        text.append(paragraph(f"What is not derived is wider in {options.quantized} than in {options.source}: "
                              f"{EXCHANGED}"))
    if found.left_out:
        text.append(paragraph("Not compared, for calibration makes them: "
                              f"{some(found.left_out, 'scales and zero points of activations')}"))
    text += not_read(found.unread)
    if found.without:
        text.append(paragraph(only_in_source(found.without, 6)[0] + (" (--json lists all)" * (len(found.without) > 6))))
    if options.attest is not None:
        text.append(paragraph(f"{options.attest}: the attestation, canonical JSON"))
    data = json.loads(room.attestation(found))
    good = bool(rows) and all(each.verdict in ACCEPTED[options.accept] for each in found.verdicts)
    return Report(data, "\n".join(text), good)


def result(v: room.Verdict) -> str:
    """Return a verdict's rule and counts in words."""
    parts = [f"from {printable(v.source)}"] if v.source not in (None, v.name) else []
    parts += [f"rule {v.rule}"] if v.rule else []
    return "; ".join(filter(None, [*parts, *counted(v), v.reading, v.why]))
