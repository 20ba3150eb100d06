"""Streams in blocks with codes of their own (FORMAT.md, "Coder 19"): where they are taken, and what is refused."""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from container_strategies import same
from file_mutations import entries_of, framed
from implementations import BOTH, each, need_native

from refcompress import Plain, Quantized, Shared, container, reference
from refcompress.container import entries, streams
from refcompress.container.cursor import Coding
from refcompress.errors import CorruptError, UnsupportedVersionError
from refcompress.ledger import ledger, outlines_and_ledger

native = need_native()
TEXT = (Path(__file__).parents[2] / "FORMAT.md").read_text(encoding="utf-8")
UNIT = 2**16


def changing() -> np.ndarray:
    """Return codes of an alphabet of 16 that are flat, then steep, then flat, with ends beside a unit's."""
    rng = np.random.default_rng(7)
    flat, steep = (lambda n: rng.integers(0, 16, n)), (lambda n: np.minimum(rng.geometric(0.7, n) - 1, 15))
    return np.concatenate([flat(UNIT + 90), steep(UNIT), flat(20_000)]).astype(np.uint8)


def layers() -> dict:
    codes = changing()
    wide = (codes.astype(np.int16) << 8) + codes[::-1]
    one = np.ones((1,), np.float32)
    return {
        "shared": Shared(codes, np.arange(1, 17, dtype=np.float32)),
        "int16": Quantized(wide, one, np.zeros(1, np.int16)),
        "plain": Plain.of(codes.astype(np.float32)[: UNIT + 9000]),
    }


LAYERS = layers()


def test_blocks_take_fewer_bytes_and_both_implementations_write_the_same_and_read_it():
    data, before = (container.write(LAYERS, Coding(native, version)) for version in (5, 4))
    assert container.write(LAYERS, Coding(reference, 5)) == data
    now, then = entries_of(data), entries_of(before)
    assert all(len(now[name]) < len(then[name]) for name in LAYERS)
    for held in (data, before):
        assert same(container.loads(held, implementation=native), LAYERS)
        assert container.reencode(held, implementation=native) == held
    assert same(container.loads(data, implementation=reference), LAYERS)
    book, exact = outlines_and_ledger(data)[1], ledger(data)
    assert book.by_entry() == exact.by_entry() and sum(exact.by_kind().values()) == len(data)


def test_fillers_are_told_apart_in_an_index_in_blocks():
    gaps = np.random.default_rng(8).geometric(np.repeat([0.12, 0.02], [UNIT, 20_000]))
    codes = np.zeros(gaps.sum(), np.uint8)
    codes[np.cumsum(gaps) - 1] = 1
    w = Shared(codes, np.float32([0, 1]))
    data, before = (container.write({"w": w}, Coding(native, version)) for version in (5, 4))
    assert len(data) < len(before) and container.reencode(data, implementation=native) == data
    fillers, others = (dict(ledger(held, implementation=native).by_kind()) for held in (data, before))
    assert fillers["fillers"] < others["fillers"] and sum(fillers.values()) == len(data)


def test_symbols_are_counted_once_and_units_that_are_not_counted_change_no_byte():
    """The counts of the units give the blocks, and those of the blocks their codes: writing reads no symbol again."""
    counted = []

    def recorded(name):
        function = getattr(native, name)

        def call(symbols):
            counted.append(symbols.size)
            return function(symbols)

        def of_units(first, *count):  # symbols to be counted, or the counts that are to be cut
            counted.append(0 if count else first.size)
            return function.of_units(first, *count)

        call.of_units = of_units
        return call

    once = SimpleNamespace(**{name: recorded(name) for name in ("huffman_counts", "huffman_blocks")})
    without = SimpleNamespace(huffman_counts=partial(native.huffman_counts),  # a partial has none of its attributes
                              huffman_blocks=partial(native.huffman_blocks))
    symbols = changing()
    data = streams.Stream(symbols, Coding(once)).tobytes()
    assert sum(counted) == symbols.size and data[0] == 19
    assert streams.Stream(symbols, Coding(without)).tobytes() == data


def test_the_size_of_a_stream_is_that_without_blocks_and_none_is_taken_for_one_distribution():
    cut = streams.Stream(changing(), Coding(native))
    whole = streams.Stream(changing(), Coding(native, 4))
    assert cut.form[0] == 19 and len(cut.tobytes()) < cut.size == len(whole.tobytes())
    assert [block.count for block in cut.blocks] == [UNIT, UNIT, changing().size - 2 * UNIT]
    for symbols in (np.tile(changing()[:UNIT], 3), changing()[:UNIT], np.zeros(3 * UNIT, np.uint8)):
        stream = streams.Stream(symbols, Coding(native))
        assert not stream.blocks and len(stream.tobytes()) == stream.size
    few = np.repeat(np.uint16([1, 2]), UNIT)
    narrow, wide = (streams.Stream(a, Coding(native)).tobytes() for a in (few.astype(np.uint8), few))
    assert narrow == wide
    assert not streams.Stream(few + 300, Coding(native)).blocks  # a table of as many lengths costs more than it gains


@pytest.mark.parametrize("name", LAYERS)
@each("impl", BOTH)
def test_an_entry_of_another_version_is_refused(impl, name):
    for version in (4, 5):
        other = framed({name: entries.write(LAYERS[name], Coding(native, 9 - version))}, None, version)
        rule = "coder 19; .* 0 to 1[78] |coder 17 where|halves of a stream"
        with pytest.raises((CorruptError, UnsupportedVersionError), match=rule):
            container.loads(other, implementation=impl)


def in_blocks(sizes) -> bytes:
    """Return a file of the shared codes, cut into blocks of so many units, and what is left."""
    coding = Coding(native)
    cuts = np.split(changing(), np.cumsum(sizes) * UNIT)
    head = bytes([19, len(cuts), *sizes])
    data = b"".join([head, *(part for cut in cuts for part in streams.Stream(cut, coding).parts_alone())])
    entry = entries.write(LAYERS["shared"], coding)
    at = entry.index(b"\x00\x13") + 1  # behind the layout
    return framed({"shared": entry[:at] + data})


@pytest.mark.parametrize("sizes", [(2,), (1,), (1, 1)])
@each("impl", BOTH)
def test_blocks_that_end_elsewhere_are_refused(impl, sizes):
    data = in_blocks(sizes)
    if sizes == (1, 1):
        assert same(container.loads(data, implementation=impl), {"shared": LAYERS["shared"]})
        return
    with pytest.raises(CorruptError, match="the blocks of a stream are not those of its symbols"):
        container.loads(data, implementation=impl)


@pytest.mark.parametrize("stream, rule", [
    ("13 00", "2 to 3 blocks, not 0"), ("13 01 00", "2 to 3 blocks, not 1"), ("13 04 01 01 01", "2 to 3 blocks, not 4"),
    ("13 02 00", "1 to 2 of the 3 units"), ("13 02 03", "1 to 2 of the 3 units"),
    ("13 03 02 01", "1 to 0 of the 1 units"), ("13 02 01 13", "coder 19; this release reads 0 to 17 there"),
    ("13 02 01 12", "coder 18; this release reads 0 to 17"),
    ("13 02 01 00 00", "coder 19 where a writer takes 0"),
])
def test_blocks_that_break_a_rule_are_refused(stream, rule):
    head = entries.write(LAYERS["shared"], Coding(native))
    head = head[: head.index(b"\x00\x13") + 1]
    with pytest.raises((CorruptError, UnsupportedVersionError), match=rule):
        container.loads(framed({"w": head + bytes.fromhex(stream)}), implementation=native)


def test_the_example_of_the_text_is_what_is_written():
    symbols = np.concatenate([np.repeat(np.uint8([0, 3]), UNIT), np.uint8([5])])
    data = streams.Stream(symbols, Coding(reference)).tobytes()
    found = re.search(r"The (\d+) bytes are `([^`]+)`; `([^`]+)`; `([^`]+)` and 4096 words of 0; `([^`]+)`", TEXT)
    assert found and len(data) == int(found[1])
    head, first, second, third = (bytes.fromhex(found[i]) for i in (2, 3, 4, 5))
    assert data == head + first + second + bytes(2 * 4096) + third
