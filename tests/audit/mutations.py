"""Mutations of model files that know where the structure lies: between the values, as the ledger itself says.

A random byte of a model is a weight, nearly always, and a changed weight changes nothing. Here the places are those of
names, sizes, counts, offsets and marks; what is put there are extreme numbers, parts of the file, or nothing.
"""

import io
import struct
import zipfile
from pathlib import Path
from random import Random
from unittest import mock

from refcompress import audit
from refcompress.audit.book import Book
from refcompress.audit.kinds import NOT_NUMBERS

EXTREMES = (0, 1, 2, 31, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**62, 2**63 - 1,
            2**63, 2**64 - 1)
MARKS = (b'"', b"{}", b"]", b"9" * 19, b"\\u", b"\x80\x80", b"\xff" * 9, b"PK\1\2", b"GGUF")
RUN = 12  # bytes: longer ones of a span are mutated in parts


def structure_of(path: Path) -> list[tuple[int, int]]:
    """Return where the bytes of a file lie that are no values: its spans, and what lies between them."""
    kept: list[Book] = []
    ledger = Book.ledger

    def keeping(book: Book):
        kept.append(book)
        return ledger(book)

    with mock.patch.object(Book, "ledger", keeping):
        audit.inspect(path).close()
    found, at = [], 0
    for start, end, _, kind in sorted(kept[0]._spans, key=lambda span: span[:2]):
        if start > at:
            found.append((at, start))
        if not isinstance(kind, str) or kind in NOT_NUMBERS:
            found.append((start, end))
        at = end
    if at < kept[0].size:
        found.append((at, kept[0].size))
    return found


def mutated(data: bytes, spans: list[tuple[int, int]], random: Random) -> bytes:
    """Return the file with one to three mutations."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 3)):
        start, end = random.choice(spans)
        at = random.randrange(start, max(end, start + 1))
        length = random.randint(1, min(RUN, max(end - at, 1)))
        match random.randrange(8):
            case 0:
                if at < len(changed):
                    changed[at] ^= 1 << random.randrange(8)
            case 1:
                width = random.choice((1, 2, 4, 8))
                value = random.choice(EXTREMES) % 2 ** (8 * width)
                changed[at : at + width] = value.to_bytes(width, random.choice(("little", "big")))
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = bytes([random.randrange(256)]) * length
            case 4:
                other, stop = random.choice(spans)
                changed[at:at] = changed[other:stop][:RUN * 8]
            case 5:
                other, stop = random.choice(spans)
                changed[start:end], changed[other:stop] = changed[other:stop], changed[start:end]
            case 6:
                del changed[at:]
            case 7:
                changed[at : at + length] = random.choice(MARKS)
    return bytes(changed)


def sealed(kind: str, path: Path, spans: list[tuple[int, int]], random: Random) -> bytes:
    """Return the file with mutations inside of what its own sums and lengths cover, and these sums right again."""
    data = path.read_bytes()
    if kind == "safetensors":
        size = struct.unpack("<Q", data[:8])[0]
        header = mutated(data[8 : 8 + size], [(max(a - 8, 0), b - 8) for a, b in spans if 8 < b <= 8 + size], random)
        return struct.pack("<Q", len(header)) + header + data[8 + size :]
    if kind not in ("npz", "pytorch"):
        return mutated(data, spans, random)
    archived = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(archived, "w") as target:
        members = source.infolist()
        chosen = random.choice([each.filename for each in members if each.filename.endswith((".pkl", ".npy"))])
        for member in members:
            part = source.read(member)
            if member.filename == chosen:
                part = mutated(part, [(0, len(part) if chosen.endswith(".pkl") else 128)], random)
            target.writestr(member.filename, part)
    return archived.getvalue()
