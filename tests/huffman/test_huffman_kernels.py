"""The kernels of Huffman streams one by one: in chunks, and told lies that Python's checks would stop."""

import numpy as np
import pytest
from implementations import need_native
from test_huffman import code_for, sequence

from refcompress import CorruptError, Encoded, HuffmanCode, reference
from refcompress.reference.huffman.stream import lanes_of
from refcompress.testing import guarded

need_native()

from refcompress.native._kernels import ffi, lib  # noqa: E402

from refcompress.native import huffman, threads  # noqa: E402
from refcompress.native._call import pointer  # noqa: E402
from refcompress.native._table import Row  # noqa: E402


def kernels(op: str) -> list:
    """The kernels of an operation that this machine runs, narrowest first."""
    found, level = [], 0
    while (row := lib.rc_kernels_at(level)) != ffi.NULL:
        if lib.rc_supported(level) and getattr(row, op) != ffi.NULL:
            found.append(pytest.param(getattr(row, op), id=ffi.string(row.isa).decode()))
        level += 1
    return found


every_encoder = pytest.mark.parametrize("encode", kernels("huffman_encode"))
KERNELS = [pytest.param(op, *k.values, id=f"{op}-{k.id}")
           for op in ("huffman_encode", "huffman_decode") for k in kernels(op)]
every_decoder = pytest.mark.parametrize("decode", kernels("huffman_decode"))


@pytest.mark.parametrize("op, kernel", KERNELS)
@pytest.mark.parametrize("count", [20_000, 2**17 + 77])
def test_a_stream_of_many_chunks_is_the_same(op, kernel, count):
    symbols = sequence(np.random.default_rng(4), 40, count, 8.0)
    code = code_for(symbols, 40)
    stream = reference.huffman_encode(symbols, code)
    bound = getattr(huffman, op)(kernel, Row("portable", 3e5, {}))  # symbols a second, so a chunk is 4500 of them
    if op == "huffman_encode":
        assert np.array_equal(bound(symbols, code).words, stream.words)
        return
    assert np.array_equal(bound(stream), symbols)
    with pytest.raises(CorruptError):
        bound(Encoded(np.append(stream.words, np.uint16(0)), stream.count, code))


@every_decoder
@pytest.mark.parametrize("longest", [4, 8, 12])
def test_the_last_chunk_may_be_one_step_that_not_all_lanes_have(decode, longest):
    lengths = np.uint8([*range(1, longest), longest, longest])
    code, count = reference.huffman_code(lengths), 2**17 + 7
    symbols = np.random.default_rng(longest).integers(0, len(lengths), count).astype(np.uint8)
    stream = reference.huffman_encode(symbols, code)
    chunk = 64 * 128  # of 16 there are as many as whole steps
    bound = huffman.huffman_decode(decode, Row("portable", (chunk + 1) / threads.CHUNK_SECONDS, {}))
    assert np.array_equal(bound(stream), symbols)


@pytest.mark.parametrize("op, kernel", KERNELS)
@pytest.mark.parametrize("longest", range(1, 16))
@pytest.mark.parametrize("often", [0, -1])
def test_streams_are_right_for_each_longest_code_and_each_number_of_lanes(op, kernel, longest, often):
    """Lengths 1, 2, .. and the longest twice; the first symbol or the last stands 40 times in a row in each lane, so
    that sums of lengths pass 255."""
    lengths = np.uint8([*range(1, longest), longest, longest])
    code = reference.huffman_code(lengths)
    rng = np.random.default_rng(longest)
    for count in (2**14, 2**15, 2**16):  # 16, 32 and 64 lanes
        symbols = rng.integers(0, len(lengths), count).astype(np.uint8)
        symbols[: 40 * lanes_of(count)] = np.arange(len(lengths))[often]
        stream = reference.huffman_encode(symbols, code)
        if op == "huffman_encode":
            assert np.array_equal(
                huffman.huffman_encode(kernel, Row("portable", 1e9, {}))(symbols, code).words, stream.words
            )
        else:
            assert np.array_equal(huffman.huffman_decode(kernel, Row("portable", 1e9, {}))(stream), symbols)


# By where codes are found: in 7 bits, in 8, in a second table, behind its end, and in none of these.
CODES = {
    "a lone symbol": [0, 1],
    "of 7 bits": [7] * 128,
    "of 8 bits": [8] * 256,
    "of 8 bits and less": [1, 2, 3, *[8] * 32],
    "of each length from 9": [1, 2, 3, 4, 5, 6, 7, 8, 9, *[11] * 2, *[12] * 2, *[13] * 2, *[14] * 2, *[15] * 4],
    "a full second table": [7, *[8] * 253, 9, 9],
    "many that are too long": [*[4] * 15, *[11] * 16, *[12] * 224],
    "a few that are too long": [*[5] * 31, *[10] * 16, *[12] * 32, *[13] * 32, *[14] * 32, *[15] * 64],
}


@every_decoder
@pytest.mark.parametrize("lengths", CODES.values(), ids=CODES)
@pytest.mark.parametrize("count", [2**14 + 5, 2**16 + 70])
def test_codes_are_found_wherever_they_lie(decode, lengths, count):
    lengths = np.uint8(lengths)
    code = reference.huffman_code(lengths)
    symbols = np.random.default_rng(len(lengths)).choice(np.flatnonzero(lengths), count).astype(np.uint8)
    stream = reference.huffman_encode(symbols, code)
    bound = huffman.huffman_decode(decode, Row("portable", 1e9, {}))
    assert np.array_equal(bound(stream), symbols)
    noise = np.random.default_rng(0).integers(0, 2**16, len(stream.words)).astype(np.uint16)
    with pytest.raises(CorruptError):
        bound(Encoded(noise, count, code))


# ---- the kernels themselves, told lies that Python's checks would stop: what another thread could write meanwhile ----


def decode_kernel(decode, words, count: int, code: HuffmanCode) -> int:
    """Return the status of a decoder, its words and symbols between guard pages."""
    words = guarded.ends_at_guard(words)
    symbols = guarded.ends_at_guard(np.zeros(count, np.uint8))
    lanes, table = lanes_of(count), np.zeros(1 << code.longest, np.uint32)
    return decode(
        0, -(-count // lanes), count, lanes, len(code.lengths), pointer(code.lengths), pointer(code.codes),
        code.longest, len(words), pointer(words), pointer(table), ffi.new("struct rc_huffman_lanes *"), False,
        pointer(symbols))


@pytest.mark.skipif(not guarded.available(), reason="no guard pages on this system")
@every_decoder
@pytest.mark.parametrize("count", [1, 60, 2049, 17_000, 34_000, 70_000])
@pytest.mark.parametrize("skew", [0.0, 6.0, 60.0])
def test_the_decoder_stays_inside_its_words_wherever_they_end(decode, count, skew):
    rng = np.random.default_rng(5)
    symbols = sequence(rng, 16, count, skew)
    code = code_for(symbols, 16)
    words = reference.huffman_encode(symbols, code).words
    assert decode_kernel(decode, words, count, code) == lib.RC_OK
    for n in {0, *range(max(0, len(words) - 70), len(words)), *rng.integers(0, len(words), 20).tolist()}:
        assert decode_kernel(decode, words[:n], count, code) == lib.RC_CORRUPT
    for n in (1, 2, 100):
        assert decode_kernel(decode, np.concatenate([words, np.zeros(n, np.uint16)]), count, code) == lib.RC_CORRUPT
    for _ in range(50):
        noise = rng.integers(0, 2**16, len(words), np.uint16)
        assert decode_kernel(decode, noise, count, code) in (lib.RC_OK, lib.RC_CORRUPT)


@pytest.mark.skipif(not guarded.available(), reason="no guard pages on this system")
@every_encoder
@pytest.mark.parametrize("count", [1, 60, 2049, 17_000, 34_000, 70_000])
@pytest.mark.parametrize("before, after", [(0, 2), (2, 0), (0, 255), (2, 255)])
def test_the_encoder_stays_inside_its_words_when_the_symbols_change_between_its_passes(encode, count, before, after):
    code = reference.huffman_code(np.array([1, 2, 3, 4, 5, 6, 7, 7], np.uint8))
    symbols, lanes = np.full(count, before, np.uint8), lanes_of(count)
    table, state = np.zeros(256, np.uint32), ffi.new("struct rc_huffman_lanes *")
    operands = (0, -(-count // lanes), count, lanes, 8, pointer(code.lengths), pointer(code.codes), code.longest, False,
                pointer(symbols), pointer(table), state)
    assert encode(*operands, ffi.NULL) == lib.RC_OK
    symbols[:] = after
    words = guarded.begins_at_guard(np.zeros(state.position, np.uint16))
    assert encode(*operands, pointer(words)) == lib.RC_BAD_INDEX or count == 1


@pytest.mark.parametrize("count", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 9 * 2**16 + 5])
def test_the_counts_of_units_are_those_of_their_symbols_and_give_the_blocks(count):
    rng = np.random.default_rng(count)
    steps = np.repeat(rng.integers(1, 250, -(-count // 2**15)), 2**15)[:count]
    symbols = (rng.integers(0, 256, count) % (steps + 1)).astype(np.uint8)
    table = lib.rc_kernels_at(0)
    kernels = {name: getattr(table, name) for name in ("huffman_counts", "huffman_blocks")}
    for chunk in (1, 2.5, 100):  # units
        row = Row("portable", chunk * 2**16 / threads.CHUNK_SECONDS, kernels)
        counts, blocks = (getattr(huffman, name)(kernel, row) for name, kernel in kernels.items())
        units = counts.of_units(symbols)
        assert units.shape == (-(-count // 2**16), 256)
        for i, unit in enumerate(units):
            here = reference.huffman_counts(symbols[i * 2**16 : (i + 1) * 2**16])
            assert np.array_equal(unit[: len(here)], here) and not unit[len(here) :].any()
        assert np.array_equal(blocks.of_units(units, count), reference.huffman_blocks(symbols))
