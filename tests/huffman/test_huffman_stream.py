"""The laws of Huffman streams: they read back, both implementations write the same words, and no others are
accepted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_huffman import ALPHABETS, IMPLEMENTATIONS, NATIVE, code_for, every_implementation, sequence, slow_codes

from refcompress import ArgumentTypeError, CorruptError, Encoded, RefcompressError, reference
from refcompress.reference.huffman.stream import lanes_of

COUNTS = [0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 65535, 65536, 65537]  # around the numbers of lanes


def slow_decode(words, count: int, lengths):
    """FORMAT.md, Decoding, a bit at a time on strings; None where the stream is corrupt."""
    codes, longest = slow_codes(lengths), max((int(n) for n in lengths), default=0)
    lanes = 1
    while 2 * lanes <= min(64, max(1, count // 1024)):
        lanes *= 2
    queues, words, symbols = [""] * lanes, [int(word) for word in words], []
    for i in range(count):
        lane = i % lanes
        if len(queues[lane]) < longest:
            if not words:
                return None
            queues[lane] += f"{words.pop(0):016b}"[::-1]
        code = ""
        while code not in codes:
            if len(code) == len(queues[lane]):
                return None
            code = queues[lane][: len(code) + 1]
        queues[lane] = queues[lane][len(code) :]
        symbols.append(codes[code])
    return None if words or "1" in "".join(queues) else symbols


def broken_rule(impl, damaged: Encoded) -> str:
    with pytest.raises(CorruptError) as caught:
        impl.huffman_decode(damaged)
    return caught.value.rule


def encoded(words, count: int, lengths) -> Encoded:
    return Encoded(np.array(words, np.uint16), count, reference.huffman_code(np.array(lengths, np.uint8)))


def outcome(impl, stream: Encoded):
    """The symbols, or the class and argument of the refusal."""
    try:
        return impl.huffman_decode(stream).tolist()
    except CorruptError as error:
        return type(error), error.argument


def test_lanes_grow_with_the_count():
    assert [lanes_of(n) for n in (0, 1, 2047, 2048, 4095, 4096, 65535, 65536, 2**40)] == [1, 1, 1, 2, 2, 4, 32, 64, 64]


@every_implementation
def test_the_examples_of_the_format_are_these_words(impl):
    symbols = np.array([0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0], np.uint8)
    lengths = impl.huffman_lengths(np.bincount(symbols))
    assert lengths.tolist() == [1, 3, 3, 3, 3]
    stream = impl.huffman_encode(symbols, impl.huffman_code(lengths))
    assert stream.words.tolist() == [0x3572, 0x0039] and stream.count == 11
    assert stream.words.astype("<u2").tobytes() == bytes.fromhex("72 35 39 00")

    symbols = np.array([i.bit_count() % 5 for i in range(2049)], np.uint8)
    lengths = impl.huffman_lengths(np.bincount(symbols))
    assert lengths.tolist() == [2, 2, 2, 3, 3]
    words = impl.huffman_encode(symbols, impl.huffman_code(lengths)).words.tolist()
    assert len(words) == 302
    assert words[:6] == [0xD668, 0xDAD6, 0xF6DE, 0xB5AC, 0xB4FD, 0x5ADD]
    assert words[-6:] == [0xDF6D, 0x6F6D, 0x7ECF, 0x7EFB, 0x020E, 0x0004]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(ALPHABETS),
    st.sampled_from(COUNTS) | st.integers(0, 5000),
    st.floats(0, 60),
    st.integers(0, 15),
)
def test_every_stream_reads_back_and_is_the_same_from_c(seed, alphabet, count, skew, limit):
    symbols = sequence(np.random.default_rng(seed), alphabet, count, skew)
    code = code_for(symbols, alphabet, max(limit, (alphabet - 1).bit_length(), 1))
    stream = reference.huffman_encode(symbols, code)
    assert stream.words.dtype == np.uint16 and stream.count == count
    back = reference.huffman_decode(stream)
    assert back.dtype == (np.uint8 if alphabet <= 256 else np.uint16) and np.array_equal(back, symbols)
    for impl in NATIVE:
        assert np.array_equal(impl.huffman_encode(symbols, code).words, stream.words)
        got = impl.huffman_decode(stream)
        assert got.dtype == back.dtype and np.array_equal(got, symbols)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("alphabet", [1, 2, 300])
def test_every_count_reads_back_at_the_edges_of_lanes_and_steps(alphabet, count):
    symbols = sequence(np.random.default_rng(count), alphabet, count, 3.0)
    code = code_for(symbols, alphabet)
    streams = [impl.huffman_encode(symbols, code) for impl in IMPLEMENTATIONS]
    for impl, stream in zip(IMPLEMENTATIONS, streams):
        assert np.array_equal(stream.words, streams[0].words)
        assert np.array_equal(impl.huffman_decode(stream), symbols)


@pytest.mark.parametrize(
    "alphabet, count, skew", [(1, 70, 0), (2, 300, 0), (16, 1500, 30), (40, 2049, 5), (300, 4200, 40)]
)
def test_a_decoder_written_bit_by_bit_from_the_format_reads_the_same(alphabet, count, skew):
    symbols = sequence(np.random.default_rng(1), alphabet, count, skew)
    code = code_for(symbols, alphabet)
    stream = reference.huffman_encode(symbols, code)
    assert slow_decode(stream.words, count, code.lengths) == symbols.tolist()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 2**16 - 1), max_size=6), st.integers(0, 60), st.sampled_from(
    [[1], [1, 1], [0, 1, 2, 2], [2, 2, 2, 2], [3, 2, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15]]))
def test_any_words_decode_as_the_format_says_or_are_corrupt_and_have_one_encoding(words, count, lengths):
    if count > 16 * len(words):
        return
    stream = encoded(words, count, lengths)
    expected = slow_decode(words, count, lengths)
    for impl in IMPLEMENTATIONS:
        assert outcome(impl, stream) == ((CorruptError, "words") if expected is None else expected)
        if expected is not None:
            again = impl.huffman_encode(np.array(expected, np.uint8), stream.code)
            assert again.words.tolist() == words


@pytest.mark.parametrize("alphabet, count, skew", [(1, 20, 0), (5, 40, 6), (20, 30, 0), (3, 2049, 9), (300, 2100, 90)])
def test_every_flipped_bit_truncation_and_extension_is_corrupt_or_another_stream(alphabet, count, skew):
    symbols = sequence(np.random.default_rng(2), alphabet, count, skew)
    stream = reference.huffman_encode(symbols, code_for(symbols, alphabet))
    words, bits = stream.words, 16 * len(stream.words)
    step = max(1, bits // 60)
    variants = [np.append(words, np.uint16(tail)) for tail in (0, 1, 0xFFFF)]
    variants += [words[:n] for n in range(len(words) - 1, max(-1, len(words) - 20), -1) if 16 * n >= count]
    for bit in [*range(0, bits, step), *range(max(0, bits - 48), bits)]:
        flipped = words.copy()
        flipped[bit // 16] ^= 1 << bit % 16
        variants.append(flipped)
    refused = 0
    for variant in variants:
        damaged = Encoded(variant, count, stream.code)
        results = [outcome(impl, damaged) for impl in IMPLEMENTATIONS]
        assert all(result == results[0] for result in results)
        if results[0] == (CorruptError, "words"):
            assert len({broken_rule(impl, damaged) for impl in IMPLEMENTATIONS}) == 1
            refused += 1
        else:
            again = reference.huffman_encode(np.array(results[0], symbols.dtype), stream.code)
            assert results[0] != symbols.tolist() and np.array_equal(again.words, variant)
    assert refused >= 10


def test_what_is_wrong_with_a_stream_of_many_lanes_is_said_by_all_alike():
    symbols = sequence(np.random.default_rng(3), 9, 70_000, 2)
    stream = reference.huffman_encode(symbols, code_for(symbols, 9))
    n, rules = len(stream.words), set()
    padded = stream.words.copy()
    padded[-1] |= 1 << 15
    for words in (stream.words[:-1], stream.words[: 3 * n // 4], np.append(stream.words, stream.words[:9]), padded):
        said = {broken_rule(impl, Encoded(words, len(symbols), stream.code)) for impl in IMPLEMENTATIONS}
        assert len(said) == 1
        rules |= {rule.rstrip("0123456789") for rule in said}
    assert rules == {"end before symbol ", "go on after the last symbol", "hold a bit of 1 that belongs to no symbol"}


@every_implementation
def test_a_bit_of_1_in_a_lone_symbols_stream_is_corrupt(impl):
    assert impl.huffman_decode(encoded([0, 0], 20, [0, 1])).tolist() == [1] * 20
    for bit in range(32):
        assert outcome(impl, encoded([1 << bit & 0xFFFF, 1 << bit >> 16], 20, [0, 1])) == (CorruptError, "words")


@every_implementation
def test_a_count_that_the_words_cannot_hold_is_refused_before_memory_is_taken(impl):
    words = np.zeros(2**16, np.uint16)
    code = reference.huffman_code(np.full(2**15, 15, np.uint8))
    with pytest.raises(CorruptError) as caught:
        impl.huffman_decode(Encoded(words, 2**20, code))  # 16 bits a word would do for 1-bit codes, not for these
    assert caught.value.argument == "words" and "bits" in caught.value.rule
    assert outcome(impl, encoded([0, 0, 0, 0], 1, [1, 1])) == (CorruptError, "words")
    assert outcome(impl, encoded([0], 0, [1, 1])) == (CorruptError, "words")
    with pytest.raises(RefcompressError):
        Encoded(words, 2**62, code)


@every_implementation
def test_the_empty_stream_has_no_words(impl):
    for lengths in ([], [0, 0], [1, 1]):
        stream = impl.huffman_encode(np.array([], np.uint8), reference.huffman_code(np.array(lengths, np.uint8)))
        assert len(stream.words) == 0 and impl.huffman_decode(stream).tolist() == []


@every_implementation
@pytest.mark.parametrize("dtype, symbol", [(np.uint8, 2), (np.uint8, 255), (np.uint16, 3), (np.uint16, 65535)])
@pytest.mark.parametrize("index", [0, 1, 1500, 4999])
def test_the_first_symbol_without_a_code_is_refused_by_its_index(impl, dtype, symbol, index):
    symbols = np.zeros(5000, dtype)
    symbols[index] = symbol
    symbols[4999] = symbol
    code = reference.huffman_code(np.array([1, 1, 0], np.uint8))
    with pytest.raises(RefcompressError) as caught:
        impl.huffman_encode(symbols, code)
    assert caught.value.argument == f"symbols[{index}]" and str(symbol) in caught.value.rule


@every_implementation
def test_arguments_of_the_wrong_type_are_refused_by_name(impl):
    code = reference.huffman_code(np.array([1, 1], np.uint8))
    for symbols, argument in [(np.zeros(3, np.int64), "symbols"), (np.zeros(3), "symbols"), ([0, 1], "symbols")]:
        with pytest.raises(ArgumentTypeError) as caught:
            impl.huffman_encode(symbols, code)
        assert caught.value.argument == argument
    with pytest.raises(RefcompressError, match="symbols"):
        impl.huffman_encode(np.zeros((2, 2), np.uint8), code)
    with pytest.raises(ArgumentTypeError, match="code"):
        impl.huffman_encode(np.zeros(2, np.uint8), code.lengths)
    with pytest.raises(ArgumentTypeError, match="encoded"):
        impl.huffman_decode(np.zeros(2, np.uint16))


@every_implementation
def test_every_layout_gives_the_same_words(impl):
    symbols = sequence(np.random.default_rng(3), 300, 5000, 3.0)
    code = code_for(symbols, 300)
    expected = reference.huffman_encode(symbols, code).words
    wide = np.empty(10000, np.uint16)
    wide[::2] = symbols
    unaligned = np.frombuffer(b"x" + symbols.tobytes(), np.uint8)[1:].view(np.uint16)
    backwards = symbols[::-1].copy()[::-1]
    for layout in (wide[::2], symbols.astype(">u2"), unaligned, backwards):
        assert np.array_equal(impl.huffman_encode(layout, code).words, expected)
    counts = np.bincount(symbols)
    for layout in (counts.astype(">i8"), np.repeat(counts, 2)[::2], counts.astype(np.uint64)):
        assert np.array_equal(impl.huffman_lengths(layout), reference.huffman_lengths(counts))


# How deep a code is, and how often it is long, decides by which way a wide kernel decodes: the weights of
# symbols 0, 1, ..
DEPTHS = {
    "2 bits": [1] * 4,
    "7 bits": [1] * 128,
    "8 bits": [1] * 256,
    "15 bits, long ones rare": [2.0**-n for n in range(1, 15)] + [2.0**-14] * 2,
    "9 bits, all long": [1] * 100 + [0.5] * 156,
    "15 bits, many long": [8] * 31 + [2.0**-n for n in range(10)] + [2.0**-9] * 40,
}


@pytest.mark.parametrize("count", [2**14, 2**14 + 5, 2**15 + 31, 2**16, 2**16 + 63, 70_001])
@pytest.mark.parametrize("depth", DEPTHS)
def test_every_depth_of_a_code_and_number_of_vectors_reads_back(depth, count):
    weights = np.array(DEPTHS[depth])
    rng = np.random.default_rng(count)
    symbols = rng.choice(len(weights), count, p=weights / weights.sum()).astype(np.uint8)
    symbols[: len(weights)] = np.arange(len(weights))  # each at least once
    code = reference.huffman_code(reference.huffman_lengths(np.ceil(weights / weights.min()).astype(np.int64)))
    stream = reference.huffman_encode(symbols, code)
    for dtype in (np.uint8, np.uint16):
        for impl in NATIVE:
            assert np.array_equal(impl.huffman_encode(symbols.astype(dtype), code).words, stream.words)
    alphabet = np.append(code.lengths, np.zeros(300, np.uint8))  # of more than 256 symbols: decoded to uint16
    wide = Encoded(stream.words, count, reference.huffman_code(alphabet))
    for impl in NATIVE:
        assert np.array_equal(impl.huffman_decode(stream), symbols)
        got = impl.huffman_decode(wide)
        assert got.dtype == np.uint16 and np.array_equal(got, symbols)


@pytest.mark.parametrize("longest", range(2, 16))
@pytest.mark.parametrize("few", [True, False])
def test_codes_of_every_greatest_length_and_long_runs_of_the_longest_read_back(longest, few):
    """From some length on wide kernels look up a code's upper bits; they add lengths while a byte holds the sum."""
    deep = 1 if few else min(6, longest - 1)  # 2^deep codes have the greatest length
    lengths = np.array([*range(1, longest - deep + 1), *[longest] * 2**deep], np.uint8)
    code = reference.huffman_code(lengths)
    assert code.longest == longest
    for count in (16 * 1024 + 5, 2 * 16 * 1024 + 31, 4 * 16 * 1024):
        symbols = np.random.default_rng(count).integers(0, len(lengths), count).astype(np.uint8)
        symbols[count // 3 : count // 2] = len(lengths) - 1
        stream = reference.huffman_encode(symbols, code)
        for impl in NATIVE:
            assert np.array_equal(impl.huffman_encode(symbols, code).words, stream.words)
            assert np.array_equal(impl.huffman_decode(stream), symbols)
