"""The laws of the huffman family: lengths are optimal, codes canonical, streams read back, and nothing else is accepted."""

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import ArgumentTypeError, CorruptError, Encoded, HuffmanCode, LimitError, RefcompressError, reference
from refcompress import native
from refcompress.formats import MAX_CODE_LENGTH
from refcompress.reference.huffman_stream import lanes_of

# Wider instruction sets without a kernel of their own have the narrower one's: each kernel once is enough here.
NATIVE = list({impl.huffman_decode.isa: impl for impl in reversed(native.available())}.values())
IMPLEMENTATIONS = [reference, *NATIVE]
every_implementation = pytest.mark.parametrize("impl", IMPLEMENTATIONS, ids=lambda impl: impl.__name__)

COUNTS = [0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 65535, 65536, 65537]  # around the numbers of lanes
ALPHABETS = [1, 2, 3, 5, 17, 255, 256, 257, 1000, 2**15]


# ---- oracles ----


def cost(counts, lengths) -> int:
    return sum(int(c) * int(l) for c, l in zip(counts, lengths))


def complete_lengths(n: int, limit: int):
    """Yield every vector of n lengths whose Kraft sum is 1."""
    for lengths in itertools.product(range(1, limit + 1), repeat=n):
        if sum(2 ** (limit - length) for length in lengths) == 2**limit:
            yield lengths


def cost_by_heap(counts) -> int:
    """Huffman's own algorithm, without a limit: join the two lightest trees until one is left."""
    heap = [int(c) for c in counts if c]
    heapq.heapify(heap)
    total = heap[0] if len(heap) == 1 else 0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def slow_codes(lengths) -> dict[str, int]:
    """FORMAT.md, Code: in the order of (length, symbol), plus one, with zeros appended."""
    codes, code, before = {}, -1, 0
    for length, symbol in sorted((int(length), symbol) for symbol, length in enumerate(lengths) if length):
        code = (code + 1) << (length - before)
        before = length
        codes[f"{code:0{length}b}"] = symbol
    return codes


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


# ---- material ----


def fibonacci(n: int) -> np.ndarray:
    counts = [1, 1]
    while len(counts) < n:
        counts.append(counts[-1] + counts[-2])
    return np.array(counts[:n], dtype=np.uint64)


def sequence(rng, alphabet: int, count: int, skew: float) -> np.ndarray:
    """Symbols whose frequencies fall geometrically, the faster the greater skew."""
    dtype = np.uint8 if alphabet <= 256 else np.uint16
    return np.minimum(rng.exponential(alphabet / max(skew, 1e-9), count), alphabet - 1).astype(dtype)


def code_for(symbols, alphabet: int, limit: int = MAX_CODE_LENGTH) -> HuffmanCode:
    counts = np.bincount(symbols, minlength=alphabet)
    return reference.huffman_code(reference.huffman_lengths(counts, limit=limit))


def encoded(words, count: int, lengths) -> Encoded:
    return Encoded(np.array(words, np.uint16), count, reference.huffman_code(np.array(lengths, np.uint8)))


def outcome(impl, stream: Encoded):
    """The symbols, or the class and argument of the refusal."""
    try:
        return impl.huffman_decode(stream).tolist()
    except CorruptError as error:
        return type(error), error.argument


# ---- lengths ----


@every_implementation
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_no_complete_lengths_cost_less(impl, n):
    vectors = {limit: np.array(list(complete_lengths(n, limit))) for limit in range(1, 5) if 2**limit >= n}
    for counts in itertools.product([1, 2, 3, 7], repeat=n):
        for limit, complete in vectors.items():
            lengths = impl.huffman_lengths(np.array(counts), limit=limit)
            assert cost(counts, lengths) == (complete @ counts).min(), (counts, limit, lengths)


@settings(max_examples=100)
@given(st.lists(st.integers(0, 1000), min_size=0, max_size=80), st.integers(7, 15))
def test_lengths_are_complete_ordered_and_alike_in_c(counts, limit):
    counts = np.array(counts, dtype=np.int64)
    lengths = reference.huffman_lengths(counts, limit=limit)
    used = np.flatnonzero(counts)
    assert lengths.dtype == np.uint8 and lengths.max(initial=0) <= limit
    assert np.array_equal(lengths > 0, counts > 0)
    if len(used) > 1:
        assert sum(2.0 ** -int(lengths[i]) for i in used) == 1
    if len(used):
        assert cost(counts, lengths) >= cost_by_heap(counts)
    for a, b in itertools.combinations(used, 2):
        if counts[a] >= counts[b]:
            assert lengths[a] <= lengths[b] or counts[a] == counts[b] and a > b
    for impl in NATIVE:
        assert np.array_equal(impl.huffman_lengths(counts, limit=limit), lengths)


@settings(max_examples=100)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=16))
def test_a_limit_that_does_not_bind_costs_what_huffmans_algorithm_costs(counts):
    counts = np.array(counts, dtype=np.uint64)  # sixteen symbols are never deeper than 15
    assert cost(counts, reference.huffman_lengths(counts)) == cost_by_heap(counts)


@every_implementation
def test_fibonacci_counts_are_as_deep_as_can_be_until_the_limit(impl):
    assert impl.huffman_lengths(fibonacci(16)).tolist() == [15, *range(15, 0, -1)]
    for n, limit in [(17, 15), (40, 15), (90, 15), (40, 6), (64, 6), (3, 2)]:
        counts = fibonacci(n)
        lengths = impl.huffman_lengths(counts, limit=limit)
        assert lengths.max() == limit
        assert sum(2 ** (limit - int(length)) for length in lengths) == 2**limit
        assert np.array_equal(lengths, reference.huffman_lengths(counts, limit=limit))
        assert cost(counts, lengths) >= cost_by_heap(counts)


@every_implementation
def test_weights_are_exact_up_to_a_sum_of_2_to_the_63_less_1(impl):
    big = 2**63 - 1
    near = 2**60  # in float64 these would be equal, and the first symbol would have the short code
    for counts in ([near, near + 1, near + 2], [near, near, 2 * near + 1, 2 * near - 1], [1, 1, 1, big - 3], [big]):
        counts = np.array(counts, dtype=np.uint64)
        for limit in (2, 3, 15):
            lengths = impl.huffman_lengths(counts, limit=limit)
            best = min((cost(counts, v) for v in complete_lengths(len(counts), 3) if max(v) <= limit), default=big)
            assert cost(counts, lengths) == best
    # A full tree: packages weigh up to 15 times the sum.
    full = np.ones(2**15, dtype=np.uint64)
    full[7] = big - (2**15 - 1)
    assert np.all(impl.huffman_lengths(full) == 15)


@every_implementation
def test_ties_are_resolved_as_stated(impl):
    assert impl.huffman_lengths(np.array([1, 1, 1])).tolist() == [1, 2, 2]
    assert impl.huffman_lengths(np.array([1, 0, 1, 1, 1, 1])).tolist() == [2, 0, 2, 2, 3, 3]
    assert impl.huffman_lengths(np.array([1, 1, 2, 2])).tolist() == [2, 2, 2, 2]  # 1+1 after both 2s; not 3 3 2 1


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from(ALPHABETS[:-1]), st.sampled_from([1, 3, 10**6]))
def test_ties_are_resolved_alike_in_c_on_large_alphabets(seed, alphabet, top):
    counts = np.random.default_rng(seed).integers(0, top + 1, alphabet)
    for limit in (max(1, (alphabet - 1).bit_length()), 15):
        expected = reference.huffman_lengths(counts, limit=limit)
        for impl in NATIVE:
            assert np.array_equal(impl.huffman_lengths(counts, limit=limit), expected)


@every_implementation
def test_lengths_of_none_and_of_a_lone_symbol(impl):
    assert impl.huffman_lengths(np.array([], np.int64)).tolist() == []
    assert impl.huffman_lengths(np.array([0, 0], np.int64)).tolist() == [0, 0]
    assert impl.huffman_lengths(np.array([0, 9, 0], np.int64), limit=1).tolist() == [0, 1, 0]


@every_implementation
@pytest.mark.parametrize(
    "counts, limit, kind, argument",
    [
        (np.array([1, -1, 2]), 15, RefcompressError, "counts[1]"),
        (np.array([2**63, 0], np.uint64), 15, LimitError, "counts"),
        (np.array([2**62, 2**62], np.uint64), 15, LimitError, "counts"),
        (np.array([2**63, 2**63], np.uint64), 15, LimitError, "counts"),  # wraps to 0 in 64 bits
        (np.ones(2**15 + 1, np.int64), 15, LimitError, "counts"),
        (np.ones(2**16 + 1, np.int64), 15, LimitError, "counts"),
        (np.array([1, 1, 1]), 1, LimitError, "limit"),
        (np.array([1, 1]), 0, RefcompressError, "limit"),
        (np.array([1, 1]), 16, RefcompressError, "limit"),
        (np.array([1, 1]), True, ArgumentTypeError, "limit"),
        (np.array([1, 1]), 2.0, ArgumentTypeError, "limit"),
        (np.array([1.0, 1.0]), 15, ArgumentTypeError, "counts"),
        (np.array([1, 1], np.int32), 15, ArgumentTypeError, "counts"),
        (np.array([[1, 1]]), 15, RefcompressError, "counts"),
        (np.ma.array([1, 1]), 15, ArgumentTypeError, "counts"),
    ],
)
def test_bad_counts_are_refused_by_name(impl, counts, limit, kind, argument):
    with pytest.raises(kind) as caught:
        impl.huffman_lengths(counts, limit=limit)
    assert type(caught.value) is kind and caught.value.argument == argument


# ---- code ----


@every_implementation
def test_exactly_the_complete_lengths_and_the_lone_symbol_make_a_code(impl):
    accepted = 0
    for lengths in itertools.product(range(5), repeat=4):
        used = [length for length in lengths if length]
        good = not used or used == [1] or sum(2.0**-length for length in used) == 1
        if good:
            code = impl.huffman_code(np.array(lengths, np.uint8))
            written = {f"{c:0{n}b}": i for i, (c, n) in enumerate(zip(code.codes, code.lengths)) if n}
            assert written == slow_codes(lengths)
            accepted += 1
        else:
            with pytest.raises(RefcompressError) as caught:
                impl.huffman_code(np.array(lengths, np.uint8))
            assert type(caught.value) is RefcompressError and caught.value.argument == "lengths"
    assert accepted > 30


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from(ALPHABETS), st.floats(0, 40))
def test_codes_are_prefix_free_and_alike_in_c(seed, alphabet, skew):
    code = code_for(sequence(np.random.default_rng(seed), alphabet, 2000, skew), alphabet)
    pairs = [(int(c), 15 - int(n)) for c, n in zip(code.codes, code.lengths) if n]
    spans = sorted((c << free, 1 << free) for c, free in pairs)
    assert all(a + width <= b for (a, width), (b, _) in itertools.pairwise(spans))
    for impl in NATIVE:
        got = impl.huffman_code(code.lengths)
        assert np.array_equal(got.codes, code.codes) and got.codes.dtype == np.uint16


@every_implementation
@pytest.mark.parametrize(
    "lengths, kind, argument",
    [
        (np.array([1, 16], np.uint8), RefcompressError, "lengths[1]"),
        (np.array([255], np.uint8), RefcompressError, "lengths[0]"),
        (np.array([2], np.uint8), RefcompressError, "lengths"),
        (np.full(2**15, 1, np.uint8), RefcompressError, "lengths"),
        (np.full(2**15 + 1, 15, np.uint8), LimitError, "lengths"),
        (np.array([1, 1]), ArgumentTypeError, "lengths"),
        ([[1, 1]], ArgumentTypeError, "lengths"),
    ],
)
def test_bad_lengths_are_refused_by_name(impl, lengths, kind, argument):
    with pytest.raises(kind) as caught:
        impl.huffman_code(lengths)
    assert type(caught.value) is kind and caught.value.argument == argument


# ---- streams ----


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


@pytest.mark.parametrize("alphabet, count, skew", [(1, 70, 0), (2, 300, 0), (16, 1500, 30), (40, 2049, 5), (300, 4200, 40)])
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
            refused += 1
        else:
            again = reference.huffman_encode(np.array(results[0], symbols.dtype), stream.code)
            assert results[0] != symbols.tolist() and np.array_equal(again.words, variant)
    assert refused >= 10


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


@pytest.mark.parametrize("impl", NATIVE, ids=lambda impl: impl.__name__)
def test_a_stream_of_many_chunks_is_the_same(impl):
    symbols = sequence(np.random.default_rng(4), 40, 2**17 + 77, 8.0)
    code = code_for(symbols, 40)
    expected = impl.huffman_encode(symbols, code)
    slow = 1e6  # symbols a second, so a chunk is 15000 of them
    encode = _bound("huffman_encode", impl, slow)
    decode = _bound("huffman_decode", impl, slow)
    assert np.array_equal(encode(symbols, code).words, expected.words)
    assert np.array_equal(decode(expected), symbols)
    with pytest.raises(CorruptError):
        decode(Encoded(np.append(expected.words, np.uint16(0)), expected.count, code))


def _bound(op: str, impl, speed: float):
    from refcompress.native import huffman
    from refcompress.native._kernels import lib

    return getattr(huffman, op)(getattr(lib.rc_kernels_at(0), op), speed)
