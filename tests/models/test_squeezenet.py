"""The published SqueezeNet file: read to its last byte, re-encoded in fewer bytes, run from the container."""

import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import refcompress as rc
from refcompress import CorruptError, LimitError, RefcompressError
from refcompress.cli import main
from refcompress.models import squeezenet
from refcompress.recipes.published import audit_of_layers

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "songhan" / "compressed_SqueezeNet.net"
SHA256 = "e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261"
published = pytest.mark.skipif(
    not FILE.exists(),
    reason="the published SqueezeNet file is not part of the project: it is looked for in ../shared/data/songhan",
)


@pytest.fixture(scope="module")
def layers():
    data = FILE.read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256
    return squeezenet.read(data)


def by_the_text(data):
    """The weights by the layout's description, one entry at a time."""
    counts, at, weights = np.frombuffer(data, "<u4", 26), 104, {}
    for (name, shape), count in zip(squeezenet.SHAPES.items(), counts):
        codebook = np.frombuffer(data, "<f4", 256, at)
        at += 1024 + 4 * shape[0]
        codes, gaps = data[at : at + count], data[at + count : at + count + (count + 1) // 2]
        at += count + (count + 1) // 2
        w, place = np.zeros(int(np.prod(shape)), np.float32), -1
        for i, code in enumerate(codes):
            place += (gaps[i // 2] >> 4 * (i % 2) & 15) + 1
            w[place] = codebook[code]
        weights[name] = w.reshape(shape)
    assert at == len(data)
    return weights


@published
def test_every_weight_has_the_bits_of_the_file(layers):
    expected = by_the_text(FILE.read_bytes())
    assert sum(np.count_nonzero(w) for w in expected.values()) == 422_083 - 6_162
    for name, w in expected.items():
        assert np.array_equal(layers[f"{name}.weight"].dense().view(np.uint32), w.view(np.uint32))


@published
def test_the_published_file_becomes_a_smaller_one_with_the_same_bits_that_runs(tmp_path, layers):
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    result = rc.compress(FILE, "lossless", target=tmp_path / "small.rcz", implementation=native)
    assert result.after < 543_000 and "65 nodes" in result.network and result.before == 4_993_696
    back = rc.load(result.path, implementation=native)
    assert back.pop("graph") == squeezenet.graph() and list(back) == list(layers)
    for name, value in layers.items():
        mine, other = (v if isinstance(v, np.ndarray) else v.dense() for v in (value, back[name]))
        assert rc.same(mine, other)
    model = rc.load_model(result.path, implementation=native)
    images = np.random.default_rng(0).standard_normal((1, 3, 227, 227)).astype(np.float32) * 50
    scores = model(images, implementation=native)
    assert scores.shape == (1, 1000) and np.isfinite(scores).all() and np.ptp(scores) > 0


def forward(layers, x):
    """SqueezeNet 1.0 in float64, by hand: images (n, 227, 227, 3) to 1000 scores."""
    def conv(x, name, stride=1, pad=0):
        w, bias = layers[f"{name}.weight"].astype(np.float64), layers[f"{name}.bias"]
        m, c, h, width = w.shape
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (h, width), (1, 2))[:, ::stride, ::stride]
        y = windows.reshape(-1, c * h * width) @ w.reshape(m, -1).T + bias
        return np.maximum(y, 0).reshape(*windows.shape[:3], m)

    def pool(x):
        rows, columns = -(-(x.shape[1] - 3) // 2) + 1, -(-(x.shape[2] - 3) // 2) + 1  # as Caffe: the last may be cut
        x = np.pad(x, ((0, 0), (0, 2), (0, 2), (0, 0)), constant_values=-np.inf)
        return np.max(
            [x[:, r : r + 2 * rows - 1 : 2, s : s + 2 * columns - 1 : 2] for r in range(3) for s in range(3)], axis=0
        )

    x = pool(conv(x, "conv1", stride=2))
    for number in range(2, 10):
        x = conv(x, f"fire{number}/conv1x1_1")
        x = np.concatenate([conv(x, f"fire{number}/conv1x1_2"), conv(x, f"fire{number}/conv3x3_2", pad=1)], axis=-1)
        if number in (4, 8):
            x = pool(x)
    return conv(x, "conv_final").mean(axis=(1, 2))


def test_the_graph_is_squeezenet():
    """Two weights of 1 or -1 an output: all sums are integers below 2**24, which no order of a sum rounds."""
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    rng, layers = np.random.default_rng(0), {}
    for name, shape in squeezenet.SHAPES.items():
        w = np.zeros((shape[0], int(np.prod(shape[1:]))), np.float32)
        for row in w:
            row[rng.choice(len(row), 2, replace=False)] = rng.choice([-1, 1], 2)
        layers[f"{name}.weight"], layers[f"{name}.bias"] = w.reshape(shape), rng.integers(-1, 3, shape[0]).astype("f4")
    images = rng.integers(0, 9, (1, 3, 227, 227)).astype(np.float32)
    scores = rc.Model(squeezenet.graph(), layers)(images, implementation=native)
    expected = forward(layers, images.transpose(0, 2, 3, 1))
    assert np.ptp(expected) > 0 and expected.max() * 169 < 2**24
    assert np.array_equal(scores, expected.astype(np.float32))


def example():
    rng = np.random.default_rng(0)
    counts, body = [], b""
    for shape in squeezenet.SHAPES.values():
        count = min(11, int(np.prod(shape)))
        codebook = rng.standard_normal(256).astype("<f4")
        codebook[0] = 0
        counts.append(count)
        body += codebook.tobytes() + rng.standard_normal(shape[0]).astype("<f4").tobytes()
        body += rng.integers(0, 256, count).astype(np.uint8).tobytes() + bytes(-(-count // 2))
    return np.array(counts, "<u4").tobytes() + body


def test_a_made_up_file_is_read_as_the_text_says():
    data = example()
    layers = squeezenet.read(data)
    for name, w in by_the_text(data).items():
        assert np.array_equal(layers[f"{name}.weight"].dense(), w)


NAMES = list(squeezenet.SHAPES)


def layer_starts(data) -> dict[str, int]:
    """Where each layer's codebook begins."""
    starts, at = {}, 4 * len(NAMES)
    for name, count in zip(NAMES, np.frombuffer(data, "<u4", len(NAMES)).tolist()):
        starts[name] = at
        at += 1024 + 4 * squeezenet.SHAPES[name][0] + count + -(-count // 2)
    return starts


def with_bytes(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def with_entries(codes, gaps):
    """The example with these entries in fire2's first layer, of 1,536 weights."""
    data, name = example(), "fire2/conv1x1_1"
    at = layer_starts(data)[name] + 1024 + 4 * squeezenet.SHAPES[name][0]
    old = int(np.frombuffer(data, "<u4", len(NAMES))[1])
    data = (
        data[:at]
        + bytes(codes)
        + bytes(a | b << 4 for a, b in zip(gaps[::2], [*gaps[1::2], 0]))
        + data[at + old + -(-old // 2) :]
    )
    return with_bytes(data, 4, len(codes).to_bytes(4, "little"))


def test_the_last_entry_may_be_at_the_last_weight_and_not_behind_it():
    gaps = [15] * 96  # 16 places each: the last entry is at 1,535
    w = squeezenet.read(with_entries([7] * 96, gaps))["fire2/conv1x1_1.weight"].dense()
    assert w.reshape(-1)[-1] != 0 and np.count_nonzero(w) == 96
    with pytest.raises(CorruptError, match="entry at 1536, beyond its 1536 weights"):
        squeezenet.read(with_entries([7] * 97, gaps + [0]))
    with pytest.raises(CorruptError, match="1537 entries for 1536 weights"):
        squeezenet.read(with_entries([7] * 1537, [0] * 1537))


@pytest.mark.parametrize("name", NAMES[::5])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_with_its_layer_used_or_not(name, value):
    data = example()
    start = layer_starts(data)[name]
    for what, at in (("codebook", start + 4), ("codebook", start + 1020), ("bias", start + 1024)):
        with pytest.raises(CorruptError, match=f"{name}'s {what} has a value that is not finite"):
            squeezenet.read(with_bytes(data, at, np.float32(value).tobytes()))


def test_every_cut_is_refused_with_the_part_that_is_missing():
    """Where a size is not held against the bytes that are left, NumPy's slices end early in silence."""
    data = example()
    for name, start in layer_starts(data).items():
        bias = start + 1024
        for at, what in (
            (start, "codebook"),
            (start + 1023, "codebook"),
            (bias, "bias"),
            (bias + 4 * squeezenet.SHAPES[name][0], "codes"),
        ):
            left = at - {"codebook": start, "bias": bias, "codes": at}[what]
            with pytest.raises(CorruptError, match=f"of {name}'s {what} are announced at byte .*, {left} are left"):
                squeezenet.read(data[:at])
    for size in range(0, 104, 7):
        with pytest.raises(CorruptError, match=f"104 bytes of counts are announced at byte 0, {size} are left"):
            squeezenet.read(data[:size])


def test_a_pipe_a_folder_and_a_file_beyond_the_limit_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RefcompressError, match="regular file"):
        squeezenet.load(tmp_path / "pipe")
    with pytest.raises((RefcompressError, IsADirectoryError)):
        squeezenet.load(tmp_path)
    data = example()
    (tmp_path / "a.net").write_bytes(data)
    assert squeezenet.load(tmp_path / "a.net", limit=len(data)).keys() == squeezenet.read(data).keys()
    with pytest.raises(LimitError, match=f"the limit is {len(data) - 1}"):
        squeezenet.load(tmp_path / "a.net", limit=len(data) - 1)


@pytest.mark.parametrize("change, rule", [
    (lambda d: b"", "announced"), (lambda d: d[:-1], "announced"), (lambda d: d + b"\0", "left after"),
    (lambda d: b"\xff" * 4 + d[4:], "announced"), (lambda d: d[:104] + b"\0\0\x80?" + d[108:], "begin with 0.0"),
    (lambda d: d[:4] + b"\0\0\0\1" + d[8:], "announced"),
])
def test_what_is_no_such_file_is_refused(change, rule):
    with pytest.raises(CorruptError, match=rule):
        squeezenet.read(change(example()))


def test_the_audit_holds_the_file_beside_its_paper_and_ours_beside_it(tmp_path, capsys):
    (tmp_path / "a.net").write_bytes(example())
    assert main(["audit", "--file", str(tmp_path / "a.net"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [f["verdict"] for f in report["findings"]] == ["CONTRADICTION: not what the file holds"] * 2 + [
        "consistent", "CONTRADICTION: not what the file holds"]
    assert report["bytes"]["float32"] == 4_993_696 and report["bytes"]["published"] == len(example())
    assert report["bytes"]["ours"] < len(example())


@published
def test_the_published_file_becomes_as_small_as_the_readme_says(tmp_path):
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    said = re.search(r"([0-9,]+) bytes\) becomes ([0-9,]+)\nbytes", readme)
    assert main(["compress", str(FILE), str(tmp_path / "a.rcz"), "--preset", "lossless", "--quiet"]) == 0
    sizes = (FILE.stat().st_size, (tmp_path / "a.rcz").stat().st_size)
    assert [int(size.replace(",", "")) for size in said.groups()] == list(sizes)


@published
def test_the_published_file_is_what_the_paper_says(layers):
    found = audit_of_layers(layers, FILE.stat().st_size)
    assert len(found) == 4 and all(f.verdict == "consistent" for f in found)
