"""An index that lies, or a section that is another one: refused under a right checksum, and how is said."""

import hashlib

import numpy as np
import pytest
from container_examples import vector
from file_mutations import entries_of, framed, sealed

from refcompress import CorruptError, UnsupportedVersionError, container
from refcompress.container import index

SECTION = index.SECTION


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.rcz"


def file(tail: str, entries: bytes = b"", length: int | None = None) -> bytes:
    """Return the file with these bytes of entries and of an index (hexadecimal), or one that says another length."""
    data = bytes.fromhex(tail)
    return sealed(container.MAGIC + b"\3" + entries + data
                  + (len(data) if length is None else length).to_bytes(8, "little"))


ONE = b"\0\1\1\2\5\6"  # an array of int8 5, 6
DIGEST = 32 * "00"  # sealed() puts the right one there


@pytest.mark.parametrize("data, rule", [
    (container.MAGIC + b"\3", "ends after 9 bytes"),
    (container.MAGIC + b"\3" + bytes(39), "ends after 48 bytes"),
    (file("00 00", length=3), "announces an index of 3 bytes"),
    (file("00 00", length=2**63), "announces an index"),
    (file("00 00", length=1), "the entries have 0 bytes, the sections 1"),
    (file("00 00 00"), "1 bytes of the index are left"),
    (file("00 00", ONE), "the entries have 0 bytes, the sections 6"),
    (file("00"), "are left"),
    (file("01 00", ONE), "empty"),
    (file("FFFFFFFFFFFFFFFF7F 00"), "do not fit"),
    (file("01 01 61 05" + DIGEST + "00", ONE), "the entries have 5 bytes, the sections 6"),
    (file("01 01 61 07" + DIGEST + "00", ONE), "7 bytes of an entry do not fit"),
    (file("02 01 61 06 01 62 06" + DIGEST + "00", ONE), "6 bytes of an entry do not fit"),
    (file("02 01 61 05 01 62 01" + DIGEST + "00", ONE), "1 bytes of an entry do not fit"),
    (file("02 01 61 06 01 62 00" + DIGEST + "00", ONE), "0 bytes of an entry do not fit"),
    (file("02 01 61 06 01 61 06" + DIGEST + "00", ONE + ONE), "'a' comes twice"),
    (file("01 00 06" + DIGEST + "00", ONE), "do not fit|empty"),
    (file("01 02 C080 06" + DIGEST + "00", ONE), "utf-8"),
    (file("01 03 65CC81 06" + DIGEST + "00", ONE), "normal form C"),
    (file("01 01 61 8600" + DIGEST + "00", ONE), "does not need"),
    (file("01 01 61 06" + DIGEST, ONE), "are left"),
    (file("01 01 61 06 00", ONE), "are announced"),
    (file("01 01 61 06" + DIGEST + DIGEST + "00", ONE), "index are left|do not fit|empty"),
    (file("02 01 61 03 01 62 03" + DIGEST + "00", ONE), "entry 'a', byte .* are announced"),
    (file("01 01 61 07" + DIGEST + "00", ONE + b"\0"), "1 bytes are left after the last field"),
    (file("00 01 01 61"), "are left|do not fit"),
    (file("00 01 00 01 62"), "metadata: .*empty"),
    (file("00 02 01 62 00 01 61 00"), "'a' must come after 'b'"),
    (file("00 02 01 61 00 01 61 00"), "'a' must come after 'a'"),
    (file("00 01 01 61 01 FF"), "metadata: .*utf-8"),
    (file("00 01 01 FF 01 61"), "metadata: .*utf-8"),
    (file("00 01 03 65CC81 01 61"), "metadata: .*normal form C"),
    (file("00 01 01 61 FFFF7F 61"), "are announced"),
    (file("00 FFFFFFFFFFFFFFFF7F 61"), "do not fit"),
])
def test_an_index_that_lies_is_refused_under_a_right_checksum_and_says_how(path, data, rule):
    with pytest.raises(CorruptError, match=rule):
        container.loads(data)
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=rule), container.open(path) as opened:
        dict(opened)


@pytest.mark.parametrize("parts, rule", [
    ({"a": ONE, "b": b"\x0a\1"}, "not an earlier"), ({"b": b"\x0a\0"}, "not an earlier"),
    ({"a": ONE, "b": b"\x0a\0", "c": b"\x0a\1"}, "not an earlier"), ({"a": ONE, "b": b"\x0a\x80\0"}, "does not need"),
    ({"a": ONE, "b": b"\x0a\0\0"}, "1 bytes are left"), ({"a": b"\0\1\1\0", "b": b"\x0a\x80\x80\1"}, "not an earlier"),
])
def test_an_entry_that_refers_wrongly_is_refused_when_it_is_asked_for(path, parts, rule):
    path.write_bytes(framed(parts))
    with pytest.raises(CorruptError, match=rule):
        container.load(path)
    with container.open(path) as opened:
        if "a" in parts:
            assert opened["a"].tolist() in ([5, 6], [])
        with pytest.raises(CorruptError, match=rule):
            opened[list(parts)[-1]]


def test_sections_that_changed_places_are_refused():
    data = container.dumps({"a": vector(SECTION, 1), "b": vector(SECTION, 2)})
    swapped = data[:9] + data[9 + SECTION : 9 + 2 * SECTION] + data[9 : 9 + SECTION] + data[9 + 2 * SECTION :]
    with pytest.raises(CorruptError, match="entry 'a' does not match"):
        container.loads(swapped)
    digests = [hashlib.sha256(data[9 + n * SECTION : 9 + (n + 1) * SECTION]).digest() for n in (0, 1)]
    assert data.count(digests[0] + digests[1]) == 1


@pytest.mark.parametrize("count", [1, 2, 5, 200])
def test_any_flipped_bit_of_the_index_is_refused_before_an_entry_is_read(path, count):
    data = container.dumps({f"n{n}": np.full(2, n % 99, np.int8) for n in range(count)}, metadata={"k": "v"})
    start = 9 + sum(map(len, entries_of(data).values()))
    for at in [*range(9), *range(start, len(data))][:: max(1, len(data) // 60)]:
        for bit in (1, 128):
            changed = bytearray(data)
            changed[at] ^= bit
            path.write_bytes(changed)
            with pytest.raises((CorruptError, UnsupportedVersionError)):
                container.open(path)


# Memory.
