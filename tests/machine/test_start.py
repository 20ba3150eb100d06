"""The command line while it starts and ends: Ctrl-C is one line and exit code 130 there too; the public names come
when asked for."""

import re
import subprocess
import sys

import numpy as np
import pytest

import refcompress
from refcompress import checkpoints, cli, errors, formats, graph, products, reference

CHILD = """
import atexit, importlib.abc, os, signal, sys
signal.signal(signal.SIGINT, {handler})

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)

class AtImport(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *rest):
        if name == {moment!r}:
            ctrl_c()

sys.meta_path.insert(0, AtImport())
if {moment!r} == "the end":
    atexit.register(ctrl_c)
sys.argv = ["refcompress", "doctor"]
{start}
"""
STARTS = {
    "python -m refcompress": "import runpy; runpy.run_module('refcompress', run_name='__main__', alter_sys=True)",
    "refcompress": "from refcompress.__main__ import main; sys.exit(main())",
}


def started(start, moment, handler="signal.default_int_handler"):
    code = CHILD.format(start=STARTS[start], moment=moment, handler=handler)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "moment",
    [
        "numpy",
        "numpy._core.multiarray",
        "datetime",
        "refcompress.cli",
        "refcompress.reference.csr",
        "refcompress.cli.doctor",
        "refcompress.native._kernels",
        "the end",
    ],
)
def test_ctrl_c_while_the_command_starts_or_ends_is_one_line_and_exit_code_130(start, moment):
    done = started(start, moment)
    assert done.returncode == 130, done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("refcompress: interrupted")


@pytest.mark.parametrize("start", STARTS)
def test_a_signal_that_is_ignored_stays_ignored(start):
    done = started(start, "numpy", "signal.SIG_IGN")
    assert done.returncode == 0 and done.stderr == "" and "versions" in done.stdout


def test_the_command_is_the_one_that_answers():
    import importlib.metadata

    (entry,) = [e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "refcompress"]
    assert entry.value == "refcompress.__main__:main"


def test_the_public_names_are_there_without_being_asked_for_and_no_others():
    assert set(refcompress.__all__) <= set(dir(refcompress)) and "csr_matmul" in refcompress.__all__
    for name in refcompress.__all__:
        assert getattr(refcompress, name) is next(
            getattr(room, name) for room in (formats, reference, products, checkpoints, graph, errors)
            if hasattr(room, name)
        )
    assert set(reference.__all__) < set(refcompress.__all__)
    assert refcompress.container is sys.modules["refcompress.container"]
    for name in ("nothing", "np", "__nothing__"):
        with pytest.raises(AttributeError, match=name):
            getattr(refcompress, name)


def test_nothing_that_takes_time_is_loaded_before_a_name_is_asked_for():
    code = (
        "import sys, refcompress; early = 'numpy' in sys.modules; names = {}; exec('from refcompress import *', "
        "names); "
        "sys.exit(early or names['csr_matmul'] is not refcompress.reference.csr_matmul)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


LOADED = """
import contextlib, io, sys
from refcompress.cli import main

with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(sys.argv[1:])
print(*[name for name in sys.modules if name.startswith(("refcompress", "numpy", "concurrent", "multiprocessing"))])
"""


def loaded(*words):
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_command_loads_what_it_needs(tmp_path):
    path = tmp_path / "a.rcz"
    checkpoints.save(path, {"a": np.arange(3.0, dtype=np.float32)})
    assert not [name for name in loaded("--version") if name.startswith("numpy") or name.count(".") > 2]
    for command in (["inspect", str(path)], ["compress", str(tmp_path / "missing.npz"), "--dry-run"]):
        others = ("training", "recipes", "testing", "multiprocessing", "cli.demo")
        names = loaded(*command)
        assert not [name for name in names if name.removeprefix("refcompress.").startswith(others)]
    assert not [name for name in loaded("inspect", str(path)) if name.startswith((
        "refcompress.native", "refcompress.agreement", "refcompress.models", "refcompress.reference.quantize"))]


def commands_of(first):
    return re.findall(r"^    (\w+)", cli.parser_for(first).format_help(), re.MULTILINE)


def test_each_command_is_in_the_module_that_the_table_names():
    assert commands_of("") == commands_of("help") == list(cli.COMMANDS)
    for name in cli.COMMANDS:
        assert name in commands_of(name)


def test_families_are_loaded_by_a_name_of_theirs():
    code = (
        "import sys; from refcompress import reference as r; r.csr_matmul; r.requantize_s32; "
        "names = {n.split('.')[2] for n in sys.modules if n.startswith('refcompress.reference.')}; "
        "assert 'csr' in names and 'quantize' in names and not {'lowrank', 'gemm', 'rangecoder'} & names, names; "
        "r.Trace; r.__all__"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
