"""Zip archives of strangers: unpacked to the declared size, in memory and time that the limit bounds."""

import io
import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from refcompress import CorruptError, LimitError, RefcompressError
from refcompress.models import archive, npz

LIMIT = 2**20


def npy(shape, descr="<f4", fortran=False) -> bytes:
    """The beginning of a .npy file, up to the elements."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header


def zipped(members: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as target:
        for name, data in members.items():
            target.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return file.getvalue()


def changed(data: bytes, **fields: int) -> bytes:
    """Return the archive with other numbers in the first entry of its directory and in the member's own header."""
    places = {"method": (10, 8, 2), "flags": (8, 6, 2), "crc": (16, 14, 4), "packed": (20, 18, 4), "size": (24, 22, 4),
              "disk": (34, None, 2), "place": (42, None, 4)}
    start = int.from_bytes(data[-6:-2], "little")
    new = bytearray(data)
    for name, value in fields.items():
        entry, local, width = places[name]
        new[start + entry : start + entry + width] = value.to_bytes(width, "little")
        if local is not None:
            new[local : local + width] = value.to_bytes(width, "little")
    return bytes(new)


def by_hand(entries, between=b"") -> bytes:
    """Return an unchecked archive of (name, packed bytes, size, CRC, place); place None is behind the last member."""
    body, directory = b"", b""
    for name, packed, size, crc, place in entries:
        numbers = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, crc, len(packed), size, len(name), 0)
        if place is None:
            place = len(body)
            body += b"PK\3\4" + numbers + name + packed
        directory += b"PK\1\2\24\0" + numbers + struct.pack("<3H2L", 0, 0, 0, 0, place) + name
    count = min(len(entries), 65535)
    return (
        body
        + between
        + directory
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body) + len(between), 0)
    )


def deflated(data: bytes, times: int = 1) -> bytes:
    """``data`` again and again in one stream, packed once."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)
    return part * times + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


A = npy((250,)) + bytes(1000)
BOMB = deflated(bytes(2**23), 25)  # 200 MB in as many kB
EMPTY_BLOCKS = b"\0\0\0\xff\xff" * 150_000 + b"\1\0\0\xff\xff"

HOSTILE = {
    "a directory that says 1,128 bytes of 200 MB": lambda: by_hand([(b"a.npy", BOMB, len(A), zlib.crc32(A), None)]),
    "a directory that says 200 MB": lambda: by_hand([(b"a.npy", BOMB, 25 * 2**23, 0, None)]),
    "a directory that says what the limit allows, of 200 MB": lambda: by_hand(
        [(b"a.npy", deflated(npy((2**18 - 50,)) + bytes(2**22), 50), 2**20 - 100, 0, None)]
    ),
    "a bomb packed by lzma": lambda: changed(
        zipped({"a.npy": A + bytes(2**26)}, zipfile.ZIP_LZMA), size=len(A), crc=zlib.crc32(A)
    ),
    "a bomb packed by bzip2": lambda: changed(
        zipped({"a.npy": A + bytes(2**26)}, zipfile.ZIP_BZIP2), size=len(A), crc=zlib.crc32(A)
    ),
    "deflate64": lambda: changed(zipped({"a.npy": A}), method=9),
    "ten thousand members in one place": lambda: by_hand(
        [(b"0000.npy", deflated(A), len(A), zlib.crc32(A), None)] + 10_000 * [(b"0000.npy", b"", 0, 0, 0)]
    ),
    "ten thousand members that unpack the same bytes to nothing": lambda: by_hand(
        [(b"0000.npy", EMPTY_BLOCKS, 0, 0, None)] + 5_000 * [(b"0000.npy", EMPTY_BLOCKS, 0, 0, 0)]
    ),
    "a directory of nothing else": lambda: by_hand(20_000 * [(b"", b"", 0, 0, 0)]),
    "a member of nothing else": lambda: by_hand([(b"a.npy", EMPTY_BLOCKS, len(A), zlib.crc32(A), None)]),
    "many small members": lambda: by_hand(
        [(b"%04x.npy" % i, deflated(npy((0,))), len(npy((0,))), zlib.crc32(npy((0,))), None) for i in range(6000)]
    ),
    "headers of brackets": lambda: zipped({f"{i}.npy": npy("(" * 1900) for i in range(100)}),
    "headers of numbers": lambda: zipped({f"{i}.npy": npy("(" + "0," * 950 + ")") for i in range(100)}),
    "a shape of 2**60 elements": lambda: zipped({"a.npy": npy((2**60,), "|u1") + bytes(1000)}),
    "2**60 elements of no bytes": lambda: zipped({"a.npy": npy((2**60, 0), "|u1")}),
    "a good array in Fortran's order": lambda: zipped({"a.npy": npy((250, 1000), fortran=True) + bytes(10**6)}),
    "a good array in the other byte order": lambda: zipped({"a.npy": npy((250, 1000), ">f4") + bytes(10**6)}),
}
GOOD = {
    "many small members",
    "a good array in Fortran's order",
    "a good array in the other byte order",
    "2**60 elements of no bytes",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_memory_and_time_stay_in_proportion_to_the_limit_whatever_the_archive_says(tmp_path, kind):
    """The file, the arrays, one of them in another order too, and as much as the limit for Python's objects."""
    path = tmp_path / "a.npz"
    path.write_bytes(HOSTILE[kind]())
    assert path.stat().st_size <= LIMIT
    begun = time.process_time()
    tracemalloc.start()
    try:
        loaded = npz.load(path, limit=LIMIT)
    except RefcompressError:
        assert kind not in GOOD
    else:
        assert kind in GOOD and loaded
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= 4 * LIMIT
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "begin", [npy((200_000,), "|O"), npy((200_000,), "<U1"), npy((7,)), npy((200_000,), "|V4"), b"no array"]
)
def test_an_array_is_refused_by_its_header_before_its_elements_are_unpacked(tmp_path, begin):
    (tmp_path / "a.npz").write_bytes(zipped({"a.npy": begin + bytes(800_000)}))
    tracemalloc.start()
    with pytest.raises(CorruptError):
        npz.load(tmp_path / "a.npz", limit=LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "fields, rule",
    [
        ({"size": len(A) - 1}, "unpack|bytes"),
        ({"size": len(A) + 1}, "bytes"),
        ({"packed": 2**31}, "overlaps"),
        ({"crc": 1}, "checksum"),
        ({"flags": 1}, "encrypted"),
        ({"method": 12}, "another method"),
        ({"place": 1}, "another one"),
        ({"disk": 1}, "damaged"),
        ({"packed": 3}, "bytes|unpacked"),
    ],
)
def test_each_lie_of_a_directory_is_refused(tmp_path, method, fields, rule):
    (tmp_path / "a.npz").write_bytes(changed(zipped({"a.npy": A}, method), **fields))
    with pytest.raises(CorruptError, match=rule):
        npz.load(tmp_path / "a.npz")


def test_bytes_before_behind_and_within_an_archive_are_refused(tmp_path):
    data, a = zipped({"a.npy": A, "b.npy": A}), deflated(A)
    one = [(b"a.npy", a, len(A), zlib.crc32(A), None)]
    for other in (
        b"#!/bin/sh\n" + data,
        data + b"\n",
        by_hand([(b"a.npy", a + b"x", len(A), zlib.crc32(A), None)]),
        by_hand(one + [(b"b.npy", a, len(A), zlib.crc32(A), 0)]),
        by_hand(one)[:-1],
        data[:-22],
        data[: len(data) // 2],
    ):
        (tmp_path / "a.npz").write_bytes(other)
        with pytest.raises(CorruptError):
            npz.load(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(by_hand(one))
    assert npz.load(tmp_path / "a.npz")["a"].tobytes() == bytes(1000)


def test_a_member_within_another_is_refused(tmp_path):
    b = deflated(A)
    inner = b"PK\3\4" + struct.pack("<5H3L2H", 20, 0, 8, 0, 33, zlib.crc32(A), len(b), len(A), 5, 0) + b"b.npy" + b
    outer = npy((len(inner),), "|u1") + inner
    stream = zlib.compressobj(0, zlib.DEFLATED, -15)
    packed = stream.compress(outer) + stream.flush()
    one = [(b"a.npy", packed, len(outer), zlib.crc32(outer), None)]
    place = by_hand(one).index(inner)
    (tmp_path / "a.npz").write_bytes(by_hand([*one, (b"b.npy", b, len(A), zlib.crc32(A), place)]))
    with pytest.raises(CorruptError, match="'b.npy' overlaps"):
        npz.load(tmp_path / "a.npz")


def test_a_byte_that_is_neither_false_nor_true_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(zipped({"a.npy": npy((2,), "|b1") + b"\1\2"}))
    with pytest.raises(CorruptError, match="neither False nor True"):
        npz.load(tmp_path / "a.npz")


def test_sizes_and_counts_in_64_bits_are_read(tmp_path, monkeypatch):
    """zipfile writes them for what needs them: here it is told that everything does."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    arrays = {f"{i}": np.arange(i, dtype=np.int16) for i in range(20)}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    data = (tmp_path / "a.npz").read_bytes()
    assert data.count(archive.END64.pack(b"PK\6\6", *9 * [0])[:4]) == 1 and b"\xff\xff\xff\xff" in data
    loaded = npz.load(tmp_path / "a.npz")
    assert all(np.array_equal(loaded[name], a) for name, a in arrays.items()) and len(loaded) == 20


def test_an_archive_that_was_written_to_a_pipe_is_read(tmp_path):
    """Sizes stand behind each member then, and in the directory."""
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    np.savez_compressed(pipe, a=np.arange(10), b=np.ones(3))
    (tmp_path / "a.npz").write_bytes(pipe.data)
    assert {name: a.tolist() for name, a in npz.load(tmp_path / "a.npz").items()} == {
        "a": list(range(10)),
        "b": [1, 1, 1],
    }


def test_the_sum_of_the_members_is_held_against_the_limit(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zipped({"a.npy": A, "b.npy": A}))
    assert len(npz.load(path, limit=2 * len(A))) == 2
    with pytest.raises(LimitError, match="members"):
        npz.load(path, limit=2 * len(A) - 1)
