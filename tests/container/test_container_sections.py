"""Sections and the index: one entry is read without the others, files are written entry by entry (lies: test_index.py).
"""

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from container_examples import vector
from container_strategies import NAMES, layer_maps, same
from file_mutations import entries_of
from hypothesis import given, settings
from hypothesis import strategies as st
from implementations import need_native

from refcompress import (
    ArgumentTypeError,
    CorruptError,
    LimitError,
    RefcompressError,
    Shared,
    UnsupportedVersionError,
    container,
    quantize_pack,
    quantize_s8,
)
from refcompress.container import index
from refcompress.container.cursor import Coding
from refcompress.ledger import outlines_and_ledger

native = need_native()
F32 = np.float32
SECTION = index.SECTION


def several() -> dict:
    """Return layers in four sections: two entries of one each, and short ones before and between."""
    rng = np.random.default_rng(0)
    large = {name: rng.integers(-90, 90, 140_000).astype(np.int8) for name in ("large", "larger")}
    w = Shared(rng.integers(0, 9, (40, 30)).astype(np.uint8), np.arange(9, dtype=F32))
    return {"bias": np.arange(9.0), "w": w, "large": large["large"], "scale": np.ones(3), "larger": large["larger"],
            "tied": w, "tied large": large["large"]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.rcz"


# Where sections are cut.

@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([2, 9, SECTION // 2, SECTION - 1, SECTION, SECTION + 1, 3 * SECTION]), max_size=9))
def test_a_section_closes_at_65536_bytes_and_a_larger_entry_is_one_of_its_own(sizes):
    cut = index.sections(sizes)
    assert [n for s in cut for n in range(s.first, s.last)] == list(range(len(sizes)))  # every entry, in order
    assert all(s.size == sum(sizes[s.first : s.last]) for s in cut)
    assert [s.start for s in cut] == [9 + sum(sizes[: s.first]) for s in cut]
    for s, after in zip(cut, [*cut[1:], None]):
        held = sizes[s.first : s.last]
        assert len(held) == 1 or max(held) < SECTION and sum(held[:-1]) < SECTION
        assert sum(held) >= SECTION or after is None or sizes[after.first] >= SECTION


@pytest.mark.parametrize("sizes, count", [
    ([SECTION - 1], 1), ([SECTION], 1), ([SECTION - 1, 20_000], 1), ([20_000, SECTION - 20_001, 20_000], 1),
    ([20_000, SECTION - 20_000, 20_000], 2), ([20_000, SECTION, 20_000], 3), ([SECTION, SECTION], 2), ([], 0),
])
def test_files_around_the_boundary_have_a_digest_a_section_and_are_read_whole_and_entry_by_entry(path, sizes, count):
    layers = {str(n): vector(size, n) for n, size in enumerate(sizes)}
    container.save(path, layers)
    data = path.read_bytes()
    found = index.read(container.files.Held(data), 2**32, Coding(native))[0]
    assert list(found.sizes.values()) == sizes and len(found.digests) == count
    assert same(container.loads(data), layers) and container.reencode(data) == data
    with container.open(path) as file:
        assert same(dict(file), layers) and list(file) == list(layers)


# One entry without the others.

@settings(deadline=None, max_examples=40)
@given(layer_maps(), st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_an_open_file_gives_each_layer_and_what_it_says_of_the_file(tmp_path_factory, layers, metadata):
    path = tmp_path_factory.getbasetemp() / "open.rcz"
    container.save(path, layers, metadata=metadata)
    with container.open(path) as file:
        assert list(file) == list(layers) and len(file) == len(layers)
        assert all(same({name: file[name]}, {name: layers[name]}) for name in reversed(list(layers)))
        assert file.metadata == metadata == container.metadata_of(path.read_bytes())
        parts = entries_of(path.read_bytes())
        assert {name: file.entry_bytes(name) for name in file} == {name: len(part) for name, part in parts.items()}
        whole = container.read(path.read_bytes())[1]
        assert {name: file.same_as(name) for name in file} == {
            name: list(layers)[same] if same != number else None
            for number, (name, same) in enumerate(zip(layers, whole.same))}
        said = outlines_and_ledger(path.read_bytes())[0]
        assert {name: file.outline(name) for name in file} == said
        with pytest.raises(KeyError):
            file["x" * 13]


def test_a_flipped_bit_is_refused_in_its_own_section_and_does_not_disturb_the_others(path):
    layers = several()
    container.save(path, layers)
    good = path.read_bytes()
    cut = index.sections(map(len, entries_of(good).values()))
    assert len(cut) == 5
    for section in cut:
        damaged = bytearray(good)
        damaged[section.start + section.size // 2] ^= 4
        path.write_bytes(damaged)
        held = list(layers)[section.first : section.last]
        with container.open(path) as file:
            for name in layers:
                if name in held or file.same_as(name) in held if name not in held else True:
                    with pytest.raises(CorruptError, match=f"the checksum of entr.*{held[0]}.* does not match"):
                        file[name]
                else:
                    assert same({name: file[name]}, {name: layers[name]})
        with pytest.raises(CorruptError, match="does not match"):
            container.load(path)


def test_only_the_section_of_an_entry_is_read_and_short_sections_are_read_once(path, monkeypatch):
    container.save(path, several())
    with container.open(path) as file:
        asked, read = [], container.files.Opened.read
        monkeypatch.setattr(container.files.Opened, "read", lambda self, start, count: (
            asked.append(count), read(self, start, count))[1])
        file["large"], file["large"]
        assert asked == [file.entry_bytes("large")] * 2
        del asked[:]
        file["bias"], file["w"], file["bias"]
        assert len(asked) == 1 and asked[0] < 1000


def test_threads_may_ask_one_open_file(path):
    layers = several() | {f"n{n}": np.full(40_000, n, np.int8) for n in range(8)}
    container.save(path, layers)
    with container.open(path, implementation=native) as file, ThreadPoolExecutor(8) as pool:
        names = list(layers) * 20
        assert all(same({name: value}, {name: layers[name]}) for name, value in zip(names, pool.map(file.get, names)))


def test_the_limit_is_on_what_one_access_decodes(path):
    container.save(path, {"a": np.zeros(2000), "b": np.ones(2000)})
    with container.open(path, limit=16_000) as file:
        assert len(file["a"]) == len(file["b"]) == 2000
    with pytest.raises(LimitError):
        container.load(path, limit=31_999)
    with container.open(path, limit=15_999) as file, pytest.raises(LimitError, match="entry 'a' brings"):
        file["a"]
    container.save(path, {"a": np.zeros(40_000)})
    with container.open(path, limit=300_000) as file, pytest.raises(LimitError, match="320006 bytes, the limit"):
        file["a"]  # which is not even read


@pytest.mark.parametrize("version", [1, 2])
def test_older_files_are_opened_too(path, version):
    layers = dict(sorted(several().items()))
    path.write_bytes(container.write(layers, Coding(native, version)))
    with container.open(path, implementation=native) as file:
        assert same(dict(file), layers) and file.metadata == {} and file.version == version
        assert file.same_as("tied") is None if version == 1 else file.same_as("w") == "tied"
        assert file.entry_bytes("scale") == 4 + 24 and file.outline("scale") == ("array, float64", (3,), 24, "float64")
    with pytest.raises(LimitError):
        container.open(path, limit=1000)


def test_a_file_that_is_cut_off_while_it_is_open_is_refused(path):
    container.save(path, several())
    with container.open(path) as file:
        os.truncate(path, 150_000)
        with pytest.raises(CorruptError, match="changed while it was read"):
            file["larger"]


# Entry by entry.

@settings(deadline=None, max_examples=40)
@given(layer_maps(), st.dictionaries(NAMES, NAMES, max_size=3), st.data())
def test_a_writer_writes_what_dumps_returns_to_the_byte(tmp_path_factory, layers, metadata, data):
    path = tmp_path_factory.getbasetemp() / "written.rcz"
    contexts = [name for name in layers if data.draw(st.booleans())]
    with container.Writer(path, metadata=metadata) as file:
        for name, layer in layers.items():
            if data.draw(st.booleans()):
                file.add(name, layer, contexts=name in contexts)
            else:
                part = container.entry_bytes(layer, contexts=name in contexts)
                assert same({name: container.layer_of(part)}, {name: layer})
                assert same({name: container.layer_of(part, own=True)}, {name: layer})  # what was written just now
                file.add_entry(name, part)
    assert path.read_bytes() == container.dumps(layers, contexts=contexts, metadata=metadata)
    container.save(path, layers, contexts=contexts, metadata=metadata)
    assert path.read_bytes() == container.dumps(layers, contexts=contexts, metadata=metadata)


def test_entries_of_the_same_bytes_are_one_however_they_are_written(path):
    layers = several()
    with container.Writer(path, implementation=native) as file:
        for name, layer in layers.items():
            file.add(name, layer)
    parts = entries_of(path.read_bytes())
    assert parts["tied"] == b"\x0a\1" and parts["tied large"] == b"\x0a\2"
    back = container.load(path)
    assert back["tied"] is back["w"] and back["tied large"] is not back["large"]


def test_a_writer_that_fails_leaves_the_old_file(path):
    container.save(path, {"old": np.ones(2)})
    before = path.read_bytes()
    for fail in (lambda file: file.add("a", [1.0]), lambda file: file.add("b", np.zeros(1)),
                 lambda file: file.add_entry("c", b"\x0a\0"), lambda file: file.add_entry("c", b"\xff\0"),
                 lambda file: file.add_entry("c", b"\0"), lambda file: file.add_entry("c", "text"),
                 lambda file: file.add("", np.zeros(1)), lambda file: file.add("c", np.zeros(1), contexts="c")):
        with pytest.raises(RefcompressError), container.Writer(path) as file:
            file.add("b", vector(70_000))
            fail(file)
        assert path.read_bytes() == before and os.listdir(path.parent) == ["model.rcz"]
    with pytest.raises(RefcompressError, match="with statement"):
        file.add("late", np.zeros(1))
    with pytest.raises(RefcompressError, match="with statement"):
        container.Writer(path).add("early", np.zeros(1))


def test_a_refused_entry_may_be_passed_over_and_a_broken_write_may_not(path, monkeypatch):
    with container.Writer(path) as file:
        file.add("a", np.ones(2))
        with pytest.raises(ArgumentTypeError, match=r"layers\['b'\].value"):
            file.add("b", [1.0])
        file.add("c", np.ones(3))
    assert path.read_bytes() == container.dumps({"a": np.ones(2), "c": np.ones(3)})
    before = path.read_bytes()
    with pytest.raises(RefcompressError, match="a part of an entry alone"), container.Writer(path) as file:
        write = file._frame._write
        file._frame._write = lambda data: (write(data[:3]), 1 / 0)
        with pytest.raises(ZeroDivisionError):
            file.add("a", np.ones(2))
        file._frame._write = write
        file.add("b", np.ones(2))
    assert path.read_bytes() == before and os.listdir(path.parent) == ["model.rcz"]


def test_bytes_of_an_entry_are_checked_as_those_of_a_file():
    part = container.entry_bytes(quantize_s8(np.random.default_rng(0).standard_normal((9, 30)).astype(F32)))
    for bad, error in ((part[:-1], CorruptError), (part + b"\0", CorruptError), (b"", CorruptError),
                       (b"\x0a\0", CorruptError), (b"\xff\0", UnsupportedVersionError), (5, ArgumentTypeError)):
        with pytest.raises(error):
            container.layer_of(bad)
    with pytest.raises(LimitError):
        container.layer_of(part, limit=200)


# Metadata.

@pytest.mark.parametrize("bad, error", [
    ([("a", "b")], ArgumentTypeError), ("text", ArgumentTypeError), ({1: "b"}, ArgumentTypeError),
    ({"a": 1}, ArgumentTypeError), ({"a": None}, ArgumentTypeError), ({"": "b"}, RefcompressError),
    ({"a\0": "b"}, RefcompressError), ({"e\u0301": "b"}, RefcompressError), ({"a": "\ud800"}, RefcompressError),
    ({"x" * 4097: "b"}, LimitError),
])
def test_metadata_that_a_file_cannot_hold_is_refused_before_anything_is_written(path, bad, error):
    for act in (lambda: container.dumps({}, metadata=bad), lambda: container.save(path, {}, metadata=bad),
                lambda: container.Writer(path, metadata=bad)):
        with pytest.raises(error, match="^metadata") as caught:
            act()
        assert type(caught.value) is error and not path.exists()


def test_the_order_of_metadata_leaves_no_trace_and_any_text_is_a_value():
    pairs = {"b": "x" * 70_000, "a": "", "\u00e9": "e\u0301\0\n"}
    data = container.dumps({"w": np.ones(2)}, metadata=pairs)
    assert data == container.dumps({"w": np.ones(2)}, metadata=dict(reversed(pairs.items())))
    assert container.metadata_of(data) == pairs and list(container.metadata_of(data)) == sorted(pairs)
    assert container.reencode(data) == data


def large_layers() -> dict:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((1000, 2000)).astype(F32)
    codes = np.where(rng.random(w.shape) < 0.2, rng.integers(1, 32, w.shape), 0).astype(np.uint8)
    return {
        "int8": quantize_s8(w, axis=0), "affine": quantize_s8(w + 1, axis=0, scheme="affine"),
        "int4": quantize_pack(quantize_s8(w, bits=4, group=64), bits=4),
        "shared": Shared(codes, np.arange(32, dtype=F32)), "array": w,
    }


def test_writing_and_reading_entry_by_entry_takes_at_most_twice_the_largest_tensor(path):
    layers = large_layers()
    peaks = {}

    def peak_of(act) -> float:
        tracemalloc.start()
        try:
            act()
            return tracemalloc.get_traced_memory()[1] / layers["array"].nbytes
        finally:
            tracemalloc.stop()

    for name, layer in layers.items():
        def write(name=name, layer=layer):
            with container.Writer(path, implementation=native) as file:
                for n in range(3):
                    file.add(f"{name} {n}", layer)

        def read():
            with container.open(path, implementation=native) as file:
                for key in file:
                    file[key]

        write()  # what is made once
        peaks[name] = peak_of(write), peak_of(read)
    print(f"\n{peaks}")
    blocks = 3_000_000 / layers["array"].nbytes  # what is worked on at a time
    assert all(write < 1.5 + blocks and read < 2 + blocks for write, read in peaks.values())
    assert peaks["array"][0] < 1.1  # the entry alone: one copy of the array's bytes
