"""The specification: every operation has its section, every clause that is cited exists, and the examples are true."""

import doctest
import re
import subprocess
from pathlib import Path

import pytest

from refcompress import testing
from refcompress.ops import OPS
from refcompress.testing.clauses import PAGES

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec"
pytestmark = pytest.mark.skipif(not SPEC.is_dir(), reason="the specification is in the source tree")
TEXTS = {path.stem: path.read_text() for path in sorted(SPEC.glob("*.md"))}
PREFIXES = {"README": "GEN", **{page: prefix for prefix, (page, _) in PAGES.items()}}
CLAUSE = re.compile(rf"\b(?:{'|'.join(PREFIXES.values())})-\d+(?:\.\d+)?\b")
DEFINED = re.compile(r"^\*\*([A-Z]+-\d+\.\d+)\*\*", re.MULTILINE)
SECTION = re.compile(r"^## ([A-Z]+-\d+): (.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", TEXTS)
def test_the_examples_of_a_page_are_true(page):
    text = TEXTS[page]
    test = doctest.DocTestParser().get_doctest(text, {}, page, str(SPEC / f"{page}.md"), 0)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test)
    assert test.examples and not runner.failures


@pytest.mark.parametrize("page", TEXTS)
def test_sections_and_clauses_of_a_page_are_numbered_from_one_on(page):
    sections = [number for number, _ in SECTION.findall(TEXTS[page])]
    assert sections == [f"{PREFIXES[page]}-{i}" for i in range(1, len(sections) + 1)]
    clauses = DEFINED.findall(TEXTS[page])
    expected = [f"{section}.{i}" for section in sections
                for i in range(1, 1 + sum(clause.startswith(f"{section}.") for clause in clauses))]
    assert clauses == expected and all(any(c.startswith(f"{s}.") for c in clauses) for s in sections)


def test_every_operation_has_one_section_whose_heading_names_it():
    headings = {}
    for page, text in TEXTS.items():
        for number, title in SECTION.findall(text):
            for op in re.findall(r"`(\w+)`", title):
                assert headings.setdefault(op, number) == number
    assert set(headings) == set(OPS)
    assert {op: testing.clause(op).split(" ")[0] for op in OPS} == headings
    assert all((ROOT / testing.clause(op).split("(")[1].rstrip(")")).is_file() for op in OPS)


def test_every_clause_that_is_cited_exists():
    known = {clause for text in TEXTS.values() for clause in DEFINED.findall(text)}
    known |= {section for text in TEXTS.values() for section, _ in SECTION.findall(text)}
    folders = ("refcompress", "csrc", "tests", "spec", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")
             if path.suffix in (".py", ".c", ".h", ".md", ".mjs")]
    cited = {}
    for path in [*files, *ROOT.glob("*.md")]:
        for clause in CLAUSE.findall(path.read_text(errors="replace")):
            cited.setdefault(clause, path)
    assert {clause: path for clause, path in cited.items() if clause not in known} == {}
    outside = {path.parts[len(ROOT.parts)] for path in files if path.suffix != ".md"
               and CLAUSE.search(path.read_text(errors="replace"))}
    assert {"refcompress", "csrc", "tests"} <= outside  # messages, C and tests cite it


def test_a_disagreement_says_which_clause_it_breaks():
    import numpy as np

    with pytest.raises(AssertionError, match=r"gemm_s8s8: .*\n  GEMM-3 \(spec/gemm\.md\)"):
        testing.assert_agrees("gemm_s8s8", np.int32([[30]]), np.int8([[2, 3]]), np.int8([[5, 7]]))


def test_the_specification_is_in_the_source_distribution():
    assert "recursive-include spec *.md" in (ROOT / "MANIFEST.in").read_text()
    assert subprocess.run(["grep", "-q", "spec/README.md", ROOT / "README.md"]).returncode == 0
