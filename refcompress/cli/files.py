"""What looks into a compressed file of ours: the command verify, and the ledger for inspect."""

import argparse

from .. import container, reference
from ..container.outlines import Outline, of_layer
from ..errors import RefcompressError
from ..formats import Graph
from ..ledger import Ledger, layers_and_ledger, outlines_and_ledger
from .options import add_limit, implementation, implementation_for_few, label
from .progress import Progress
from .refusals import about
from .show import Report, paragraph, table


def add_commands(commands) -> None:
    command = commands.add_parser("verify")
    command.add_argument("source", help="a compressed file")
    add_limit(command)
    command.set_defaults(run=verify)


def inspect_ours(source: str, options: argparse.Namespace) -> tuple[dict, str, dict[str, Outline], Ledger]:
    """Return the ledger of a file of ours as data and as text, with the nodes of its network where it has one; and what
    they were made from."""
    find = layers_and_ledger if options.exact else outlines_and_ledger
    space = implementation(options) if options.exact else implementation_for_few(options)
    with container.files.Opened(source) as data:
        found, book = find(data, implementation=space, limit=options.limit)
        report, text = ledger_report(source, bytes(data.read(0, len(container.MAGIC) + 1)), found, book)
    if any(isinstance(value, Graph) or getattr(value, "type", "") == "graph" for value in found.values()):
        from .graphs import graph_report  # which loads what knows operations

        report["graph"], said = graph_report(source, space, options.limit)
        text += "\n\n" + said
    if not options.exact:
        text += "\n" + paragraph("What the entries hold was not decoded: bits that only fill up words of a Huffman "
                                "stream count as what it holds. --exact decodes, and tells them apart.")
    outlines = {name: value if isinstance(value, Outline) else of_layer(value) for name, value in found.items()}
    return {**report, "exact": options.exact}, text, outlines, book


def ledger_report(source: str, data: bytes, layers: dict, book: Ledger) -> tuple[dict, str]:
    """Return a file's ledger as data and as text: a row an entry, with its bytes by kind; rows add up to the file.

    data : the file, or its first nine bytes. layers : by name the layers, or their outlines.
    """
    layers = {name: value if isinstance(value, Outline) else of_layer(value) for name, value in layers.items()}
    spent: dict[str, list] = {}
    for item in book.items:
        spent.setdefault(item.entry, []).append((item.kind, item.bytes))
    rows = [[name or "(file)", layers[name].text if name else "frame", _bytes(total), _spent(spent[name])]
            for name, total in book.by_entry().items()]
    rows.append(["total", "", _bytes(book.size), _spent(book.by_kind().items())])
    size = sum(outline.nbytes for outline in layers.values())
    check = container.check_of(data)
    text = (paragraph(f"{source}: {book.size:,} bytes, {len(layers)} entries that stand for {size:,} bytes of arrays, "
                      f"checked by {check}") + "\n"
            + table(rows, ["entry", "stored as", "bytes", "of these"]))
    return {
        "source": source, "bytes": book.size, "check": check, "decoded_bytes": size,
        "entries": {name: outline.text for name, outline in layers.items()},
        "ledger": [{"entry": item.entry, "kind": item.kind, "bytes": item.bytes} for item in book.items],
    }, text


def _spent(kinds) -> str:
    return ", ".join(f"{kind} {_bytes(count)}" for kind, count in kinds)


def _bytes(count: float) -> str:
    """Return a count of bytes for a table; fractions (bits that share a byte with others) to one place."""
    return f"{count:,.0f}" if count == int(count) else f"{count:,.1f}"


def verify(options: argparse.Namespace) -> Report:
    """Decode by the reference and each native variant, compare bit for bit, and write the content again."""
    from ..container import verification

    spaces = _others()
    with about(options.source), container.files.Opened(options.source) as source:
        head = bytes(source.read(0, min(source.size, len(container.MAGIC) + 1)))
        with Progress(options.quiet) as progress:
            found = verification.verified(source, spaces, options.limit,
                                          lambda done, total: progress.step("verify", done, total))
    verdicts = {"reference": "decodes"}
    for number, space in enumerate(spaces):
        verdicts[label(space)] = f"DIFFERS: {found.differs[number]}" if number in found.differs else \
            "decodes to the same, to the bit"
    for number, space in enumerate((reference, *spaces), -1):
        verdicts[f"written again by {label(space)}"] = "OTHER BYTES" if number in found.others else "the same bytes"
    good, check = not found.differs and not found.others, container.check_of(head)
    text = (paragraph(f"{options.source}: {source.size:,} bytes, {found.entries} entries, checked by {check}") + "\n"
            + table([list(row) for row in verdicts.items()]))
    return Report({"source": options.source, "bytes": source.size, "check": check, "good": good, "verdicts": verdicts},
                  text, good)


def _others() -> list:
    try:
        from .. import native
    except RefcompressError:
        return []
    return native.available()
