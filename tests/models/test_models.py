"""Models of other tools: what is theirs is read as they wrote it, and nothing in it is run."""

import ast
import inspect
import io
import os
import sys
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from container_strategies import NAMES, raw_arrays, same
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress import ArgumentTypeError, CorruptError, LimitError, Plain, RefcompressError, container, models
from refcompress.models import npz


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("npz")


@settings(deadline=None)
@given(arrays=st.dictionaries(NAMES, raw_arrays(), max_size=3))
def test_npz_comes_back_bit_for_bit_and_numpy_reads_it_too(folder, arrays):
    npz.save(folder / "a.npz", arrays)
    assert same(npz.load(folder / "a.npz"), arrays)
    with np.load(folder / "a.npz", allow_pickle=False) as theirs:
        assert same({name: theirs[name] for name in theirs.files}, arrays)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_of_numpy_is_read_in_any_layout(tmp_path, save):
    a = np.arange(24.0).reshape(4, 6)
    arrays = {"c": a, "fortran": np.asfortranarray(a), "big": a.astype(">f8"), "scalar": np.array(3), "empty": a[:0],
              "half": a.astype(np.float16), "complex": a * 1j, "a/b": a[::2]}
    save(tmp_path / "a.npz", **arrays)
    loaded = npz.load(tmp_path / "a.npz")
    assert list(loaded) == list(arrays)
    for name, array in loaded.items():
        assert array.flags.c_contiguous and array.dtype.isnative and np.array_equal(array, arrays[name])


def test_the_same_arrays_make_the_same_npz_and_a_failure_leaves_the_old_one(tmp_path, monkeypatch):
    path, arrays = tmp_path / "a.npz", {"w": np.arange(5.0)}
    npz.save(path, arrays)
    before = path.read_bytes()
    npz.save(path, {"w": np.asfortranarray(np.arange(5.0))})
    assert path.read_bytes() == before
    monkeypatch.setattr(os, "replace", lambda *args: (_ for _ in ()).throw(OSError(5, "I/O error")))
    with pytest.raises(OSError):
        npz.save(path, {"w": np.zeros(1)})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.npz"]


def test_npz_goes_into_a_container(tmp_path):
    npz.save(tmp_path / "a.npz", {"w": np.ones((2, 3), np.float32)})
    layers = npz.load(tmp_path / "a.npz")
    assert same(container.loads(container.dumps(layers)), layers)


class Trap:
    def __reduce__(self):
        return os.mkdir, ("a pickle was run",)


def test_objects_are_refused_and_no_pickle_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("trap.npz", w=np.array([Trap()], dtype=object))
    with pytest.raises(CorruptError, match="objects"):
        npz.load("trap.npz")
    with pytest.raises(ArgumentTypeError):
        npz.save("a.npz", {"w": np.array([None])})
    assert os.listdir() == ["trap.npz"]


@pytest.mark.parametrize("arrays, error", [
    ([1], ArgumentTypeError), ({"a": [1.0]}, ArgumentTypeError), ({"a": np.array(["x"])}, ArgumentTypeError),
    ({"a": np.ma.masked_array([1.0])}, ArgumentTypeError), ({1: np.zeros(1)}, ArgumentTypeError),
    ({"": np.zeros(1)}, RefcompressError), ({"a\0": np.zeros(1)}, RefcompressError),
])
def test_what_npz_cannot_hold_is_refused_and_nothing_is_written(tmp_path, arrays, error):
    with pytest.raises(error):
        npz.save(tmp_path / "a.npz", arrays)
    assert os.listdir(tmp_path) == []


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + data


def archive(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members:
            zipped.writestr(name, data)
    return file.getvalue()


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}"


@pytest.mark.parametrize("data", [
    b"", b"PK", archive(("a.txt", b"hello")), archive(("a.npy", b"")), archive(("a.npy", b"\x93NUMPY\3\0\1\0\n")),
    archive(("a.npy", npy(GOOD, bytes(7)))), archive(("a.npy", npy(GOOD, bytes(9)))),
    archive(("a.npy", npy(GOOD.replace("(2,)", "(2**40,)"), bytes(8)))),
    archive(("a.npy", npy(GOOD.replace("(2,)", "(1099511627776, 1099511627776, 0)")))),
    archive(("a.npy", npy(GOOD.replace("(2,)", "(-2,)"), bytes(8)))),
    archive(("a.npy", npy(GOOD.replace("(2,)", "(" * 100)))),
    archive(("a.npy", npy(GOOD.replace("<f4", "|O"), b"8 bytes."))),
    archive(("a.npy", npy(GOOD.replace("'<f4'", "__import__('os').getpid()"), bytes(8)))),
    archive(("a.npy", npy(GOOD.replace("(2,)", f"({'1, ' * 40})")[:117], bytes(4)))),
])
def test_damaged_npz_is_refused_by_name(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(CorruptError):
        npz.load(tmp_path / "a.npz")


def test_a_name_that_comes_twice_is_refused(tmp_path):
    member = npy(GOOD, bytes(8))
    with pytest.warns(UserWarning, match="Duplicate"):
        (tmp_path / "a.npz").write_bytes(archive(("a.npy", member), ("a.npy", member)))
    with pytest.raises(CorruptError, match="name of its own"):
        npz.load(tmp_path / "a.npz")


def test_any_changed_byte_is_refused_by_name_or_harmless(tmp_path):
    data, path = archive(("a.npy", npy(GOOD, bytes(8)))), tmp_path / "a.npz"
    for at in range(len(data)):
        for byte in (0, 255, data[at] ^ 1):
            path.write_bytes(data[:at] + bytes([byte]) + data[at + 1 :])
            try:
                npz.load(path)
            except RefcompressError:
                pass


@given(st.data())
def test_a_changed_archive_has_the_same_arrays_or_is_refused_by_name(folder, data):
    a = np.arange(30, dtype=np.float32).reshape(5, 6)
    member = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 6)}", a.tobytes())
    good, path = archive(("a.npy", member), ("b.npy", npy(GOOD, bytes(8)))), folder / "changed.npz"
    at = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(at, min(len(good), at + 3)))
    path.write_bytes(good[:at] + data.draw(st.binary(max_size=3)) + good[end:])
    try:
        back = models.load(path)
    except RefcompressError:
        return
    assert sorted(array.tobytes() for array in back.values()) == [bytes(8), a.tobytes()]


def test_an_array_is_read_when_it_is_asked_for_and_each_time_anew(tmp_path):
    arrays = {f"{i}": np.full(2**18, i, np.float32) for i in range(8)}
    np.savez(tmp_path / "a.npz", **arrays, half=np.ones(3, np.uint16).view("V2"))
    tracemalloc.start()
    with models.open(tmp_path / "a.npz", bfloat16=True) as source:
        assert tracemalloc.get_traced_memory()[1] < 2**19
        for name, a in arrays.items():
            assert source[name].type == "float32" and source[name].shape == a.shape and source[name].nbytes == a.nbytes
            assert np.array_equal(source[name].read(), a) and source[name].read() is not source[name].read()
        assert source["half"].type == "bfloat16"
        assert source["half"].read() == Plain(np.ones(3, np.uint16), "bfloat16")
        models.save(tmp_path / "b.npz", source)
        peak = tracemalloc.get_traced_memory()[1]
        assert len(source.sha256()) == 64
    tracemalloc.stop()
    assert peak < 3.5 * 2**20
    with np.load(tmp_path / "b.npz") as theirs:  # of the type that NumPy lacks it has the numbers
        assert theirs["half"].dtype == np.float32 and np.array_equal(theirs["7"], arrays["7"])
    with pytest.raises(LimitError, match="'0'"):
        models.open(tmp_path / "a.npz", limit=2**20 - 1)


def test_like_is_refused_where_the_target_has_no_graph(tmp_path):
    for suffix in (".npz", ".safetensors"):
        with pytest.raises(RefcompressError, match="^like: "):
            models.save(tmp_path / f"a{suffix}", {"w": np.ones(1)}, like="b.onnx")
    with pytest.raises(RefcompressError, match="must end in .npz.*written here"):
        models.save(tmp_path / "a.pt", {"w": np.ones(1)})
    assert os.listdir(tmp_path) == []


def test_a_member_that_unpacks_beyond_the_limit_is_not_unpacked(tmp_path):
    (tmp_path / "a.npz").write_bytes(archive(("a.npy", bytes(10**7))))
    with pytest.raises(LimitError):
        npz.load(tmp_path / "a.npz", limit=10**6)


# By suffix.

def test_the_suffix_says_which_importer_reads_and_writes(tmp_path, monkeypatch):
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
    for name in ("a.npz", "b.NPZ", "dir.x/c.d.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        models.save(tmp_path / name, arrays, decoded=name == "a.npz")
        assert same(models.load(tmp_path / name), arrays) and same(npz.load(str(tmp_path / name)), arrays)
        assert models.is_decoded(tmp_path / name) == (name == "a.npz")
    monkeypatch.setitem(models.FILE_TYPES, ".other", "other")
    reader = SimpleNamespace(open=lambda path, limit: (path, limit))
    monkeypatch.setitem(sys.modules, "refcompress.models.other", reader)
    other = tmp_path / "model.other"
    other.write_bytes(b"")
    assert models.open(other, limit=5) == (other, 5)
    assert models.open(os.fsencode(other)) == (os.fsencode(other), container.DEFAULT_LIMIT)


@pytest.mark.parametrize("name", ["model.tflite", "model", ".npz/model", "", ".npz"])
def test_a_suffix_that_none_reads_is_refused(tmp_path, name):
    for call in (lambda: models.load(name), lambda: models.save(name, {}), lambda: models.is_decoded(name)):
        with pytest.raises(RefcompressError, match="must end in .npz") as caught:
            call()
        assert caught.value.argument == "path"


@pytest.mark.parametrize("path", [3, None, "a\0.npz"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(RefcompressError) as caught:
        models.load(path)
    assert caught.value.argument == "path"


@pytest.mark.parametrize("suffix", [suffix for suffix in models.TARGET_TYPES if suffix != ".onnx"])  # see its own test
def test_each_file_type_gives_back_what_it_was_given(tmp_path, suffix):
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b/ä": np.array([-1, 5]), "none": np.zeros((0, 2))}
    path = tmp_path / f"a{suffix}"
    for decoded in (False, True):
        models.save(path, arrays, decoded=decoded)
        back = models.load(path)
        assert list(back) == list(arrays) and same(back, arrays) and models.is_decoded(path) == decoded
    with pytest.raises(LimitError, match="limit"):
        models.load(path, limit=39)


def test_each_importer_has_the_functions():
    for suffix in models.FILE_TYPES:
        module = models.file_type(f"a{suffix}")
        assert hasattr(module, "save") == hasattr(module, "is_decoded") == (suffix in models.TARGET_TYPES)
        assert list(inspect.signature(module.open).parameters)[:2] == ["path", "limit"]
        if suffix in models.TARGET_TYPES:
            given = list(inspect.signature(module.save).parameters)
            assert given[:5] == ["path", "tensors", "metadata", "like", "decoded"]
            assert list(inspect.signature(module.is_decoded).parameters) == ["path"]


def test_each_module_that_opens_files_stands_in_the_table():
    def opens(path):
        body = ast.parse(path.read_text()).body
        return any(isinstance(node, ast.FunctionDef) and node.name == "open" for node in body)

    assert set(models.FILE_TYPES.values()) == {
        path.stem if path.stem != "__init__" else path.parent.name
        for path in Path(models.__file__).parent.rglob("*.py") if opens(path)} - {"models"}
