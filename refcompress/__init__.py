"""refcompress: every algorithm of neural-network compression written once to be read and once to be fast.

The names here are the NumPy functions of :mod:`refcompress.reference`, the frozen formats, the errors, and
``same``, which compares arrays and formats to the last bit. The C kernels are asked for by name: ``from refcompress
import native``.

NumPy and the rooms are loaded by the first name that is asked for (PEP 562), and not by ``import refcompress``: that
takes time, and the command line answers Ctrl-C from its first line on.
"""

from importlib import import_module
from importlib.util import find_spec

from .errors import *  # noqa: F403

__version__ = "0.1.0"

CHECKPOINTS = ("Recipe", "Rule", "compress", "decompress", "load", "load_model", "open", "rebuild", "save",
               "save_model")  # of whole models
NETWORKS = ("Builder", "Model", "draw")  # of graph


def __getattr__(name: str):
    """Return a room (refcompress.container), or the public name ``name``, which brings all of them."""
    if name.startswith("__") and name != "__all__":  # what Python asks each module for
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in CHECKPOINTS + NETWORKS and find_spec(f"{__name__}.{name}"):
        return import_module(f"{__name__}.{name}")
    public = globals()
    if "__all__" not in public:
        formats, reference, errors = (
            import_module(f"{__name__}.{room}") for room in ("formats", "reference", "errors")
        )
        classes = {each: value for each, value in vars(formats).items()
                   if isinstance(value, type) and issubclass(value, formats.Format) and value is not formats.Format}
        public.update({**classes, **{each: getattr(reference, each) for each in reference.__all__}})
        public["same"] = formats.same
        public["matmul"] = import_module(f"{__name__}.products").matmul
        refusals = [each for each in vars(errors) if each[0] != "_"]
        models = [each for each in CHECKPOINTS if each != "open"]  # import * keeps Python's own
        public["__all__"] = sorted(["matmul", "same", *classes, *reference.__all__, *models, *NETWORKS, *refusals])
    if name in CHECKPOINTS:
        public[name] = getattr(import_module(f"{__name__}.checkpoints"), name)
    if name in NETWORKS:
        public[name] = getattr(import_module(f"{__name__}.graph"), name)
    if name in public:
        return public[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__getattr__("__all__"), *globals()})
