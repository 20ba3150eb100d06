"""ONNX models: their weights in, and back into the model that they came from.

A model is a graph of operators, in the wire format of Protocol Buffers. What is read here are its tensors: the
initialisers of the graph, those of the graphs inside of it (branches of If, bodies of Loop and Scan), and the tensors
of Constant nodes, which mean the same. The bodies of functions are walked too. ``training_info`` is not.

Read in this order:

- ``graphs.py``: where the tensors stand, and their names
- ``tensor.py``: what a tensor says about itself, and its elements
- ``external.py``: elements in other files
- ``write.py``, ``writer.py``, ``rounding.py``: the same model with other elements
- ``dequantize.py``: integers with scales as DequantizeLinear
"""

from os import PathLike

from ... import arguments
from ...container import DEFAULT_LIMIT
from ...container.files import Opened, opening
from ...errors import RefcompressError
from ..protobuf import Walker
from ..source import Source, Tensor, within
from .external import Folder, OnDemand
from .graphs import model_of, model_without_graphs
from .tensor import elements
from .write import DECODED, save

__all__ = ["is_decoded", "open", "save"]


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the tensors of an ONNX model, none of them read yet.

    Parameters
    ----------
    path : the model; files that hold elements of its tensors must lie in its folder
    limit : the most bytes that a tensor may have

    Returns
    -------
    Source : kind "onnx", in the order of the file. The name of a tensor is its own, that of a Constant is its output's.
        Where two graphs of one model have the same name, the later tensor gets "#2" after it, and so on. ``left_out``
        says of which tensors nothing is read, and why: strings, complex128, sparse initialisers, segments, and types
        that are younger than ONNX 1.23. External tensors of the same bytes have the same ``place``.

    Raises
    ------
    CorruptError : the file is no model, or damaged; a tensor has more or fewer bytes than its shape says; its file is
        missing, or outside of the folder.
    LimitError : beyond the limit, more than 32 dimensions, graphs in graphs beyond the depth 32.
    RefcompressError : not a regular file, or a link that leads out of the folder; OSError as the system says.
    """
    limit = arguments.integer(limit, "limit", 0)
    with opening(path) as opened:
        walker, folder = Walker(opened), Folder(opened.path)
        model = model_of(walker)
        tensors: dict[str, Tensor] = {}
        left_out: dict[str, str] = {}
        for name, found in model.found.items():
            if found.proto is None or found.left_out:
                left_out[name] = found.left_out or ""
                continue
            e = elements(walker, found.proto, name, folder.place)
            place = (e.opened.path, e.start, e.proto.type, e.proto.shape) if isinstance(e.opened, OnDemand) else None
            tensors[name] = within(Tensor(name, e.proto.shape, e.proto.type, e.nbytes, e.read, place), limit)
        return Source("onnx", [opened, *folder.files.values()], tensors, model.metadata, left_out)


def is_decoded(path: str | bytes | PathLike) -> bool:
    """Return whether :func:`save` marked the file at ``path`` as decoded; False for a file that cannot be read."""
    try:
        with Opened(path) as opened:
            return DECODED.items() <= model_without_graphs(Walker(opened))[0].metadata.items()
    except (RefcompressError, OSError):  # not ours, then
        return False
