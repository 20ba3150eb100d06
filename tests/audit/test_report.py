"""The page says what the file holds, leaves nothing to load from elsewhere, and takes hostile names and numbers."""

import re
import sys
import tracemalloc
from html.parser import HTMLParser

import numpy as np
import pytest

from refcompress import models
from refcompress.audit.derive.stored import Integers, Stored
from refcompress.audit.report import facts, file_facts, page
from refcompress.audit.report.break_even import break_even
from refcompress.audit.report.distributions import of_codes, of_values
from refcompress.audit.report.pictures import bar, plain, spread
from refcompress.cli import main
from refcompress.errors import MissingExtra
from refcompress.formats import GGMLBlocks
from refcompress.reference import ggml_encode

VOID = {"meta", "br", "wbr", "rect", "path"}


class Reader(HTMLParser):
    """The tags of a page, of which each that opens must close, and its texts."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        text = " ".join(data.split())
        if self.tags and self.tags[-1] == ("wbr", {}) and self.texts:  # a name goes on behind it
            self.tags.append(("text", {}))
            text = self.texts.pop() + text
        self.texts.append(text)


def saved(tmp_path, tensors, name="m.safetensors"):
    path = tmp_path / name
    models.save(path, tensors)
    return path


def weights(seed=0):
    rng = np.random.default_rng(seed)
    w = {f"layer{i}.weight": rng.standard_normal((64, 32)).astype(np.float32) for i in range(3)}
    w["layer1.weight"][np.abs(w["layer1.weight"]) < 1] = 0
    return {**w, "layer0.bias": np.zeros(64, np.float32), "count": np.array(7, np.int64)}


def read(path, *rest, **options) -> tuple[str, Reader]:
    text = page(facts(path, *rest, timing=False, **options))
    return text, Reader(text)


def test_bytes_on_the_page_add_up_to_the_file(tmp_path):
    path = saved(tmp_path, weights())
    found = facts(path, timing=False)
    assert sum(found.kinds.values()) == path.stat().st_size == found.size
    assert sum(w.nbytes for w in found.weights) + sum(found.rest.values()) == found.size
    text, _ = read(path)
    rows = re.findall(r'</span>([a-z ]+)</td><td class="n">([0-9,]+)</td>', text)
    assert {kind: int(size.replace(",", "")) for kind, size in rows} == found.kinds


def test_a_page_asks_for_nothing_from_elsewhere(tmp_path):
    text, reader = read(saved(tmp_path, weights()))
    assert not re.search(r"https?:|url\(|@import", text)
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "img", "iframe", "object", "a"}
    assert not [name for _, attributes in reader.tags for name in attributes if name in ("src", "href", "srcset")]


def test_each_picture_has_an_alternative_text(tmp_path):
    _, reader = read(saved(tmp_path, weights()))
    pictures = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(pictures) == 1 + 5 + 4  # the whole, each tensor, and the spread of those of more than one number
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)


def test_names_are_shown_and_not_obeyed(tmp_path):
    name = "<script>alert(1)</script>\"' onload=x &amp;"
    text, reader = read(saved(tmp_path, {name: np.ones((4, 4), np.float32)}))
    assert "script" not in {tag for tag, _ in reader.tags} and name in "".join(reader.texts)
    assert any(name in attributes.get("aria-label", "") for _, attributes in reader.tags)


@pytest.mark.parametrize("array", [
    np.full((3, 3), np.nan, np.float32), np.array([[np.inf, -np.inf, 1]], np.float32), np.zeros((0, 5), np.float32),
    np.zeros((4, 4), np.float32), np.full((2, 2), 3e38, np.float32), np.full(5, -1e-45, np.float32), np.arange(6) > 2,
    np.array([-(2.0**1023), 2.0**1023]), np.float32(3), np.array([1 + 2j], np.complex64)])
def test_a_page_takes_numbers_of_every_kind(tmp_path, array):
    text, _ = read(saved(tmp_path, {"x": array}, "m.npz"))
    assert not re.search(r'(?:[" HhVMv]|>)(?:nan|-?inf)\b', text)


def test_a_file_without_tensors_has_a_page(tmp_path):
    text, _ = read(saved(tmp_path, {}))
    assert "0 tensors" in text


def test_a_page_on_thousands_of_tensors_stays_below_a_megabyte_and_says_what_it_left_out(tmp_path):
    path = saved(tmp_path, {f"blocks.{i:05}.attention.projection.weight": np.ones((2, 3), np.float32)
                            for i in range(3000)})
    text, _ = read(path)
    assert len(text) < 1_000_000 and "2,850 smaller tensors" in text


def q4_0(a: np.ndarray) -> GGMLBlocks:
    return ggml_encode(a, "Q4_0")


def test_a_page_with_a_source_names_the_tensor_that_was_altered(tmp_path):
    w = {name: a for name, a in weights().items() if a.ndim == 2}
    source, blocks = saved(tmp_path, w), {name: q4_0(a) for name, a in w.items()}
    path = saved(tmp_path, blocks, "m.gguf")
    text, _ = read(path, source)
    assert "Each number is made by the rule, bit for bit." in text and "within one step" not in text
    data = np.array(blocks["layer2.weight"].data)
    data[3, 7] ^= 1
    saved(tmp_path, {**blocks, "layer2.weight": GGMLBlocks(data, "Q4_0", (64, 32))}, "m.gguf")
    text, reader = read(path, source)
    assert "the rule gives 1 of 2,048 codes otherwise" in text and "1 not nearest" in text
    assert reader.texts.count("layer2.weight") == 4  # its row, its verdict, its picture, its zeros


def test_the_error_on_a_page_is_that_of_the_numbers(tmp_path):
    w = {"a": weights()["layer0.weight"]}
    found = facts(saved(tmp_path, {"a": q4_0(w["a"])}, "m.gguf"), saved(tmp_path, w), timing=False)
    difference = q4_0(w["a"]).dense().astype(np.float64) - w["a"]
    assert found.weights[0].error == np.sqrt(np.square(difference).sum() / np.square(w["a"].astype(np.float64)).sum())


def test_zeros_are_counted_and_dense_tensors_are_not_listed_for_them(tmp_path):
    path = saved(tmp_path, weights())
    found = {w.name: w for w in facts(path, timing=False).weights}
    assert found["layer1.weight"].zeros == np.count_nonzero(weights()["layer1.weight"] == 0)
    text, _ = read(path)
    zeros = text[text.index("<h2>Zeros</h2>"):]
    assert "layer1.weight" in zeros and "layer0.weight" not in zeros


def test_a_page_without_timing_is_the_same_each_time(tmp_path):
    path = saved(tmp_path, weights())
    assert read(path)[0] == read(path)[0]


def stored(ranks, levels=None, **more):
    ranks, levels = np.array(ranks), levels or Integers(-2, 1)
    return Stored("w", "test", ranks.shape, {"codes": ranks}, ranks, levels, np.array([0.5]), (), **more)


def test_codes_are_counted_by_level_and_weights_by_place():
    of = of_codes(stored([0, 1, 1, 3]), np.array([-1.0, -0.5, -0.25, 9.0], np.float32))
    assert of.levels == (-2, -1, 0, 1) and of.counts == (1, 2, 0, 1) and of.unused == 1
    assert sum(of.bins) == 3 and of.outside == 1


@pytest.mark.parametrize("values, outside", [([1.0, np.nan, np.inf], 2), ([5.0], 0), ([-(2.0**1023), 2.0, 3.0], 1)])
def test_numbers_that_are_not_finite_lie_beyond_a_picture(values, outside):
    of = of_values(np.array(values))
    assert of.outside == outside and sum(of.bins) == len(values) - outside
    assert of_values(np.array([np.nan])) is None


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [1.0, 0.0])
def test_numbers_that_are_nearly_the_same_have_a_picture(kind, value):
    close = np.array([value, np.nextafter(kind(value), kind(2))], kind)
    of = of_values(close)
    assert sum(of.bins) == 2 and of.outside == 0 and of.low < of.high


def test_the_parts_of_a_bar_fill_it():
    widths = re.findall(r'width="([0-9.]+)" height', bar({"values": 3, "scales": 1, "names": 4}, 8, "label"))
    assert sum(map(float, widths)) == 360
    assert "rect" not in bar({}, 0, "no bytes")


def test_a_page_counts_numbers_that_are_not_finite(tmp_path):
    w = weights()
    w["layer2.weight"].flat[:3] = np.nan, np.inf, -np.inf
    text = read(saved(tmp_path, w))[0]
    assert "3 numbers are NaN or infinite, in 1 tensor" in text


def test_a_line_is_as_high_as_the_root_of_how_often_a_level_is():
    heights = re.findall(r"V([0-9.]+)", spread(of_codes(stored([0] * 16 + [1] * 4 + [2]), None), "label"))
    assert [round((114 - float(each)) / 106, 2) for each in heights] == [1, 0.5, 0.25]


@pytest.mark.filterwarnings("error")
def test_scales_that_are_not_finite_are_no_warning(tmp_path):
    blocks = np.zeros((1, 144), np.uint8)
    blocks[0, :4] = 0x00, 0x7C, 0x00, 0x7C  # both scales are infinite, and their multipliers 0
    path = saved(tmp_path, {"k": GGMLBlocks(blocks, "Q4_K", (1, 256)), "large": np.array([1e300])}, "m.gguf")
    facts(path, timing=False)
    facts(path, path, timing=False)


def test_numbers_are_written_plainly():
    assert [plain(x) for x in (0.0, -0.5, 12.3456, 999.9, 54321.0, 1e300, 2e-7)] == [
        "0", "-0.5", "12.3", "1000", "54,300", "1e+300", "2e-07"]


def test_a_break_even_lies_between_none_and_all():
    found = break_even((48, 80), 3)
    assert found.shape == (48, 80) and found.columns == 3 and 0 <= found.density <= 1


def test_the_page_on_a_paper_lists_its_contradictions_and_no_others(tmp_path, capsys):
    out = tmp_path / "p.html"
    assert main(["audit", "--network", "LeNet-300-100", "-o", str(out)]) == 0
    assert "2 contradict their own rows" in capsys.readouterr().out
    text = out.read_text()
    assert Reader(text).texts.count("consistent") == 11 and text.count("<li><strong>") == 2
    assert main(["audit", "--file", "x.net", "-o", str(out), "--force"]) == 2


def test_without_jinja2_the_page_names_the_extra(tmp_path, monkeypatch):
    found = facts(saved(tmp_path, weights()), timing=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"refcompress\[report\]"):
        page(found)


def test_the_command_writes_a_page_and_keeps_other_files(tmp_path, capsys):
    path, out = saved(tmp_path, weights()), tmp_path / "r.html"
    assert main(["report", str(path), "-o", str(out), "--no-timing"]) == 0
    assert out.read_text().startswith("<!DOCTYPE html>") and "a page on 5 tensors" in capsys.readouterr().out
    other = tmp_path / "mine.html"
    other.write_text("mine")
    capsys.readouterr()
    assert main(["report", str(path), "-o", str(other)]) == 2 and other.read_text() == "mine"
    assert "mine.html: is there already; --force replaces it" in capsys.readouterr().err
    assert main(["report", str(path), "--source", str(other), "-o", str(out), "--force"]) == 2
    assert capsys.readouterr().err.startswith(f"refcompress: {other}: must end in ")
    assert main(["report", str(path), "-o", str(tmp_path / "r.txt")]) == 2
    assert main(["report", str(tmp_path / "none.npz"), "-o", str(out), "--force"]) == 2
    assert "none.npz" in capsys.readouterr().err and out.read_text().startswith("<!DOCTYPE html>")


def test_a_large_tensor_is_looked_at_in_parts(tmp_path):
    """In float64 all numbers at once took six times the tensor."""
    relative = file_facts._relative
    large = np.random.default_rng(0).standard_normal((1 << 11, 1 << 11), dtype=np.float32)
    file, other = saved(tmp_path, {"w": large}), large + np.float32(0.5)
    tracemalloc.start()
    weight = facts(file, timing=False).weights[0]
    assert tracemalloc.get_traced_memory()[1] < 2 * large.nbytes  # beside ``large``, which was there before
    tracemalloc.reset_peak()
    error = relative(large, other)
    assert tracemalloc.get_traced_memory()[1] < large.nbytes
    tracemalloc.stop()
    assert sum(weight.distribution.bins) == large.size and weight.distribution.outside == 0
    wide = other.astype(np.float64)
    expected = np.sqrt(np.square(large - wide).sum() / np.square(wide).sum())
    # Two sums of squares in float64, in any order: each is off by gamma of n + 2 roundings; a quotient, whose root
    # halves that; and all this twice.
    assert abs(error - expected) <= 2 * (large.size + 4) * 2**-53 * expected
