"""What a writer chooses, and that a reader refuses every other choice; files of versions 1 and 2."""

import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest
from container_strategies import layer_maps, of_version, same
from file_mutations import entries_of, file_of, framed
from hypothesis import given, settings
from implementations import need_native

from refcompress import (
    ArgumentTypeError,
    CorruptError,
    LimitError,
    Quantized,
    RefcompressError,
    Shared,
    UnsupportedVersionError,
    container,
    quantize_s8,
    quantize_s16,
    reference,
)
from refcompress.cli import main
from refcompress.container import entries, shared, streams
from refcompress.container.cursor import Coding, integer_bytes
from refcompress.ledger import ledger

native = need_native()
F32 = np.float32
RESULTS = sorted((Path(__file__).parents[2] / "results").rglob("*.rcz"))
KIND = 9  # where the kind of the first entry stands; in versions 1 and 2 behind a name of one byte
OLD_KIND = 12


# Versions.

@settings(deadline=None, max_examples=30)
@given(layer_maps().map(lambda layers: of_version(layers, 1)))
def test_a_file_of_version_1_is_read_and_written_again_as_version_1(layers):
    data = container.write(layers, Coding(native, 1), True)
    assert data[8] == 1 and data[-4:] == zlib.crc32(data[:-4]).to_bytes(4, "little")
    assert same(container.loads(data, implementation=native), layers)
    assert container.reencode(data, implementation=native) == data
    assert list(container.loads(data, implementation=native)) == sorted(layers, key=str.encode)


def test_the_checks_of_later_versions_are_sha_256_and_three_flips_that_crc_32_does_not_see_are_seen():
    layers = {"a": np.zeros(3000, F32)}
    old, second, third, fourth, new = (container.write(layers, Coding(reference, v)) for v in (1, 2, 3, 4, 5))
    assert third[8] == 3 and fourth[8] == 4 and third[9:-32] == fourth[9:-32] == new[9:-32]
    assert second[8] == 2 and second[-32:] == hashlib.sha256(second[:-32]).digest()
    size = len(entries.write(layers["a"], Coding(reference)))
    assert new[8] == 5 and new == container.dumps(layers)
    assert new[-32:] == hashlib.sha256(new[:9] + new[9 + size : -32]).digest()
    assert hashlib.sha256(new[9 : 9 + size]).digest() in new[9 + size : -40]
    power, powers, found = (
        1 << 31,
        {},
        None,
    )  # x^n modulo the polynomial, reflected: the CRC of a flip n bits before the end
    for n in range(92_000):
        if power ^ 1 << 31 in powers:
            found = 0, powers[power ^ 1 << 31], n  # x^n + x^m + 1 is 0
        powers[power] = n
        power = power >> 1 ^ (0xEDB88320 if power & 1 else 0)

    def flipped(file):
        changed = bytearray(file)
        for back in found:
            bit = 8 * 11_900 - back
            changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    assert np.count_nonzero(container.loads(flipped(old))["a"]) == 3  # other numbers, without a word: so it was
    for data in (second, third, fourth, new):
        with pytest.raises(CorruptError, match="checksum"):
            container.loads(flipped(data))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_files_of_results_are_read_as_they_were_written(path):
    data = path.read_bytes()
    layers = container.loads(data, implementation=native)
    assert container.reencode(data, implementation=native) == data
    assert same(
        container.loads(container.dumps(layers, implementation=native, contexts=True), implementation=native), layers
    )
    assert container.check_of(data) == ("CRC-32 (version 1)" if data[8] == 1 else "SHA-256")


def test_verify_and_inspect_say_which_check_a_file_carries(tmp_path, capsys):
    for version, check in ((1, "CRC-32 (version 1)"), (2, "SHA-256"), (3, "SHA-256")):
        (tmp_path / "a.rcz").write_bytes(
            container.write({"b": np.ones(3), "a": np.ones(2)}, Coding(reference, version))
        )
        for command in ("verify", "inspect"):
            assert main([command, str(tmp_path / "a.rcz")]) == 0
            assert f"checked by {check}" in " ".join(
                capsys.readouterr().out.split()
            )  # lines are broken where the terminal ends


# The same as an earlier entry.

def tied() -> dict:
    rng = np.random.default_rng(0)
    w = Shared(rng.integers(0, 5, (40, 30)).astype(np.uint8), np.arange(5, dtype=F32))
    zeros = np.zeros(20, F32)
    return {
        "wte": w,
        "b1": zeros,
        "other": Shared(w.codes, w.codebook * 2),
        "head": Shared(w.codes.copy(), w.codebook),
        "b2": zeros + 0,
        "empty": np.zeros((0, 7)),
        "again": np.zeros((0, 7)),
        "third": w,
    }


def test_tied_weights_take_two_bytes_and_stay_one_object_and_arrays_are_each_their_own():
    layers = tied()
    data = container.dumps(layers)
    assert len(data) == len(container.dumps({name: layers[name] for name in ("wte", "b1", "other", "empty")})) \
        + sum(1 + len(name) + 1 + 2 for name in ("head", "b2", "again", "third"))
    back = container.loads(data)
    assert same(back, layers) and list(back) == list(layers)
    assert back["wte"] is back["head"] is back["third"] and back["empty"] is back["again"]
    back["b1"][0] = 5
    assert back["b2"][0] == 0 and back["b2"].flags.writeable
    share = ledger(data).by_entry()
    assert share["head"] == 1 + 4 + 1 + 2 and share["wte"] > 300
    assert container.reencode(data) == data


def test_what_the_same_bytes_stand_for_counts_against_the_limit_each_time():
    zeros = Shared(np.zeros(10_000, np.uint8), np.zeros(1, F32))
    data = container.dumps({"a": zeros, "b": zeros, "c": zeros})
    assert len(container.loads(data, limit=30_012)) == 3
    with pytest.raises(LimitError, match="entry 'c' brings the decoded bytes to 30012"):
        container.loads(data, limit=30_011)


ONE = b"\0\1\1\2\5\6"  # an array of int8 5, 6


@pytest.mark.parametrize(
    "all_entries, rule",
    [
        ([ONE, ONE], "has the bytes of entry 0"),
        ([ONE, b"\x0a\1"], "not an earlier one"),
        ([b"\x0a\0"], "not an earlier one"),
        ([ONE, b"\x0a\0", b"\x0a\1"], "not an earlier one"),
        ([ONE, b"\x0a\x7f"], "not an earlier one"),
        ([ONE, b"\x0a\x80\0"], "does not need"),
        ([b"\0\0\1\0", b"\0\0\1\0"], "has the bytes of entry 0"),
    ],
)
def test_other_ways_to_write_the_same_twice_are_refused(all_entries, rule):
    with pytest.raises(CorruptError, match=rule):
        container.loads(file_of(len(all_entries), all_entries.__getitem__))


def test_an_entry_is_written_in_full_where_a_reference_takes_as_many_bytes():
    layers = {str(n): np.zeros((n, 0), np.int8) for n in range(16_384)}
    layers |= {"short": np.zeros(0, np.uint8), "here": np.zeros(0, np.uint8), "long": layers["500"]}
    data = container.dumps(layers)
    parts = entries_of(data)
    assert parts["here"] == b"\0\2\1\0" and parts["long"] == b"\x0a\xf4\3"
    assert same(container.loads(data), layers)
    with pytest.raises(CorruptError, match="takes no fewer bytes"):
        container.loads(framed(parts | {"here": b"\x0a\x80\x80\1"}))


# Contexts by name.

def columns(seed: int) -> Shared:
    rng = np.random.default_rng(seed)
    codes = (rng.random((60, 100)) < rng.random(100) ** 6) * rng.integers(1, 4, (60, 100))
    return Shared(codes.astype(np.uint8), F32([0, -1, 1, 2]))


def test_contexts_may_be_asked_for_by_name_and_a_file_of_both_kinds_is_written_again_the_same():
    w = columns(0)
    layers = {"a": w, "b": columns(1), "c": w, "d": w, "e": np.ones(3)}
    for names in ([], ["a"], {"a", "c"}, ("b", "d", "e"), ["c", "d"], True, False):
        data = container.dumps(layers, implementation=native, contexts=names)
        back, reader = container.read(data, native)
        assert same(back, layers) and container.reencode(data, implementation=native) == data
        asked = set("abcd") if names is True else set(names or ()) - {"e"}
        assert reader.contexts == asked
    assert container.dumps(layers, implementation=native, contexts=list("abcd")) == container.dumps(
        layers, implementation=native, contexts=True
    )
    for bad, error in (
        ("a", ArgumentTypeError),
        (1, ArgumentTypeError),
        (None, ArgumentTypeError),
        ([1], ArgumentTypeError),
        (["x"], RefcompressError),
    ):
        with pytest.raises(error, match="^contexts: "):
            container.dumps(layers, contexts=bad)


def test_contexts_pay_where_weights_crowd_in_columns():
    rng = np.random.default_rng(0)
    codes = ((rng.random((60, 100)) < rng.random(100) ** 6) * rng.integers(1, 4, (60, 100))).astype(np.uint8)
    layers = {"w": Shared(codes, np.float32([0, -1, 1, 2]))}
    assert len(container.dumps(layers, contexts=True)) < 0.9 * len(container.dumps(layers))


@pytest.mark.parametrize("entry, rule", [
    ("09 0101 00", "1 to 256"), ("09 0101 8102", "1 to 256"),
    ("09 0104 02 00000000 0000803F 02 FFFF", "encoder ends"),
    ("09 02 808080802080808080 20 02 00000000 0000803F 00", "not|cannot|limit"),
])
def test_what_the_range_coder_would_not_write_is_refused(entry, rule):
    with pytest.raises((CorruptError, LimitError)):
        container.loads(file_of(1, lambda n: bytes.fromhex(entry)))


def test_contexts_that_save_nothing_are_refused():
    w = Shared(np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(16, 16), np.arange(256, dtype=F32))
    for version in (1, 2, 3):
        entry = shared.write_contexts(w, Coding(native, version))
        assert len(entry) >= len(entries.write(w, Coding(native, version)))
        with pytest.raises(CorruptError, match="no fewer bytes by contexts"):
            container.loads(file_of(1, lambda n: entry, version))


# Zeros of integers, and 16 bits.

@pytest.mark.parametrize(
    "bits, scheme", [(8, "symmetric"), (8, "affine"), (4, "affine"), (16, "symmetric"), (16, "affine")]
)
def test_zeros_of_a_pruned_matrix_take_no_more_than_their_positions_on_every_grid(bits, scheme):
    rng = np.random.default_rng(1)
    w = (rng.standard_normal((256, 512)) + rng.random((256, 1))).astype(F32)
    w[rng.random(w.shape) < 0.9] = 0
    q = quantize_s16(w, axis=0, scheme=scheme) if bits == 16 else quantize_s8(w, axis=0, bits=bits, scheme=scheme)
    data = container.dumps({"w": q}, implementation=native)
    assert data[KIND] == (12 if bits == 16 else 11 if scheme == "affine" else data[KIND])
    assert 8 * len(data) < w.size * (0.47 + 0.1 * (bits + 0.3)) + 8 * 256 * 6
    assert same(container.loads(data, implementation=native), {"w": q})
    old = container.write({"w": q}, Coding(native, 1))
    assert old[OLD_KIND] == (5 if bits == 16 else 3) and len(data) < len(old)
    if scheme == "affine" and bits == 8:
        assert len(data) < 0.5 * len(old)


def test_differences_wrap_and_are_taken_only_where_they_are_smaller():
    zero = np.int8([[-128], [127], [0]])
    values = np.where(np.random.default_rng(0).random((3, 400)) < 0.9, zero, np.int8([[127], [-128], [-128]])).astype(
        np.int8
    )
    q = Quantized(values, np.ones((3, 1), F32), zero)
    data = container.dumps({"w": q})
    assert data[KIND] == 11 and same(container.loads(data), {"w": q})
    even = Quantized(np.random.default_rng(0).integers(-9, 9, (3, 400)).astype(np.int8), np.ones((3, 1), F32), zero)
    assert container.dumps({"w": even})[KIND] == 3


def test_symbols_of_16_bits_are_coded_as_two_bytes_where_that_is_smaller():
    rng = np.random.default_rng(0)
    for symbols, coder in (
        (np.rint(rng.standard_normal(5000) * 300).astype(np.int16).view(np.uint16), streams.SPLIT),
        (rng.integers(0, 2**16, 5000).astype(np.uint16), 16),
        (rng.choice([3, 300], 5000).astype(np.uint16), streams.HUFFMAN),
    ):
        stream = streams.Stream(symbols, Coding(native))
        assert stream.coder == coder and len(stream.tobytes()) == stream.size
        assert streams.Stream(symbols, Coding(native, 1)).coder != streams.SPLIT
    for symbols, coder, size in (([256, 1, 0], 9, 5), ([256, 1, 0, 0], streams.SPLIT, 5)):  # of equals the lower number
        stream = streams.Stream(np.array(symbols, np.uint16), Coding(native))
        assert (stream.coder, stream.size) == (coder, size)


@pytest.mark.parametrize(
    "stream, rule",
    [
        ("12 12 01 80 00 00", "coder 18; this release reads 0 to 17"),
        ("12 09 0180 0000", "half of a symbol"),
        ("12 00 08 05 06", "takes 3"),
        ("12 01 03 08 05 06", "coder 18 where a writer takes 9"),
    ],
)
def test_two_bytes_that_a_writer_would_not_take_apart_are_refused(stream, rule):
    entry = bytes.fromhex("02 01 02") + b"\x84\4" + bytes(2 * 4 * 258) + b"\0" + bytes.fromhex(stream)
    with pytest.raises((CorruptError, UnsupportedVersionError), match=rule):
        container.loads(file_of(1, lambda n: entry))


def test_code_lengths_that_are_not_those_of_the_symbols_are_refused():
    symbols = np.minimum(np.random.default_rng(0).geometric(0.5, 4000), 8).astype(np.uint8)
    good = streams.Stream(symbols, Coding(reference))
    assert good.coder == streams.HUFFMAN
    good.lengths = reference.huffman_lengths(np.array([0, *range(1, 9)]))
    head = b"\2\1" + integer_bytes(4000) + b"\x09" + np.arange(1, 10, dtype=F32).tobytes() + b"\0"
    with pytest.raises(CorruptError, match="code lengths of a stream are not those of its symbols"):
        container.loads(file_of(1, lambda n: head + good.tobytes()))
