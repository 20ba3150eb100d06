"""The lesson on a network of one's own keeps its promise before anybody runs it: 30 lines, and what they import."""

import ast
import importlib
import re
from pathlib import Path

LESSON = (Path(__file__).resolve().parents[2] / "docs" / "lessons" / "own_network.md").read_text()
PATH, = re.findall(r"```\{code-cell\} ipython3\n:tags: \[thirty-lines\]\n(.*?)\n```", LESSON, re.DOTALL)


def test_the_whole_path_is_30_lines_of_code_at_most():
    code = [line for line in PATH.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert 20 < len(code) <= 30
    assert max(map(len, code)) <= 120


def test_what_it_imports_is_there():
    names = [(node.module, alias.name) for node in ast.walk(ast.parse(PATH)) if isinstance(node, ast.ImportFrom)
             for alias in node.names if node.module.startswith("refcompress")]
    assert len(names) > 5
    for module, name in names:
        assert hasattr(importlib.import_module(module), name), f"{module}.{name}"
