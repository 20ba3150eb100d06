"""The verdict on the check: its page is that of the catalogue, and so is that of the campaign over right kernels."""

import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from experiments import blameless, kernel_log, verdict  # noqa: E402
from experiments.verdict_files import files_of  # noqa: E402
from experiments.verdict_page import page  # noqa: E402
from refcompress.testing.catalogue import KERNELS  # noqa: E402

KERNEL = next(k for k in KERNELS if k.op == "csr_to_dense" and k.wrong)


STALE = "the catalogue has changed since the page was written: run make verdict"
of_page = pytest.mark.skipif(not verdict.PAGE.exists(), reason="make verdict has not been run: there is no page")


def _page() -> str:
    return verdict.PAGE.read_text()


@of_page
def test_the_page_has_a_row_for_each_kernel_of_the_catalogue():
    rows = [tuple(re.split(r" \| ", line.strip("| "))[:3]) for line in _page().split("## All kernels")[1].splitlines()
            if line.startswith("|")][2:]
    assert rows == [(k.op, k.kind, k.name) for k in KERNELS], STALE


@of_page
@pytest.mark.parametrize("word, side", [("wrong", True), ("right", False)])
def test_the_page_counts_the_kernels_of_the_catalogue_and_none_is_missed_or_blamed(word, side):
    row = re.search(rf"^\| {word} \| (\d+) \| (\d+) \| (\d+) (found|passed) \| (\d+) ", _page(), re.MULTILINE)
    assert row is not None
    count, absent, good, _, bad = row.groups()
    assert int(count) == sum(k.wrong is side for k in KERNELS), STALE
    assert (int(bad), int(good)) == (0, int(count) - int(absent))


def test_a_page_says_what_was_missed_and_what_was_blamed():
    right = next(k for k in KERNELS if not k.wrong)
    text = page([KERNEL, right], [verdict.Answer("passed", 1.0, 9), verdict.Answer("found", 2.0, reason="why")])
    assert "| wrong | 1 | 0 | 0 found | 1 missed |" in text and "| right | 1 | 0 | 0 passed | 1 blamed |" in text
    assert f"- {KERNEL.op}, {KERNEL.name} ({KERNEL.kind}): passed." in text and "why" in text


def test_a_page_names_the_programs_that_do_not_show_what_was_found():
    text = page([KERNEL], [verdict.Answer("found", 1.0, elements=3, runs=False)])
    assert "0 of 1 show it" in text
    assert f"do not show what was found\n\n- {KERNEL.op}, {KERNEL.name} ({KERNEL.kind}). {KERNEL.story}\n" in text


@pytest.mark.parametrize("function, blamed", [(None, 0), (lambda x, w, *, x_zero_point=0: x @ w.T, 1)])
def test_a_campaign_over_right_kernels_says_how_many_cases_there_were_and_what_was_blamed(
        function, blamed, tmp_path, monkeypatch):
    right = next(k for k in KERNELS if k.op == "gemm_s8s8" and not k.wrong and not k.needs)
    other = replace(right, name="another", function=function or right.function)
    monkeypatch.setattr(blameless, "KERNELS", [right, other])
    monkeypatch.setattr(blameless, "EXAMPLES", 5)
    monkeypatch.setattr(blameless, "PAGE", tmp_path / "page")
    monkeypatch.setattr(blameless, "LOG", tmp_path / "log")
    assert blameless.main(["--cases", "900", "--jobs", "2"]) == blamed
    text = (tmp_path / "page").read_text()
    assert "- kernels: 2 of 2" in text and "- seeds: 1\n" in text and f"- blamed: {blamed}\n" in text
    cases = int(re.search(r"- cases: ([\d,]+)", text).group(1).replace(",", ""))
    assert cases >= 900 and (("gemm_s8s8, another: found. " in text) is bool(blamed))
    assert f"of which {10 - 5 * blamed} searched" in text


def test_a_campaign_that_was_ended_goes_on_where_it_was(tmp_path, monkeypatch):
    right = next(k for k in KERNELS if k.op == "gemm_s8s8" and not k.wrong and not k.needs)
    monkeypatch.setattr(blameless, "KERNELS", [right])
    monkeypatch.setattr(blameless, "PAGE", tmp_path / "page")
    monkeypatch.setattr(blameless, "LOG", tmp_path / "log")
    asked = []

    def answer(kernel, examples, seed):
        asked.append(seed)
        return verdict.Answer("passed", 1.0, 100, searched=90)

    monkeypatch.setattr(blameless, "answer_apart", answer)
    assert blameless.main(["--cases", "200", "--seconds", "0"]) == 1  # nothing was begun
    kernel_log.Log(blameless.LOG, [right], files_of).add(right, asdict(answer(right, 0, 0)), 0)
    assert blameless.main(["--cases", "200"]) == 0 and asked == [0, 1]
    text = blameless.PAGE.read_text()
    assert "- seeds: 2\n" in text and "cases: 200, of which 180 searched" in text
    assert not blameless.LOG.exists()
