"""Kinds 18 and 19: arrays of any type of element and blocks of ggml come back bit for bit, in few bytes and little
memory; nothing is read that a writer would not write."""

import tracemalloc

import numpy as np
import pytest
from container_strategies import VALUES, parts
from hypothesis import given
from implementations import BOTH, each, need_native

from refcompress import CorruptError, GGMLBlocks, LimitError, Plain, UnsupportedVersionError, container
from refcompress.container import ggml, plain
from refcompress.formats import ELEMENT_TYPES, GGML_TYPES
from refcompress.reference.planes import coded
from refcompress.testing.planes import bits_of, random_patterns

native = need_native()
EACH = each("impl", BOTH)


def read(data: bytes, **options):
    return container.layer_of(data, implementation=native, **options)


@EACH
@given(VALUES[Plain] | VALUES[GGMLBlocks])
def test_short_runs_of_any_content_come_back_whole_and_have_one_form(impl, value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "RUN", 8)
        patch.setattr(ggml, "RUN", 3)
        data = container.entry_bytes(value, implementation=impl)
        assert parts(container.layer_of(data, implementation=impl)) == parts(value)
        assert data == container.entry_bytes(value, implementation=native)


@EACH
def test_patterns_of_every_type_come_back_all_of_16_bits_among_them(impl):
    for type, element in ELEMENT_TYPES.items():
        patterns = np.arange(0, 2 ** min(bits_of(type), 16), 1 if impl is native else 11).astype(element.pattern)
        patterns = np.concatenate([patterns, random_patterns(np.random.default_rng(0), 99, type)])
        data = container.entry_bytes(Plain(patterns, type), implementation=impl)
        back = container.layer_of(data, implementation=impl)
        assert back.type == type and back.patterns.dtype == element.pattern and np.array_equal(back.patterns, patterns)


def test_exponents_are_coded_and_fractions_stay_as_they_are():
    rng = np.random.default_rng(0)
    w = rng.standard_normal(300_000, np.float32) * np.float32(0.05)
    bfloat16 = Plain((w.view(np.uint32) >> 16).astype(np.uint16), "bfloat16")
    float64 = Plain.of(w * rng.standard_normal(len(w)))
    for value, share in ((Plain.of(w), 0.84), (bfloat16, 0.68), (Plain.of(w.astype(np.float16)), 0.86), (float64, 0.9)):
        assert len(container.entry_bytes(value, implementation=native)) < share * value.nbytes


def test_integers_take_the_bytes_that_they_use_and_zeros_next_to_none():
    few = np.random.default_rng(0).integers(-100, 100, 300_000)
    for type in ("int16", "int32", "int64"):
        assert len(container.entry_bytes(Plain.of(few.astype(type)), implementation=native)) < 300_000
    for type, element in ELEMENT_TYPES.items():
        zeros = Plain(np.zeros((1000, 300), element.pattern), type)
        assert len(container.entry_bytes(zeros, implementation=native)) < 50


def test_the_columns_of_blocks_take_fewer_bytes_than_the_blocks():
    rng = np.random.default_rng(0)
    scales = rng.uniform(0.001, 0.002, 4000).astype(np.float16)[:, None].view(np.uint8)
    codes = np.clip(np.rint(rng.standard_normal((4000, 32)) * 40), -127, 127).astype(np.int8).view(np.uint8)
    blocks = GGMLBlocks(np.concatenate([scales, codes], axis=1), "Q8_0", (1000, 128))
    whole = Plain.of(np.array(blocks.data))
    sizes = [len(container.entry_bytes(value, implementation=native)) for value in (blocks, whole)]
    assert sizes[0] < 0.985 * sizes[1] < 0.985 * whole.nbytes


@pytest.mark.parametrize("value", [
    Plain(np.arange(6_000_000, dtype=np.uint32) * np.uint32(2654435761), "float32"),
    GGMLBlocks(np.zeros((1_400_000, 18), np.uint8), "Q4_0", (1_400_000, 32)),
], ids=["float32", "Q4_0"])
def test_writing_takes_the_memory_of_the_entry_beside_the_array_and_reading_that_of_the_array(value):
    tracemalloc.start()
    data = container.entry_bytes(value, implementation=native)
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    back = read(data)
    taken = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert back == value
    assert written < 1.2 * value.nbytes + 10_000_000 and taken < value.nbytes + 10_000_000


# What a reader refuses: entries of which one byte is wrong, made by hand.

def refused(data: bytes, text: str, error=CorruptError, **options) -> None:
    with pytest.raises(error, match=text):
        read(data, **options)


def test_a_type_of_a_later_release_is_refused_as_such():
    refused(bytes([18, 26, 1, 1, 0]), "element type 26", UnsupportedVersionError)
    refused(bytes([19, 5, 1, 32, 0]), "type 5", UnsupportedVersionError)


def test_a_symbol_beyond_a_type_is_refused():
    for type, number in plain.NUMBERS.items():
        if bits_of(type) < 8:
            head, width = bytes([18, number, 1, 8]), bits_of(type)  # eight elements
            assert read(head + bytes([width]) + b"\xff" * width).patterns.tolist() == [2**width - 1] * 8
            refused(head + bytes([width + 1]) + b"\xff" * (width + 1), "alphabet")
    refused(bytes([18, 11, 1, 1, 12, 0, 8, *[0] * 7]), "alphabet")  # 2048 is no exponent of float64


def test_blocks_that_no_row_has_are_refused():
    for shape in ([0], [1, 31], [2, 32, 33], [1, 0x90, 1]):
        refused(bytes([19, 2, *shape, 0, 0, 0]), "multiple of 32")
    assert read(bytes([19, 2, 1, 32, 0, 0, 0])) == GGMLBlocks(np.zeros((1, 18), np.uint8), "Q4_0", (32,))
    assert read(bytes([19, 2, 2, 3, 0])).data.shape == (0, 18)


def test_what_is_missing_or_too_much_is_refused():
    values = [Plain.of(np.float32([1, -2, 3])), GGMLBlocks(np.ones((2, 34), np.uint8), "Q8_0", (2, 32))]
    for value in values:
        data = container.entry_bytes(value)
        for end in range(1, len(data)):
            with pytest.raises(CorruptError):
                read(data[:end])
        refused(data + b"\0", "left")


def test_a_count_that_the_bytes_cannot_hold_is_refused_before_memory_is_taken():
    huge = [0xFF] * 6 + [0x3F]  # 2**48 - 1 in seven bytes
    tracemalloc.start()
    refused(bytes([18, 10, 1, *huge, 0, 0, 0, 0]), "do not fit", limit=2**62)
    refused(bytes([19, 2, 2, *huge, 32, 0, 0, 0]), "do not fit", limit=2**62)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6
    zeros = container.entry_bytes(Plain(np.zeros(10**6, np.uint8), "uint8"), implementation=native)
    refused(zeros, "the limit is 999999", LimitError, limit=999_999)


def test_types_and_columns_cover_all_that_the_formats_know():
    assert set(plain.NUMBERS) == set(ELEMENT_TYPES) and set(ggml.COLUMNS) == set(GGML_TYPES)
