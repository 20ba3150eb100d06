"""What is installed: a wheel says what is in it, and what is not in it is said in one line."""

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from refcompress.training import mnist

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="the tests of the wheel need the source tree")


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Build a wheel where the compiler is not there, all that is written going to ``folder``."""
    command = [
        sys.executable,
        "setup.py",
        "-q",
        "egg_info",
        "--egg-base",
        folder,
        "build",
        "--build-base",
        folder / "build",
        "bdist_wheel",
        "--dist-dir",
        folder,
        "--bdist-dir",
        folder / "wheel",
    ]
    kept = {name: value for name, value in os.environ.items() if name != "REFCOMPRESS_REQUIRE_C"}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, "CC": "/nonexistent/cc", **environment}, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    stale = folder / "build" / "lib" / "refcompress" / "native" / "_kernels.abi3.so"
    for place in (stale, Path(str(stale).replace("/lib/", f"/{platform_folder(folder)}/"))):
        place.parent.mkdir(parents=True)
        place.write_bytes(b"kernels of another build")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def platform_folder(folder: Path) -> str:
    """What setuptools calls the folder of a build with an extension."""
    code = (
        "from setuptools.dist import Distribution; d = Distribution({'ext_modules': [1]}); c = "
        "d.get_command_obj('build'); "
        "c.ensure_finalized(); print(c.build_lib.replace('\\\\', '/').split('/')[-1])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def included(header: Path) -> set[str]:
    return {line.split('"')[1] for line in header.read_text().splitlines() if line.startswith('#include "')}


def test_a_wheel_without_kernels_is_for_every_platform(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        tags = Parser().parsestr(file.read(f"{info}/WHEEL").decode())
    assert wheel.name.endswith("-py3-none-any.whl")
    assert tags.get_all("Tag") == ["py3-none-any"] and tags["Root-Is-Purelib"] == "true"
    assert not [name for name in names if "_kernels" in name or ".data/" in name]
    assert {name.split("/")[0] for name in names} == {"refcompress", info}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "refcompress").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}
    headers = {"refcompress.h", *included(ROOT / "csrc" / "refcompress.h")}
    assert {f"{path.parent.name}/api.h" for path in ROOT.glob("csrc/*/api.h")} < headers
    assert {name for name in names if name.endswith(".h")} == {f"refcompress/include/{name}" for name in headers}


def test_who_must_have_the_kernels_gets_no_wheel_without_them(tmp_path):
    done = build(tmp_path, REFCOMPRESS_REQUIRE_C="1")
    assert done.returncode != 0 and not list(tmp_path.glob("*.whl"))


def test_pytest_finds_the_plugin_where_the_wheel_is_installed(wheel):
    with zipfile.ZipFile(wheel) as file:
        (points,) = (file.read(name).decode() for name in file.namelist() if name.endswith("/entry_points.txt"))
    assert "[pytest11]\nrefcompress = refcompress.pytest_plugin" in points


def test_the_licence_and_the_authors_are_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as file:
        info = next(name for name in file.namelist() if name.endswith("/METADATA")).removesuffix("METADATA")
        data = Parser().parsestr(file.read(info + "METADATA").decode())
        assert file.read(f"{info}licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert data["License-Expression"] == "BSD-3-Clause" and data["Author"] == "The refcompress developers"
    assert (
        "The refcompress developers" in (ROOT / "LICENSE").read_text()
        and "BSD 3-Clause" in (ROOT / "LICENSE").read_text()
    )
    assert "CC BY-SA 3.0" in (ROOT / "data" / "mnist" / "LICENSE").read_text()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs the command line out of the unpacked wheel, in an empty folder."""
    place, folder = tmp_path_factory.mktemp("site-packages"), tmp_path_factory.mktemp("elsewhere")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(place)

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "refcompress", *map(str, arguments)],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(place)},
        )
        assert "Traceback" not in done.stderr
        return done

    return run


SMALL = ROOT / "results" / "deep_compression" / "lenet_300_100-smallest.rcz"
GIVEN = ["--order", "fc1,fc2,fc3", "--activation", "relu"]  # for a file without a graph


@pytest.mark.parametrize("arguments", [["demo"], ["evaluate", SMALL, *GIVEN]], ids=lambda a: a[0])
def test_without_the_data_the_commands_say_in_one_line_where_they_are_and_how_to_give_them(installed, arguments):
    done = installed(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert (
        done.stderr.startswith("refcompress: data/mnist: ")
        and done.stderr.count("\n") == 1
        and "--data DIRECTORY" in done.stderr
    )


def test_evaluate_runs_out_of_the_wheel_with_the_data_that_it_is_given(installed):
    """Those of a source tree where it is called are found as well: test_mnist."""
    done = installed("evaluate", SMALL, *GIVEN, "--data", mnist.DIRECTORY)
    assert done.returncode == 0 and all(
        words in " ".join(done.stdout.split()) for words in ("test 10,000 ", "decoded by reference")
    )


def test_include_prints_the_folder_of_the_header_that_came_with_the_wheel(installed):
    done = installed("include")
    folder = Path(done.stdout.strip())
    assert done.returncode == 0 and folder.parts[-2:] == ("refcompress", "include")
    assert (folder / "refcompress.h").read_bytes() == (ROOT / "csrc" / "refcompress.h").read_bytes()


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_the_headers_of_the_wheel_compile_on_their_own(installed, tmp_path):
    source = ROOT / "examples" / "kernels" / "mine.c"
    folder = installed("include").stdout.strip()
    done = subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{folder}", source],
                          cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_doctor_says_that_there_are_no_kernels_and_the_cure(installed):
    done = installed("doctor")
    assert done.returncode == 0 and all(
        word in " ".join(done.stdout.split()) for word in ("not built", "install gcc or clang")
    )
