"""The published SqueezeNet file: read to its last byte, re-encoded bit for bit in fewer bytes, run from the container."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from refcompress import CorruptError, Shared, container
from refcompress.ledger import ledger
from refcompress.models import squeezenet

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "songhan" / "compressed_SqueezeNet.net"
SHA256 = "e4ab6960ae8cd81505e1c2136921201507e930966c53deaf15862a395b3a3261"
published = pytest.mark.skipif(not FILE.exists(), reason="the published SqueezeNet file is not part of the project: it is "
                                                         "looked for in ../shared/data/songhan")


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
def test_our_file_has_the_same_weights_in_fewer_bytes_than_the_best_of_the_published_kind(layers):
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    sizes = []
    for contexts in (False, True):
        data = container.dumps(layers, implementation=native, contexts=contexts)
        back = container.loads(data, implementation=native)
        for name, value in layers.items():
            mine, other = (v.dense() if isinstance(v, Shared) else v for v in (value, back[name]))
            assert np.array_equal(mine.view(np.uint32), other.view(np.uint32))
        assert ledger(data, implementation=native).size == len(data)
        sizes.append(len(data))
    assert sizes[0] < 550_000 and sizes[1] < 542_468


@published
def test_the_network_runs_from_the_container(layers):
    native = pytest.importorskip("refcompress.native", exc_type=ImportError, reason="the C kernels are not built")
    back = container.loads(container.dumps(layers, implementation=native), implementation=native)
    images = np.random.default_rng(0).standard_normal((2, 227, 227, 3)).astype(np.float32) * 50
    scores = squeezenet.forward(back, images)
    dense = {name: v.dense() if isinstance(v, Shared) else v for name, v in layers.items()}
    assert scores.shape == (2, 1000) and np.isfinite(scores).all() and np.ptp(scores) > 0
    assert np.array_equal(scores, squeezenet.forward(dense, images))


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


@pytest.mark.parametrize("change, rule", [
    (lambda d: b"", "announced"), (lambda d: d[:-1], "announced"), (lambda d: d + b"\0", "left after"),
    (lambda d: b"\xff" * 4 + d[4:], "announced"), (lambda d: d[:104] + b"\0\0\x80?" + d[108:], "begin with 0.0"),
    (lambda d: d[:4] + b"\0\0\0\1" + d[8:], "announced|beyond"),
])
def test_what_is_no_such_file_is_refused(change, rule):
    with pytest.raises(CorruptError, match=rule):
        squeezenet.read(change(example()))
