"""The laws of the house that a machine can check: what is imported, in which direction, and what may never be
called."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import refcompress

PACKAGE = Path(refcompress.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Rooms from the ground up (DEPARTURES and README say the same): a room may import from its own and from those before
# it.
ROOMS = [
    {"errors", "constants", "widths"},
    {"arguments", "array_arguments"},
    {"formats"},
    {"reference", "agreement"},
    {"ops"},
    {"products"},
    {"container", "ledger", "models"},
    {"native"},
    {"graph"},
    {"checkpoints"},
    {"training"},
    {"recipes"},
    {"testing"},
    {"labs"},
    {"pytest_plugin"},
    {"audit"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, room in enumerate(ROOMS) for name in room}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path):
    """Yield (line, room) for each import of this package in a file, wherever in the file it stands."""
    inside = ["refcompress", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = inside[: len(inside) - node.level + 1] + (node.module.split(".") if node.module else [])
            for name in node.names:
                full = [*base, name.name]
                if len(full) > 1 and full[1] in LEVEL:
                    yield node.lineno, full[1]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            for parts in (module.split(".") for module in modules):
                if parts[0] == "refcompress" and len(parts) > 1 and parts[1] in LEVEL:
                    yield node.lineno, parts[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    room = room_of(path)
    if room == "__init__":
        return  # the door: it hands out the names of the rooms, and is imported by none of them
    assert room in LEVEL, f"{path} is in no room of the plan"
    for line, other in imported_rooms(path):
        assert LEVEL[other] <= LEVEL[room], f"{path}:{line} ({room}) imports {other}, which comes after it"


@pytest.mark.parametrize("door", [path for path in FILES if path.name == "__init__.py"],
                         ids=lambda door: str(door.relative_to(PACKAGE).parent))
def test_no_package_hides_a_module_behind_another_thing_of_its_name(door):
    modules = {path.stem for path in door.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    names = set()
    for node in ast.parse(door.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and (node.level != 1 or node.module):  # from . import x is the module x
            names |= {alias.asname or alias.name for alias in node.names}
    assert not names & modules, "import of the module would find the other thing"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_runs_data_as_code(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile"), f"{path}:{node.lineno} calls {node.func.id}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            stored = {"pickle", "shelve", "marshal"} & {name.split(".")[0] for name in names}
            # The two ends of one pipe between a process and its child.
            assert not stored or path.name in ("apart.py", "child.py"), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_number_that_was_checked_is_the_one_that_is_used(path):
    """The checks return Python's own numbers; a NumPy scalar that is used in spite of its check may overflow in
    silence."""
    if room_of(path) == "cli":
        return  # whose numbers are argparse's
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
        ):
            function = node.value.func
            if isinstance(function.value, ast.Name) and function.value.id == "arguments":
                assert function.attr not in ("integer", "real", "boolean"), (
                    f"{path}:{node.lineno} drops what it checked"
                )


def test_importing_refcompress_loads_numpy_and_the_standard_library_only():
    code = (
        "import sys; import numpy; before = set(sys.modules); import refcompress; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "refcompress" in loaded
    assert loaded - set(sys.stdlib_module_names) - {"numpy", "refcompress"} == set()


def test_each_public_operation_has_a_docstring_with_its_source():
    from refcompress import ops

    for name in ops.OPS:
        doc = getattr(refcompress, name).__doc__
        for word in ("Source", "Departs", ">>>"):
            assert word in doc, f"{name}'s docstring has no {word!r}"
