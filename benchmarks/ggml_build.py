"""Build ggml's shared libraries for the peers: ``python -m benchmarks.ggml_build`` (a download of 75 MB, five minutes).

The wheels that bring ggml (xllamacpp, pywhispercpp) are built for AVX2. So the source that the package llama-cpp-python
brings is built as that package builds it, for this processor, and once more for AVX2 alone. It needs cmake and a C++
compiler.
"""

import subprocess
import sys
import tarfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "build" / "ggml"
PACKAGE = "llama-cpp-python==0.3.36"
LEVELS = {
    "native": ["-DGGML_NATIVE=ON"],
    "avx2": ["-DGGML_NATIVE=OFF", *(f"-DGGML_{name}=ON" for name in ("AVX", "AVX2", "FMA", "F16C", "BMI2"))],
}
OPTIONS = ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DGGML_LLAMAFILE=ON", "-DGGML_OPENMP=OFF",
           "-DGGML_BUILD_TESTS=OFF", "-DGGML_BUILD_EXAMPLES=OFF"]


def archive() -> Path:
    """Return the package's source, which is downloaded where it is not there."""
    name = f"{PACKAGE.replace('-', '_').replace('==', '-')}.tar.gz"
    if not (FOLDER / name).exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                        "--no-binary", ":all:", "-d", str(FOLDER), PACKAGE], check=True)
    return FOLDER / name


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive()) as packed:
        members = [m for m in packed if "/vendor/llama.cpp/ggml/" in m.name and "/ggml-cuda/" not in m.name]
        packed.extractall(FOLDER / "source", members, filter="data")
    source = next((FOLDER / "source").glob("*/vendor/llama.cpp/ggml"))
    (source / "ggml.pc.in").touch()  # the package leaves it out, its own build does not install it
    for level, flags in LEVELS.items():
        build = ["cmake", "-S", str(source), "-B", str(FOLDER / level), *OPTIONS, *flags]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", str(FOLDER / level), "-j"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
