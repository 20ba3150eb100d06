"""Bytes that lie: a file that was cut, changed or made up is refused by name, or is the file of another content."""

import subprocess
import sys
import time

import numpy as np
import pytest
from container_examples import example, one, second
from container_strategies import layer_maps, same
from file_mutations import sealed
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import (
    ArgumentTypeError,
    CorruptError,
    LimitError,
    Relative,
    Shared,
    UnsupportedVersionError,
    container,
)
from refcompress.container.kinds import Kind

REFUSALS = CorruptError, LimitError, UnsupportedVersionError
F32 = np.float32
CHECK = 32  # bytes of the checksum
START = len(container.MAGIC) + 1


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
    for version in (0, 6, 255):
        with pytest.raises(UnsupportedVersionError, match=f"version {version}; this release reads versions 1 to 5"):
            container.loads(data[:8] + bytes([version]) + data[9:])
    for entry in (
        f"{max(Kind) + 1:02X}00",
        "07 06",
        "000C0100",
        "010101 0A",
        "02 0101 01 00000000 0A",
        "02 0101 01 00000000 00 14",
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
        (one("18 02 02 00 01"), "not cut into blocks of 0 x 1"),
        (one("18 03 02 02 01"), "not cut into blocks of 2 x 1"),
        (one("18 02 03 01 02"), "not cut into blocks of 1 x 2"),
        (one("18 02 02 01 01 00"), "no dense layout"),
        (one("18 00 8080808008 01 01"), r"2\*\*31"),
        (one("18 00 00 FFFFFFFFFFFFFFFF7F FFFFFFFFFFFFFFFF7F"), r"2\*\*63"),
        (one("18 02 02 02 02 09 01 01 00000000"), "are announced"),
        (one("19 0A"), "of kind 4 here, not 10"),
        (one("19 04 01 01 00 13"), "kind 1, 23 or 24 here, not 19"),
        (one("19 04 01 01 00 01 01 02 01 00"), "shape of low"),
        (one("16 02 00 808080808080808010 01 10 00"), r"2\*\*63"),  # no rows of 2**60 codebooks
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


def test_a_few_weights_of_a_matrix_that_fits_no_memory_are_read_and_written_in_little():
    shape = 2**20, 2**31 - 1
    none = np.zeros(0, np.uint8)
    empty = Relative(shape, np.zeros(2**20 + 1, np.int64), none, none, 4, 4, F32([0]))
    starts = np.minimum(np.arange(2**20 + 1), 1)
    for a in (empty, Relative(shape, starts, np.uint8([7]), np.uint8([1]), 4, 4, F32([0, 1]))):
        assert same(container.loads(container.dumps({"a": a}), limit=2**24), {"a": a})


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
layers = {"w": Shared(np.array([0, 1, 0], np.uint8), np.array([0, 1], np.float32)), "b": np.zeros(3)}
container.reencode(container.dumps(layers))  # Modules are loaded when they are asked for: now, by exec.
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
assert container.reencode(container.dumps(layers)) == container.dumps(layers)
print("ok")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout == "ok\n", run.stderr
