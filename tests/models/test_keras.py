"""Weights of Keras: HDF5 alone or within a .keras archive; what is no array of numbers is refused by its path."""

import os
import struct
import tracemalloc
import zipfile

import h5py
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import CorruptError, LimitError, Plain, RefcompressError, models
from refcompress.models import keras

A = np.arange(12, dtype=np.float32).reshape(3, 4)


def write(path, **how):
    """A file as Keras 3 writes it."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "3.0", "numpy"
        layers = file.create_group("layers")
        for name, array in (("dense", A), ("conv", A.astype(np.float16)), ("table", A.astype(">i8"))):
            layers.create_group(name).create_group("vars").create_dataset("0", data=array, **how)
        file["layers/dense/vars"].create_dataset("1", data=np.zeros((0, 3)))
        file["layers/dense/vars"].create_dataset("2", data=np.float64(2))
        file["layers/dense/vars"]["3"] = file["layers/dense/vars/0"]  # one dataset by two names
        half = file["layers"].create_dataset("half", data=A.astype(ml_dtypes.bfloat16))
        half.attrs["dtype"] = "bfloat16"
        file["layers"].create_dataset("mask", data=A > 3)
        file.create_dataset("words", data="text")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    write(folder / "plain.h5")
    write(folder / "packed.h5", compression="gzip", shuffle=True, chunks=(2, 3))
    return folder


WANTED = {"layers/conv/vars/0": A.astype(np.float16), "layers/dense/vars/0": A,
          "layers/dense/vars/1": np.zeros((0, 3)),
          "layers/dense/vars/2": np.float64(2), "layers/dense/vars/3": A, "layers/mask": A > 3,
          "layers/table/vars/0": A.astype(np.int64)}


@pytest.mark.parametrize("suffix", [".weights.h5", ".hdf5", ".keras", "packed.keras"])
def test_the_datasets_are_read_by_their_paths(tmp_path, suffix):
    packing = {"compression": "gzip", "shuffle": True, "chunks": (2, 3)} if suffix == ".hdf5" else {}
    path = write(tmp_path / f"a{suffix}", **packing)
    if suffix.endswith(".keras"):
        with zipfile.ZipFile(tmp_path / f"b{suffix}", "w") as archive:
            archive.writestr("metadata.json", "{}")
            archive.write(path, "model.weights.h5",
                          zipfile.ZIP_DEFLATED if suffix.startswith("packed") else zipfile.ZIP_STORED)
        path = tmp_path / f"b{suffix}"
    with models.open(path) as source:
        assert source.kind == "keras" and source.metadata == {}
        assert list(source.left_out) == ["words"] and set(source) == {*WANTED, "layers/half"}
        for name, array in WANTED.items():
            value = source[name].read()
            assert value.dtype == array.dtype and value.flags.c_contiguous and np.array_equal(value, array)
            assert source[name].shape == array.shape and source[name].type == array.dtype.name
        assert source["layers/half"].read() == Plain(A.astype(ml_dtypes.bfloat16).view(np.uint16), "bfloat16")
        assert source["layers/half"].type == "bfloat16"
        assert source["layers/dense/vars/0"].place == source["layers/dense/vars/3"].place
        assert len({each.place for each in source.values()}) == len(source) - 1
    with pytest.raises(LimitError):
        models.open(path, limit=40)


def test_trees_of_many_names_and_many_chunks_are_read(tmp_path):
    """Their nodes have nodes below them."""
    many = np.arange(71 * 13, dtype=np.int16).reshape(71, 13)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for at in range(600):
            file[f"{at:x}"] = np.int16(at)
        file.create_dataset("many", data=many, chunks=(2, 3), fletcher32=False)
        names = list(file)
    back = models.load(tmp_path / "a.h5")
    assert list(back) == names and np.array_equal(back["many"], many)
    assert all(back[f"{at:x}"] == at for at in range(600))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("w", data=many, chunks=(2, 3), fletcher32=True)
    with pytest.raises(CorruptError, match=r"'w' is packed by the filters \[3\]"):
        models.open(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        file["w"] = many
    with pytest.raises(CorruptError, match="superblock is of version 3"):
        models.open(tmp_path / "a.h5")


def test_elements_that_are_not_all_there_and_chunks_in_one_place_are_refused(tmp_path):
    path = tmp_path / "a.h5"

    def refused(rule: str, old: bytes, new: bytes) -> None:
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, new))
        with pytest.raises(CorruptError, match=rule):
            models.load(path)

    with h5py.File(path, "w") as file:
        place = file.create_dataset("w", data=A).id.get_offset()
    data = path.read_bytes()
    layout = struct.pack("<2B2Q", 3, 1, place, A.nbytes)
    for at, there in ((place, A.nbytes - 1), (len(data) - A.nbytes + 1, A.nbytes), (2**64 - 1, A.nbytes)):
        refused("'w' of shape .* not all are there", layout, struct.pack("<2B2Q", 3, 1, at, there))
    with h5py.File(path, "w") as file:
        file.create_dataset("w", data=A, chunks=(2, 2))
    data = path.read_bytes()
    key = struct.pack("<2L3Q", 16, 0, 2, 0, 0)
    refused(r"two chunks at \(0, 2\)", key, struct.pack("<2L3Q", 16, 0, 0, 2, 0))
    refused("beyond its array", key, struct.pack("<2L3Q", 16, 0, 4, 0, 0))
    refused("chunk at .* of 15 bytes, not 16", key, struct.pack("<2L3Q", 15, 0, 2, 0, 0))
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (4, 2), "f4", chunks=(2, 2))[:2] = 1
    with pytest.raises(CorruptError, match="has 1 chunks of 16 bytes, not the 2"):
        models.open(path)


def make(kind: str, file: h5py.File) -> None:
    match kind:
        case "rows of different lengths":
            file.create_dataset("w", (2,), h5py.vlen_dtype(np.int32))
        case "compound elements":
            file.create_dataset("w", data=np.zeros(2, [("a", "f4"), ("b", "f4")]))
        case "references":
            file.create_dataset("w", (2,), h5py.ref_dtype)
        case "opaque elements":
            file.create_dataset("w", data=np.zeros(2, "V7"))
        case "elements in another file":
            file.create_dataset("w", (4,), "f4", external=[("/etc/passwd", 0, 16)])
        case "elements that were never written":
            file.create_dataset("w", (2**28,), "f4", chunks=(2**20,))
        case "a virtual dataset":
            layout = h5py.VirtualLayout((4,), "f4")
            layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
            file.create_virtual_dataset("w", layout)
        case "no shape":
            file.create_dataset("w", data=h5py.Empty("f4"))
        case "a link to another file":
            file["w"] = h5py.ExternalLink("/etc/passwd", "/")
        case "a link by name":
            file["w"] = h5py.SoftLink("/v")
        case "a group in itself":
            file.create_group("w")["again"] = file["/"]


@pytest.mark.parametrize("kind, rule", [
    ("rows of different lengths", "'w' .* rows of different lengths"), ("compound elements", "'w' .* a compound"),
    ("references", "'w' .* a reference"), ("opaque elements", "'w' .* none of NumPy's"),
    ("elements in another file", "'w' has its elements in another file"),
    ("elements that were never written", "'w' of shape .* has 0 chunks of 0 bytes, not the 256"),
    ("a virtual dataset", "'w' is laid out in another way"), ("no shape", "'w' has no shape"),
    ("a link to another file", "of links"), ("a link by name", "'w' is a link by name"),
    ("a group in itself", "is part of two others, or of itself"),
])
def test_what_is_no_array_of_numbers_is_refused_by_its_path(tmp_path, kind, rule):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(kind, file)
    with pytest.raises(CorruptError, match=rule):
        models.open(tmp_path / "a.h5")


def test_a_damaged_file_is_refused_and_the_file_is_closed(tmp_path):
    data = write(tmp_path / "a.h5").read_bytes()
    for cut in (data[: len(data) // 2], data[:100], data[:8] + bytes(len(data) - 8)):
        (tmp_path / "a.h5").write_bytes(cut)
        with pytest.raises(RefcompressError):
            models.open(tmp_path / "a.h5")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(CorruptError, match="without model.weights.h5"):
        keras.open(tmp_path / "a.keras")


def test_a_file_that_shrinks_is_refused_when_the_tensor_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("w", data=np.ones(10**6))
    with models.open(tmp_path / "a.h5") as source:
        os.truncate(tmp_path / "a.h5", 10_000)
        with pytest.raises(CorruptError, match="changed"):
            source["w"].read()


def test_only_the_tensor_that_is_asked_for_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "abcdefgh":
            file.create_dataset(name, data=np.ones(2**17))
    tracemalloc.start()
    with models.open(tmp_path / "a.h5") as source:
        for tensor in source.values():
            assert tensor.read().nbytes == 2**20
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20


@given(st.data())
def test_a_changed_file_is_refused_by_name_or_read_within_its_bytes(folder, data):
    """The library of HDF5 ends the process on some of these."""
    path, good = folder / "a.h5", (folder / data.draw(st.sampled_from(["plain.h5", "packed.h5"]))).read_bytes()
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(good)))
        changed[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path.write_bytes(changed)
    try:
        with models.open(path) as source:
            for tensor in source.values():
                assert tensor.nbytes <= 1032 * len(changed) and tensor.read().shape == tensor.shape
    except RefcompressError:
        pass
