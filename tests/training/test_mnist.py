"""The loader of MNIST: as published, or refused by the name of the file."""

import gzip
import os
import shutil
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import CorruptError, RefcompressError
from refcompress.training import mnist

SEEDS = st.integers(0, 2**32 - 1)


def test_mnist_loads_as_published():
    training, test = mnist.load()
    assert training.images.shape == (60000, 28, 28) and test.images.shape == (10000, 28, 28)
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    first, validation = mnist.split(training)
    assert len(first) == 55000 and len(validation) == 5000
    assert np.array_equal(validation.images, training.images[55000:])
    x = mnist.split(test, 10)[1].inputs()
    assert x.shape == (10, 784) and x.dtype == np.float32 and x.min() == 0 and x.max() == 1


def copies(tmp_path, but, data):
    for name in mnist.MD5:
        source = mnist.DIRECTORY / f"{name}.gz"
        if name != but:
            (tmp_path / source.name).symlink_to(source)
        elif data is not None:
            (tmp_path / source.name).write_bytes(data)
    return tmp_path


LABELS = "t10k-labels-idx1-ubyte"


@pytest.mark.parametrize("damage", [lambda raw, packed: gzip.compress(raw[:-1] + b"\x05"),
                                    lambda raw, packed: packed[:-100], lambda raw, packed: raw,
                                    lambda raw, packed: b"", lambda raw, packed: gzip.compress(b"")])
def test_mnist_names_the_file_that_is_not_as_published(tmp_path, damage):
    packed = (mnist.DIRECTORY / f"{LABELS}.gz").read_bytes()
    directory = copies(tmp_path, LABELS, damage(gzip.decompress(packed), packed))
    with pytest.raises(CorruptError, match=f"{LABELS}.gz"):
        mnist.load(directory)


def test_mnist_says_which_file_is_missing(tmp_path):
    with pytest.raises(RefcompressError, match=f"directory: must hold {LABELS}.gz"):
        mnist.load(copies(tmp_path, LABELS, None))
    shutil.copy(mnist.DIRECTORY / f"{LABELS}.gz", tmp_path)
    assert len(mnist.load(str(tmp_path))[1]) == 10000


def test_an_installed_package_looks_in_the_working_directory_and_says_where_the_data_are(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mnist").symlink_to(mnist.DIRECTORY)
    monkeypatch.setattr(mnist, "DIRECTORY", tmp_path / "site-packages" / "data" / "mnist")
    monkeypatch.chdir(tmp_path)
    assert len(mnist.load()[1]) == 10000
    monkeypatch.chdir(tmp_path / "..")
    with pytest.raises(RefcompressError, match="without MNIST.*source tree.*--data DIRECTORY"):
        mnist.load()


def test_mnist_does_not_wait_for_a_pipe_and_unpacks_no_more_than_what_was_published(tmp_path):
    directory = copies(tmp_path, LABELS, None)
    os.mkfifo(directory / f"{LABELS}.gz")
    with pytest.raises(RefcompressError, match="regular file"):
        mnist.load(directory)
    (directory / f"{LABELS}.gz").unlink()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(2**25)) for _ in range(8)) + packer.flush()
    (directory / f"{LABELS}.gz").write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(CorruptError, match=LABELS):
        mnist.load(directory)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * mnist.LARGEST


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3), SEEDS)
@settings(deadline=None)
def test_idx_round_trip_and_every_wrong_length_is_refused(shape, seed):
    a = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    data = b"\0\0\x08" + bytes([a.ndim]) + b"".join(n.to_bytes(4, "big") for n in shape) + a.tobytes()
    assert np.array_equal(mnist.parse_idx(data, "file"), a)
    for wrong in (data + b"\0", data[:-1], data[:3], b"\1" + data[1:], data[:2] + b"\x0d" + data[3:],
                  data[:3] + b"\x04" + data[4:] + bytes(8), data[:3] + b"\0" + data[4:]):
        with pytest.raises(CorruptError, match="file"):
            mnist.parse_idx(wrong, "file")
