"""Other libraries under the names of our operations, in a few lines each: what they compute can be checked.

``operations(name)`` returns the functions of a library by operation, and ``FAILURES`` of its file says which checks
(:mod:`..conforming`) it is expected to fail, and why: most reasons are what the library itself states. A library is
imported when its functions are asked for. `python -m tests.outside.conformance` runs all that are installed.
"""

from collections.abc import Callable
from importlib import import_module

from ... import arguments
from ...errors import MissingExtra

__all__ = ["LIBRARIES", "failures", "operations"]

LIBRARIES = {"scipy": "scipy", "torch": "torch", "onnxruntime": "onnxruntime", "openvino": "openvino", "gguf": "gguf",
             "numkong": "numkong"}


def operations(name: str) -> dict[str, Callable]:
    """Return the operations of a library, by their names: functions that take our arguments and return our results."""
    return _file(name).operations()


def failures(name: str, op: str) -> dict[str, str]:
    """Return by the name of a check the reason why the operation of a library is expected to fail it."""
    return dict(_file(name).FAILURES.get(op, {}))


def _file(name: str):
    arguments.choice(name, "name", LIBRARIES)
    try:
        import_module(LIBRARIES[name])
    except ImportError as error:
        raise MissingExtra(name, f"cannot be imported: {error}; pip install {name}") from None
    return import_module(f"{__name__}.{name}")


NO_REFUSALS = "it refuses in its own words, or takes what it gets"
