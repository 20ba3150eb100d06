"""What pyproject.toml cannot say: the C extension, its header, and one abi3 wheel for every CPython from 3.11 on."""

from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py


class Python(build_py):
    """The package, and csrc/refcompress.h beside it with its parts: whoever writes a kernel of their own compiles
    against that.

    An editable install has the header where it is.
    """

    def run(self):
        super().run()
        if not self.editable_mode:
            lines = Path("csrc", "refcompress.h").read_text().splitlines()
            parts = [line.split('"')[1] for line in lines if line.startswith('#include "')]
            for header in ("refcompress.h", *parts):
                target = Path(self.build_lib, "refcompress", "include", header)
                self.mkpath(str(target.parent))
                self.copy_file(f"csrc/{header}", str(target))


class Wheel(bdist_wheel):
    """A wheel for this platform if the kernels were built, and otherwise one for every platform: it holds Python
    alone."""

    def run(self):
        kernels = Path(self.get_finalized_command("build").build_lib, "refcompress", "native")
        for old in kernels.glob("_kernels.*"):  # of another build, which a build that fails would leave there
            old.unlink()
        self.run_command("build")
        if not any(kernels.glob("_kernels.*")):
            self.distribution.ext_modules = []
            self.root_is_pure = True
        super().run()


setup(
    cffi_modules=["refcompress/native/_build.py:ffibuilder"],
    cmdclass={"bdist_wheel": Wheel, "build_py": Python},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
