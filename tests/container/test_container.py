"""Containers: what goes in comes out bit for bit, one content has one file, and bytes that lie are refused by name."""

import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from container_strategies import layer_maps, same
from file_mutations import framed, sealed
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import BOTH, NATIVE, each

import refcompress as rc
from refcompress import (
    CSR,
    ArgumentTypeError,
    CorruptError,
    LimitError,
    LowRank,
    Quantized,
    RefcompressError,
    Shared,
    UnsupportedVersionError,
    container,
    reference,
)
from refcompress.checkpoints import fastest
from refcompress.container import bits, codes, entries, positions, streams
from refcompress.container.cursor import Coding, integer_bytes
from refcompress.container.kinds import Kind

REFUSALS = CorruptError, LimitError, UnsupportedVersionError
F32 = np.float32
CODING = Coding(reference)
CHECK = 32  # bytes of the checksum
START = len(container.MAGIC) + 1


def one(entry: str) -> bytes:
    """Return the file whose one entry, named "a", has these hexadecimal bytes."""
    return framed({"a": bytes.fromhex(entry)})


def second(entry: str, name: str = "01 61") -> bytes:
    """Return the same of version 2, and with the bytes of another name."""
    return sealed(container.MAGIC + b"\2\1" + bytes.fromhex(name) + bytes.fromhex(entry))




def example(seed: int = 0) -> dict:
    """Return layers of every kind, whose streams use every layout and both coders."""
    rng = np.random.default_rng(seed)
    codes = np.where(rng.random((30, 40)) < 0.1, np.minimum(rng.geometric(0.4, (30, 40)), 15), 0).astype(np.uint8)
    dense = np.where(rng.random((9, 40)) < 0.9, rng.integers(1, 5, (9, 40)), 0).astype(np.uint8)
    half = np.where(rng.random(400) < 0.5, rng.integers(1, 16, 400), 0).astype(np.uint8)
    stored = rng.random((12, 30)) < 0.2
    indptr = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
    return {
        "relative": Shared(codes, np.arange(16, dtype=F32)), "dense": Shared(dense, np.arange(5, dtype=F32)),
        "bitmask": Shared(half, np.arange(16, dtype=F32)), "unpruned": Shared(dense, np.arange(1, 6, dtype=F32)),
        "csr": CSR((12, 30), indptr, np.nonzero(stored)[1], rng.standard_normal(int(stored.sum())).astype(F32)),
        "int8": Quantized(np.rint(rng.standard_normal((8, 32)) * 3).astype(np.int8), np.full((8, 1), 0.1, F32),
                          np.zeros((8, 1), np.int8)),
        "low rank": LowRank(np.ones((3, 1), F32), np.ones(1, F32), np.ones((1, 4), F32)),
        "bias": np.arange(3, dtype=F32), "mask": np.array([True, False]),
    }


# The round trip.

@settings(deadline=None)
@given(layer_maps())
def test_what_goes_in_comes_out_bit_for_bit_and_goes_in_again_the_same(layers):
    data = container.dumps(layers)
    loaded = container.loads(data)
    assert same(loaded, layers)
    assert list(loaded) == list(layers)
    assert container.dumps(loaded) == data == container.reencode(data)


@settings(deadline=None, max_examples=40)
@given(layer_maps())
def test_with_contexts_the_same_comes_out_of_no_more_bytes(layers):
    plain, data = container.dumps(layers), container.dumps(layers, contexts=True)
    assert len(data) <= len(plain)
    assert same(container.loads(data), layers) and container.reencode(data) == data
    for cut in range(0, len(data), max(len(data) // 9, 1)):
        with pytest.raises(CorruptError):
            container.loads(data[:cut])


def test_the_example_uses_every_layout():
    def layout(a):
        head = entries.shape_bytes(a.shape, 4) + integer_bytes(len(a.codebook))
        return entries.write(a, CODING)[1 + len(head) + a.codebook.nbytes]

    layouts = {name: layout(a) for name, a in example().items() if isinstance(a, Shared)}
    assert layouts.pop("relative") in positions.RELATIVE
    assert layouts == {"dense": positions.DENSE, "unpruned": positions.DENSE, "bitmask": positions.BITMASK}


def test_the_order_of_the_mapping_is_content_and_the_layout_in_memory_leaves_no_trace():
    layers = dict(reversed(example().items()))
    data = container.dumps(layers)
    assert list(container.loads(data)) == list(layers) and data != container.dumps(example())
    a = np.arange(24.0).reshape(4, 6)
    for other in (np.asfortranarray(a), a.astype(">f8"), np.repeat(a, 2, axis=1)[:, ::2], a[::-1][::-1]):
        assert container.dumps({"a": other}) == container.dumps({"a": a})


def test_an_implementation_is_asked_for_what_it_has_and_the_reference_for_the_rest():
    asked = []

    def huffman_encode(symbols, code):
        asked.append(len(symbols))
        return reference.huffman_encode(symbols, code)

    assert container.dumps(example(), implementation=types.SimpleNamespace(huffman_encode=huffman_encode)) \
        == container.dumps(example())
    assert asked


@each("impl", NATIVE)
def test_the_file_is_the_same_from_every_implementation_and_reads_the_same(impl):
    rng = np.random.default_rng(8)
    codes = np.where(rng.random((300, 784)) < 0.08, np.minimum(rng.geometric(0.2, (300, 784)), 31), 0).astype(np.uint8)
    layers = {**example(), "fc1.weight": Shared(codes, np.arange(32, dtype=F32))}
    data = container.dumps(layers, implementation=impl)
    assert data == container.dumps(layers)
    assert same(container.loads(data, implementation=impl), layers)
    for at in range(START, len(data) - CHECK, 1499):  # damage is refused alike
        damaged = sealed(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 : -CHECK])
        answers = []
        for implementation in (impl, reference):
            try:
                answers.append(sorted(container.loads(damaged, implementation=implementation)))
            except REFUSALS as error:
                answers.append((type(error), error.argument))
        assert answers[0] == answers[1]


def test_the_smallest_layout_is_taken_and_the_lowest_of_equals():
    def forced(places, size, layout):
        if layout == positions.BITMASK:
            return streams.Stream(positions.bitmask([places], size), CODING).size
        steps = list(positions.distances([places]))
        count = int(positions.symbol_counts(*positions.distance_counts(steps), layout).sum())
        symbols = positions.relative(steps, layout, count)
        return len(integer_bytes(len(symbols))) + streams.Stream(symbols, CODING).size

    rng = np.random.default_rng(3)
    for size in (0, 1, 8, 50, 3000):
        for share in (0, 0.01, 0.1, 0.5, 1):
            places = np.flatnonzero(rng.random(size) < share)
            sizes = [(forced(places, size, layout), layout) for layout in (*positions.RELATIVE, positions.BITMASK)]
            found = positions.smallest(positions.Given(places), size, CODING)
            assert (len(found.tobytes()), found.number) == min(sizes) and found.low <= found.size == min(sizes)[0]
            marks = np.zeros(size, np.uint8)
            marks[places] = 7
            assert positions.smallest(positions.NonZero(marks), size, CODING).tobytes() == found.tobytes()
            assert positions.smallest(positions.Given(places), size, CODING, min(sizes)[0], positions.DENSE) is None


@settings(deadline=None)
@given(st.integers(1, 9000), st.integers(2, 40), st.integers(0, 2**32))
def test_the_size_of_a_stream_is_known_before_it_is_coded(count, symbols, seed):
    rng = np.random.default_rng(seed)
    stream = streams.Stream(np.minimum(rng.geometric(0.5, count) - 1, symbols).astype(np.uint8), CODING)
    low, high = stream.low, stream.high
    assert low <= stream.size == len(stream.tobytes()) <= high


def test_counts_and_bits_of_lanes_are_those_of_numpy_however_they_are_added_up():
    rng = np.random.default_rng(0)
    for count in (0, 1, 1000, 2**16 - 1, 2**16, 2**16 + 1, 3 * 2**16 + 77):
        for highest in (0, 3, 255):
            symbols = np.minimum(rng.geometric(0.2, count) - 1, highest).astype(np.uint8)
            assert np.array_equal(bits.histogram(symbols), np.bincount(symbols))
            assert np.array_equal(bits.histogram(symbols, 256), np.bincount(symbols, minlength=256))
            if count:
                lengths = rng.integers(1, 16, 256).astype(np.uint8)
                lanes = bits.lanes_of(count)
                each = [lengths[symbols[lane::lanes][:-1]].sum(dtype=int) + lengths.max() for lane in range(lanes)]
                assert bits.words_needed(symbols, lengths) == sum(-(-int(n) // 16) for n in each)


def test_a_size_within_bounds_is_the_size_where_bounds_do_not_decide():
    rng = np.random.default_rng(0)
    for share in np.linspace(0.01, 0.6, 30):  # dense and sparse layouts come close to each other in between
        w = Shared(((rng.random((80, 90)) < share) * rng.integers(1, 9, (80, 90))).astype(np.uint8),
                   np.arange(9, dtype=F32))
        stream = streams.Stream(w.codes.reshape(-1), CODING)
        chosen = codes.Codes(stream, True, CODING)
        assert chosen.size == len(chosen.tobytes()) <= 1 + stream.size
        best = positions.smallest(positions.NonZero(stream.symbols), stream.count, CODING)
        stored = streams.Stream(codes.above_zero(stream), CODING)
        assert chosen.size == 1 + min(stream.size, best.size + stored.size)


def test_of_coders_that_take_the_same_bytes_the_packed_one_is_taken():
    def coder(count):
        symbols = np.zeros(count, np.uint8)
        symbols[0] = 3  # packed: the coder and two bits each; Huffman: 5 bytes and one bit each in words of two bytes
        coded = streams.Stream(symbols, CODING).tobytes()
        return coded[0], len(coded)

    assert coder(29) == (2, 1 + 8)  # as many as 5 + 4
    assert coder(48) == (streams.HUFFMAN, 5 + 6)  # fewer than 1 + 12


def test_a_bool_is_0_or_1_in_the_file_whatever_it_is_in_memory():
    odd = np.array([0, 1, 2, 255], np.uint8).view(bool)
    assert container.dumps({"a": odd}) == container.dumps({"a": np.array([False, True, True, True])})


def test_packing_is_undone_by_unpacking_at_every_width_and_across_blocks():
    rng = np.random.default_rng(1)
    for width in range(17):
        for count in (1, 7, 8, 9, 1000, bits.BLOCK + 13):
            symbols = rng.integers(0, 2**width, count).astype(np.uint8 if width <= 8 else np.uint16)
            packed = bits.pack(symbols, width)
            assert len(packed) == bits.packed_size(count, width)
            assert np.array_equal(bits.unpack(packed, count, width), symbols)


def test_small_matters_headers_do_not_drown_small_networks():
    layers = {"fc1.weight": example()["relative"], "fc1.bias": np.zeros(30, F32)}
    frame = len(container.dumps({}))
    assert frame == 9 + 2 + 8 + CHECK
    assert len(container.dumps({"fc1.bias": layers["fc1.bias"]})) - frame - CHECK - 120 <= 20
    for path in (Path(__file__).parents[2] / "results" / "deep_compression").glob("*-smallest.rcz"):
        held, reader = container.read(path.read_bytes(), fastest())
        sizes = [len(container.write(held, Coding(fastest(), version), reader.contexts)) for version in (2, 3)]
        assert sizes[1] <= sizes[0] + 64


# What may not go in.

@pytest.mark.parametrize("layers, error", [
    ([("a", np.zeros(1))], ArgumentTypeError), ({"a": [1.0]}, ArgumentTypeError), ({"a": 1.0}, ArgumentTypeError),
    ({"a": np.array([None])}, ArgumentTypeError), ({"a": np.zeros(1, complex)}, ArgumentTypeError),
    ({"a": np.zeros(1, "M8[s]")}, ArgumentTypeError), ({"a": np.array(["x"])}, ArgumentTypeError),
    ({"a": np.ma.masked_array([1.0])}, ArgumentTypeError), ({"a": np.zeros(1, "f4,f4")}, ArgumentTypeError),
    ({1: np.zeros(1)}, ArgumentTypeError), ({b"a": np.zeros(1)}, ArgumentTypeError),
    ({"": np.zeros(1)}, RefcompressError), ({"a\0": np.zeros(1)}, RefcompressError),
    ({"\ud800": np.zeros(1)}, RefcompressError), ({"e\u0301": np.zeros(1)}, RefcompressError),
    ({"x" * 4097: np.zeros(1)}, LimitError), ({"\u00e9" * 2049: np.zeros(1)}, LimitError),
    ({"a": CSR((1, 2), [0, 2], np.array([1, 0]), np.ones(2, F32), canonical=False)}, RefcompressError),
    ({"a": CSR((2**20, 2**30), np.repeat([0, 1], [2**20, 1]), np.array([2**30 - 1]), np.ones(1, F32))}, LimitError),
])
def test_what_a_file_cannot_hold_is_refused(layers, error):
    with pytest.raises(error) as caught:
        container.dumps(layers)
    assert type(caught.value) is error


def test_names_are_keys_never_paths():
    layers = {name: np.zeros(1) for name in ("..", "/", "a/b", "A", "a", "x" * 4096, "\u00e9", "CON", " ")}
    assert same(container.loads(container.dumps(layers)), layers)


# Bytes that lie.

def test_a_file_cut_off_anywhere_is_refused():
    data = container.dumps(example())
    for length in range(len(data)):
        with pytest.raises(CorruptError):
            container.loads(data[:length])


def test_any_flipped_bit_is_refused():
    data = container.dumps({"b": example()["bias"], "s": example()["bitmask"]})
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((CorruptError, UnsupportedVersionError)):
            container.loads(bytes(changed))


def refused_or_rewritten(data: bytes, rewrite: bool = True) -> None:
    """Load ``data``: a named refusal, or content that a writer writes and a reader reads back."""
    try:
        loaded = container.loads(data, limit=2**26)
    except REFUSALS:
        return
    if rewrite:
        assert same(container.loads(container.dumps(loaded)), loaded)


def test_a_changed_byte_under_a_right_checksum_is_refused_or_is_another_content():
    rng = np.random.default_rng(2)
    for name, value in example().items():
        body = container.dumps({name: value})[:-CHECK]
        for at in range(START, len(body)):
            for byte in {int(rng.integers(256)), body[at] ^ 1 << int(rng.integers(8))}:
                refused_or_rewritten(sealed(body[:at] + bytes([byte]) + body[at + 1 :]), rewrite=rng.random() < 0.04)


@settings(deadline=None)
@given(layer_maps(), st.data())
def test_cut_moved_and_repeated_bytes_under_a_right_checksum_are_refused_or_another_content(layers, data):
    body = container.dumps(layers)[:-CHECK]
    a, b = sorted(data.draw(st.tuples(*[st.integers(START, len(body) - 8)] * 2)))
    noise = data.draw(st.one_of(st.binary(max_size=20), st.just(body[a:b] * 2)))
    refused_or_rewritten(sealed(body[:a] + noise + body[b:]))


def test_bytes_before_after_and_between_files_are_refused():
    data = container.dumps(example())
    for glued in (data + b"\0", b"\0" + data, data + data, sealed(data[:-CHECK] + b"\0"), sealed(data),
                  data[:START] + b"\0" + data[START:], sealed(data[:START] + b"\0" + data[START:-CHECK])):
        with pytest.raises(CorruptError):
            container.loads(glued)


def test_a_transfer_in_text_mode_or_of_seven_bits_is_recognised():
    data = container.dumps(example())
    for mangled in (data.replace(b"\r\n", b"\n"), data.replace(b"\n", b"\r\n"), bytes(b & 127 for b in data)):
        with pytest.raises(CorruptError, match="text mode"):
            container.loads(mangled)


def test_later_versions_kinds_layouts_coders_and_dtypes_are_named():
    data = container.dumps(example())
    for version in (0, 4, 255):
        with pytest.raises(UnsupportedVersionError, match=f"version {version}; this release reads versions 1 to 3"):
            container.loads(data[:8] + bytes([version]) + data[9:])
    for entry in (
        f"{max(Kind) + 1:02X}00",
        "07 06",
        "000C0100",
        "010101 0A",
        "02 0101 01 00000000 0A",
        "02 0101 01 00000000 00 13",
    ):
        with pytest.raises(UnsupportedVersionError, match="this release reads 0 to"):
            container.loads(one(entry))


SHARED4 = "02 0104 02 00000000 0000803F"  # shape (4,), codebook 0, 1
LAYER = "11 03 020101 00 00 0000803F 00 00"  # its weight: shape (1, 1), scale 1, value 0


@pytest.mark.parametrize(
    "data, rule",
    [
        (b"", "start"),
        (b"\x89", "start"),
        (container.MAGIC, "ends after"),
        (container.MAGIC + b"\1", "ends after"),
        (sealed(container.MAGIC + b"\2"), "ends after"),
        (sealed(container.MAGIC + b"\2\x80\0"), "does not need"),
        (sealed(container.MAGIC + b"\2" + b"\xff" * 9 + b"\1"), "more than 9 bytes"),
        (sealed(container.MAGIC + b"\2" + b"\xff" * 8 + b"\x7f"), "are left"),  # 2**63 - 1 entries
        (second("00 0A 00 00000000", "00"), "empty"),
        (second("00 0A 00 00000000", "01 FF"), "utf-8"),
        (second("00 0A 00 00000000", "FFFF7F 61"), "are announced"),
        (sealed(container.MAGIC + b"\1\2" + b"\1b\0\0\0\1" + b"\1a\0\0\0\1"), "must come after"),
        (sealed(container.MAGIC + b"\1\2" + b"\1a\0\0\0\1" + b"\1a\0\0\0\1"), "comes twice"),
        (sealed(container.MAGIC + b"\2\2" + b"\1a\0\0\0\1" + b"\1a\0\0\0\0"), "comes twice"),
        (one("00 00 01 01 02"), "bool"),
        (one("00 0A 21" + 33 * "01"), "32 dimensions"),
        (one("00 0A 01 02 00000000"), "8 bytes of arrays"),
        (one("00 0A 02 FFFFFFFFFFFFFFFF7F FFFFFFFFFFFFFFFF7F"), r"2\*\*63"),
        (one("01 0102 00"), "no dense layout"),
        (one("01 01 8000 01"), "does not need"),
        (one("01 01 8080808008 01 00"), r"2\*\*31"),
        (one("01 0102 09 01 01"), "are announced"),
        (one("01 0101 02 01 02 02 00000000"), "beyond the last of 1"),
        (one("01 0102 01 02 01 01 00000000"), "filler"),
        (one("01 0102 01 FFFF7F"), "do not fit"),
        (one("01 0102 09 03 04 00000000"), "beyond the last of 2"),
        (one("02 0104 01 0000C07F 00 00"), "finite"),
        (one("02 0104 00 00 00"), "alphabet"),
        (one("02 0104 818004"), "65536"),
        (one("02 0104 01 00000080 09 00"), "stands for zero"),
        (one(SHARED4 + "00 02 E4"), "alphabet"),
        (one(SHARED4 + "00 01 10"), "padding bits"),
        (one(SHARED4 + "00 02 44"), "coder 2 where a writer takes 1"),
        (one(SHARED4 + "00 01 00"), "coder 1 where a writer takes 0"),
        (one(SHARED4 + "09 01 01 01 01"), "alphabet"),
        (one(SHARED4 + "00 11 00"), "1 to 32768"),
        (one(SHARED4 + "00 11 818002"), "1 to 32768"),
        (one(SHARED4 + "00 11 01 11 01 0000"), "padding after"),
        (one(SHARED4 + "00 11 02 01 01 0000"), "coder 17 where a writer takes 0"),
        (one(SHARED4 + "00 11 02 21 01 0000"), "code space"),
        (one(SHARED4 + "00 11 03 11 01 01 0000"), "code space"),
        (one(SHARED4 + "00 11 01 01 01 0100"), "Huffman stream"),
        (one(SHARED4 + "00 11 01 01 02 00000000"), "Huffman stream"),
        (one(SHARED4 + "00 11 01 01 00"), "at most the 0 bits"),
        (one("02 0103 03 00000000 0000803F 00000040 00 11 03 12 02 01 0500"), "coder 17 where a writer takes 1"),
        (one("03 00 00 00"), "at least one dimension"),
        (one("03 0101 00 01 0000803F 00 00"), "size other than 1"),
        (one("03 0102 00 02 0000803F 00 00"), "size other than 1"),
        (one("03 0102 00 00 00000000 00 00"), r"2\*\*-126"),
        (one("03 0102 01 00 0000803F 00 00"), "shape of ones"),
        (one("04 01 01 01 0000803F 0000803F 0000807F"), "finite"),
        (one("04 01 01 01 0000803F 0000803F"), "are announced"),
        (one("0E 00 03 0101 00 00 0000803F 00 00"), "1 to 7 bits"),
        (one("0E 08 03 0101 00 00 0000803F 00 00"), "1 to 7 bits"),
        (one("0E 04 05 0101 00 00 0000803F 00 00"), "kind 3, 11 or 13, not 5"),
        (one("0E 04 0E 04 03"), "not 14"),
        (one("0E 04 03 0101 00 00 0000803F 00 05 11"), "must be in -8..7, not -9"),
        (one("0E 02 03 0101 00 00 0000803F 00 03 04"), "must be in -2..1, not 2"),
        (one("0E 02 03 0101 00 00 0000803F 03 04 00"), "must be in -2..1, not 2"),
        (one("0E 01 03 0101 00 00 0000803F 00 00"), "-1 or 1 for a single bit"),
        (one("0E 01 03 0101 00 00 0000803F 01 01 02 02"), "0 for a single bit"),
        (one("0E 04 0D 03 010101 08 020101 01 0000803F 00"), "kind 3 or 11"),
        (one("0F 01 01 01 01 01 01 00 0000803F"), "at least 1 x 1"),
        (one("0F 01 01 01 00 01 01 01 0000803F"), "at least 1 x 1"),
        (one("0F 01 01 01 01 01 01 01 0000803F 0000C07F"), "finite"),
        (one("0F 01 01 01 01 01 01 01 0000803F"), "are announced"),
        (one("0F FFFFFFFFFFFFFFFF7F FFFFFFFFFFFFFFFF7F 00 01 01 01 01"), r"2\*\*63"),
        (one("10 01 01 01 01 01 01 0000803F 0000807F 0000803F"), "finite"),
        (one("10 01 01 01 01 01 01 0000803F"), "are announced"),
        (one("10 01 01 01 00 FFFFFFFFFFFFFFFF7F FFFFFFFFFFFFFFFF7F"), r"2\*\*63"),
        (one("11 00 0A 00 00000000 00"), "kind 3, 5, 11, 12 or 14, not 0"),
        (one("11 0D 03 010101"), "or 14, not 13"),
        (one("11 03 0101 00 00 0000803F 00 00 00"), "2 dimensions, not 1"),
        (one(LAYER + "10"), "0 to 15, not 16"),
        (one(LAYER + "01 00000000"), "above 0"),
        (one(LAYER + "01 000080BF"), "above 0"),
        (one(LAYER + "01 0000807F"), "finite"),
        (one(LAYER + "02 01"), "between 2 and 8"),
        (one(LAYER + "02 09"), "between 2 and 8"),
        (one(LAYER + "04 0000803F"), "not rounded"),
        (one(LAYER + "06 08 00000000"), "between"),
        (one(LAYER + "06 08 0000C07F"), "between"),
        (one(LAYER + "08 0000807F"), "finite"),
        (one(LAYER + "08"), "are announced"),
    ],
)
def test_each_broken_rule_is_corruption_and_says_which(data, rule):
    with pytest.raises(CorruptError, match=rule) as caught:
        container.loads(data)
    assert caught.value.argument == "data"


def test_few_bytes_that_announce_much_are_refused_before_they_are_decoded():
    huge, start = "FFFFFFFFFFFFFF3F", time.perf_counter()  # 2**55 - 1
    for entry in ("02 01" + huge + "01 00000000 00 00", "02 01" + huge + "01 00000000 01 00", "01" + huge + "01 01 00",
                  "01 01" + huge + "09 00", "01 04 FFFFFFFF07 09 00", "03 01" + huge + "00 00 0000803F 00 00"):
        with pytest.raises(REFUSALS):
            container.loads(one(entry), limit=2**20)
    assert time.perf_counter() - start < 1


def test_the_limit_is_on_the_decoded_bytes_and_may_be_raised():
    layers = {"a": Shared(np.zeros(10_000, np.uint8), np.zeros(1, F32)), "b": np.zeros(1)}
    data = container.dumps(layers)
    assert len(data) < 150
    assert same(container.loads(data, limit=10_012), layers)
    with pytest.raises(LimitError, match="entry 'b' brings the decoded bytes to 10012, the limit is 10011"):
        container.loads(data, limit=10_011)


@pytest.mark.parametrize("data", ["text", 7, None, [1], np.zeros(3)])
def test_only_bytes_are_loaded(data):
    with pytest.raises(ArgumentTypeError):
        container.loads(data)


def test_time_to_read_grows_as_the_bytes_do():
    def seconds(entries):
        data = container.dumps({f"{i:06}": np.zeros(1, np.int8) for i in range(entries)})
        start = time.perf_counter()
        container.loads(data)
        return time.perf_counter() - start

    assert min(seconds(16_000) for _ in range(3)) < 40 * min(seconds(1000) for _ in range(3))  # 256 if quadratic


def test_no_pickle_and_no_code_is_run():
    script = """
import builtins, io, pickle, sys
import numpy as np
import numpy.ma  # which NumPy imports late, and which imports pickle
from refcompress import Shared, container
from refcompress.models import npz
def forbidden(*args, **kwargs):
    raise AssertionError("code from a file")
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name in ("pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"):
            forbidden()
for name in ("load", "loads", "Unpickler", "dump", "dumps", "Pickler"):
    setattr(pickle, name, forbidden)
for name in ("pickle", "_pickle"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hook())
builtins.eval = builtins.exec = builtins.compile = forbidden
layers = {"w": Shared(np.array([0, 1, 0], np.uint8), np.array([0, 1], np.float32)), "b": np.zeros(3)}
assert container.reencode(container.dumps(layers)) == container.dumps(layers)
print("ok")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout == "ok\n", run.stderr


def test_groups_and_blocks_of_a_kernel_come_back_in_its_shape_from_the_rows_that_they_ran_along():
    w = np.random.default_rng(0).standard_normal((4, 6, 3, 3)).astype(np.float32)
    layers = {
        "s8": rc.quantize_s8(w, group=16),
        "s16": rc.quantize_s16(w, group=16),
        "mx": rc.floats_mx_encode(w, "mxint8"),
        "nf4": rc.floats_nf4_encode(w),
    }
    for implementation in BOTH:
        data = container.dumps(layers, implementation=implementation)
        back = container.loads(data, implementation=implementation)
        assert back == layers and all(value.shape == w.shape for value in back.values())
        assert container.reencode(data, implementation=implementation) == data
