"""Containers: what goes in comes out bit for bit, one content has one file, and bytes that lie are refused by name."""

import types
from pathlib import Path

import numpy as np
import pytest
from container_examples import example
from container_strategies import layer_maps, same
from file_mutations import sealed
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import BOTH, NATIVE, each

import refcompress as rc
from refcompress import (
    CSR,
    ArgumentTypeError,
    CorruptError,
    LimitError,
    RefcompressError,
    Shared,
    UnsupportedVersionError,
    container,
    reference,
)
from refcompress.checkpoints import fastest
from refcompress.container import bits, codes, entries, positions, streams
from refcompress.container.cursor import Coding, integer_bytes

REFUSALS = CorruptError, LimitError, UnsupportedVersionError
F32 = np.float32
CODING = Coding(reference)
CHECK = 32  # bytes of the checksum
START = len(container.MAGIC) + 1


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
