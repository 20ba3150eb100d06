"""The laws of Huffman codes: lengths are optimal under their limit, codes canonical, and nothing else is accepted."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import each, needs_native, with_kernels_of

from refcompress import ArgumentTypeError, HuffmanCode, LimitError, RefcompressError, reference
from refcompress.formats import MAX_CODE_LENGTH
from refcompress.reference.huffman.lengths import package_merge_lengths, tree_lengths

NATIVE = with_kernels_of("huffman_decode")
IMPLEMENTATIONS = [reference, *NATIVE]
every_implementation = each("impl", IMPLEMENTATIONS)

ALPHABETS = [1, 2, 3, 5, 17, 255, 256, 257, 1000, 2**15]


# ---- oracles ----


def cost(counts, lengths) -> int:
    return sum(int(c) * int(l) for c, l in zip(counts, lengths))


def complete_lengths(n: int, limit: int):
    """Yield every vector of n lengths whose Kraft sum is 1."""
    for lengths in itertools.product(range(1, limit + 1), repeat=n):
        if sum(2 ** (limit - length) for length in lengths) == 2**limit:
            yield lengths


def slow_codes(lengths) -> dict[str, int]:
    """FORMAT.md, Code: in the order of (length, symbol), plus one, with zeros appended."""
    codes, code, before = {}, -1, 0
    for length, symbol in sorted((int(length), symbol) for symbol, length in enumerate(lengths) if length):
        code = (code + 1) << (length - before)
        before = length
        codes[f"{code:0{length}b}"] = symbol
    return codes


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
    assert cost(counts, lengths) >= cost(counts, tree_lengths(counts))
    for a, b in itertools.combinations(used, 2):
        if counts[a] >= counts[b]:
            assert lengths[a] <= lengths[b] or counts[a] == counts[b] and a > b
    for impl in NATIVE:
        assert np.array_equal(impl.huffman_lengths(counts, limit=limit), lengths)


@settings(max_examples=300)
@given(st.one_of(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=40),
    st.lists(st.integers(0, 4), min_size=2, max_size=60),  # ties everywhere
    st.lists(st.integers(0, 40).map(lambda n: 2**n), min_size=2, max_size=60),  # packages tie with leaves
))
def test_package_merge_has_the_lengths_of_huffmans_tree_where_none_passes_the_limit_and_costs_more_elsewhere(counts):
    counts = np.array(counts, dtype=np.uint64)
    if np.count_nonzero(counts) < 2:
        return
    tree = tree_lengths(counts)
    depth, least = int(tree.max()), int(np.count_nonzero(counts) - 1).bit_length()
    for limit in (depth, depth + 1, depth + 20):
        assert np.array_equal(package_merge_lengths(counts, limit), tree)
    for limit in range(max(least, 1), depth):  # the tie rules leave the least depth of all optimal codes
        assert cost(counts, package_merge_lengths(counts, limit)) > cost(counts, tree)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_no_complete_lengths_cost_less_than_huffmans_tree(n):
    complete = np.array(list(complete_lengths(n, n - 1)))  # n symbols are never deeper than n - 1
    for counts in itertools.product([1, 2, 3, 7], repeat=n):
        assert cost(counts, tree_lengths(np.array(counts))) == (complete @ counts).min()


@every_implementation
def test_fibonacci_counts_are_as_deep_as_can_be_until_the_limit(impl):
    assert impl.huffman_lengths(fibonacci(16)).tolist() == [15, *range(15, 0, -1)]
    for n, limit in [(17, 15), (40, 15), (90, 15), (40, 6), (64, 6), (3, 2)]:
        counts = fibonacci(n)
        lengths = impl.huffman_lengths(counts, limit=limit)
        assert lengths.max() == limit
        assert sum(2 ** (limit - int(length)) for length in lengths) == 2**limit
        assert np.array_equal(lengths, reference.huffman_lengths(counts, limit=limit))
        assert cost(counts, lengths) >= cost(counts, tree_lengths(counts))


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
    # One symbol with nearly all the weight in a nearly full tree: packages that hold it several times pass 2**64.
    heavy = np.ones(24, dtype=np.uint64)
    heavy[0] = big - 23
    assert impl.huffman_lengths(heavy, limit=5).tolist() == [2, 4] + [5] * 22


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


@needs_native
def test_the_lengths_kernel_refuses_more_symbols_than_the_limit_has_codes():
    from refcompress.native._kernels import lib

    from refcompress.native._call import pointer

    outputs = [pointer(np.zeros(18, dtype)) for dtype in (np.uint64, np.uint16, np.uint8, np.uint8)]
    assert lib.rc_kernels_at(0).huffman_lengths(3, 1, pointer(np.ones(3, np.uint64)), *outputs) == lib.RC_BAD_INDEX


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
