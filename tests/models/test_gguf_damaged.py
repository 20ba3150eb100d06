"""GGUF files made by hand: both versions, other orders, and what is damaged is refused by name."""

import os
import struct

import numpy as np
import pytest
from gguf_examples import (
    DATA,
    TWO,
    F,
    file,
    info,
    same,
    string,
    values,
    written,
)

from refcompress import (
    CorruptError,
    LimitError,
    RefcompressError,
)
from refcompress.errors import UnsupportedVersionError
from refcompress.models import gguf


def test_a_file_made_by_hand_is_read_in_both_versions_and_with_other_alignments(tmp_path):
    path = tmp_path / "a.gguf"
    for version, alignment, tail in ((2, 32, 0), (3, 32, 30), (3, 1, 0), (3, 8, 6), (3, 64, 0)):
        pairs = [] if alignment == 32 else [("general.alignment", written("uint32", alignment))]
        data = DATA[:32] + bytes(-32 % alignment) + DATA[32:] + bytes(tail)
        infos = [TWO[0], info("b", (32,), 8, 32 + -32 % alignment)]
        path.write_bytes(file(pairs, infos, data, version, alignment=alignment))
        got = values(path)
        assert same(got["a"], np.arange(8, dtype=F).reshape(2, 4)) and got["b"].data.tobytes() == bytes(range(34))
        with gguf.open(path) as source:
            gguf.save(tmp_path / "b.gguf", source, metadata=source.metadata)
        assert all(same(a, got[name]) for name, a in values(tmp_path / "b.gguf").items())


def test_tensors_may_lie_in_another_order_than_they_are_announced(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(file(infos=[info("b", (32,), 8, 32), TWO[0]], data=DATA))
    got = values(path)
    assert list(got) == ["b", "a"] and got["a"][1, 3] == 7


HUGE = struct.pack("<Q", 2**62)
DAMAGED = {
    "empty": b"", "short": b"GGUF\3\0\0\0", "other": b"GGML" + bytes(40),
    "tensors": file(counts=(2**62, 0)), "pairs": file(counts=(0, 2**63)), "tensors beyond": file(counts=(1, 0)),
    "key": file([(b"", written("uint8", 1))]), "key twice": file([("k", written("uint8", 1))] * 2),
    "key length": file(counts=(0, 1)) + HUGE + bytes(40), "key bytes": file([(b"\xff", written("uint8", 1))]),
    "value type": file([("k", struct.pack("<I", 13) + bytes(20))]), "value cut": file([("k", struct.pack("<I", 10))]),
    "string": file([("k", struct.pack("<I", 8) + HUGE + bytes(20))]),
    "bytes": file([("k", written("string", b"\xc3"))]),
    "bool": file([("k", struct.pack("<IB", 7, 2))]), "bools": file([("k", struct.pack("<IIQBB", 9, 7, 2, 1, 9))]),
    "array": file([("k", struct.pack("<II", 9, 0) + HUGE)]), "array type": file([("k", struct.pack("<IIQ", 9, 99, 0))]),
    "array of strings": file([("k", struct.pack("<IIQ", 9, 8, 2**40) + bytes(80))]),
    "array of arrays": file([("k", struct.pack("<IIQ", 9, 9, 2**60) + bytes(80))]),
    "nested": file([("k", struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 20 + struct.pack("<IQ", 0, 0))]),
    "alignment": file([("general.alignment", written("uint32", 24))], TWO, DATA),
    "alignment 0": file([("general.alignment", written("uint32", 0))], TWO, DATA),
    "alignment's type": file([("general.alignment", written("int32", 32))], TWO, DATA),
    "alignment's size": file([("general.alignment", written("uint32", 2**31))], TWO, DATA),
    "name": file(infos=[info("", (2,), 0, 0)], data=bytes(8)), "name twice": file(infos=[TWO[0], info(
        "a", (32,), 8, 32)], data=DATA),
    "NUL": file(infos=[info("a\0", (2,), 0, 0)], data=bytes(8)),
    "dimensions": file(infos=[string("a") + struct.pack("<I", 2**32 - 1) + bytes(80)], data=DATA),
    "product": file(infos=[info("a", (2**33, 2**33), 0, 0)], data=DATA),
    "product and zero": file(infos=[info("a", (2**62, 2**62, 0), 0, 0)]),
    "many dimensions": file(infos=[info("a", (1,) * 33, 0, 0)], data=bytes(4)),
    "negative": file(infos=[info("a", (2**64 - 1,), 0, 0)], data=DATA),
    "no multiple": file(infos=[info("a", (34,), 8, 0)], data=DATA), "scalar block": file(infos=[info("a", (), 8, 0)]),
    "unaligned": file(infos=[TWO[0], info("b", (32,), 8, 33)], data=DATA + bytes(1)),
    "overlap": file(infos=[TWO[0], info("b", (32,), 8, 0)], data=DATA[:34]),
    "gap": file(infos=[TWO[0], info("b", (32,), 8, 64)], data=DATA + bytes(32)),
    "late": file(infos=[info("b", (32,), 8, 32)], data=DATA),
    "offset": file(infos=[info("a", (2, 4), 0, 2**64 - 32)], data=DATA),
    "cut": file(infos=TWO, data=DATA[:-1]), "rest": file(infos=TWO, data=DATA + bytes(31)),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_by_name(tmp_path, data):
    path = tmp_path / "a.gguf"
    path.write_bytes(data)
    with pytest.raises((CorruptError, LimitError)) as caught:
        gguf.open(path)
    assert caught.value.argument == "path" and not gguf.is_decoded(path) and len(str(caught.value)) < 500


@pytest.mark.parametrize("data, said", [
    (file(version=1), "version 1"), (file(version=4), "version 4"),
    (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    (file(infos=[info("w", (256,), 16, 0)], data=bytes(66)), r"'w' is of type 16 \(IQ2_XXS\)"),
    (file(infos=[info("w", (32,), 99, 0)], data=bytes(66)), "'w' is of type 99,"),
])
def test_what_this_release_does_not_read_is_refused_by_its_number(tmp_path, data, said):
    (tmp_path / "a.gguf").write_bytes(data)
    with pytest.raises(UnsupportedVersionError, match=said):
        gguf.open(tmp_path / "a.gguf")


def mutations(rng, data, count):
    """Yield files with a byte flipped or replaced, cut off, cut out, or put in."""
    for _ in range(count):
        at, kind = int(rng.integers(len(data))), rng.integers(5)
        if kind == 0:
            yield data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
        elif kind == 1:
            yield data[:at] + bytes([int(rng.choice([0, 1, 127, 128, 255]))]) + data[at + 1 :]
        elif kind == 2:
            yield data[:at]
        elif kind == 3:
            yield data[:at] + data[at + int(rng.integers(1, 9)) :]
        else:
            yield data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at:]


def test_a_changed_file_gives_tensors_of_the_sizes_that_it_says_or_is_refused(tmp_path):
    """Nothing but a refusal by name comes out, and a read that succeeds has the bytes that are there."""
    path = tmp_path / "a.gguf"
    pairs = [("general.alignment", written("uint32", 32)), ("words", written("string", ["a", "bc"])),
             ("n", written("float64", 2.5)), ("deep", struct.pack("<IIQIQB", 9, 9, 1, 0, 1, 5))]
    data = file(pairs, [*TWO, info("c", (2, 3), 30, 96)], DATA + bytes(30) + bytes(range(12)))
    path.write_bytes(data)
    assert len(values(path)) == 3
    refused = 0
    for changed in mutations(np.random.default_rng(3), data, 400):
        path.write_bytes(changed)
        try:
            for value in values(path).values():
                assert value.nbytes <= len(changed)
        except RefcompressError as error:
            refused += 1
            assert error.argument == "path" and "\n" not in str(error)
    assert 100 < refused < 390


def test_a_file_that_shrinks_after_it_was_opened_is_refused(tmp_path):
    path = tmp_path / "a.gguf"
    path.write_bytes(file(infos=TWO, data=DATA))
    with gguf.open(path) as source:
        os.truncate(path, os.path.getsize(path) - 5)
        assert source["a"].read()[1, 3] == 7
        with pytest.raises(CorruptError, match="changed while it was read"):
            source["b"].read()


def test_a_tensor_beyond_the_limit_and_a_header_beyond_all_use_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.gguf"
    path.write_bytes(file(infos=TWO, data=DATA))
    assert set(values(path, limit=34)) == {"a", "b"}
    with pytest.raises(LimitError, match="tensor 'b' has 34 bytes, the limit is 33"):
        gguf.open(path, limit=33)
    monkeypatch.setattr("refcompress.models.gguf_bytes.MAX_HEADER", 60)
    with pytest.raises(LimitError, match="header"):
        gguf.open(path)
