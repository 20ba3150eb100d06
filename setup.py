"""What pyproject.toml cannot say: the C extension, and one abi3 wheel for every CPython from 3.11 on."""

from setuptools import setup

setup(
    cffi_modules=["refcompress/native/_build.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
