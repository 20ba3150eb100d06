"""A model written again with other weights: everything else keeps its bytes.

The weights go to a file without a name first, one by one, because a message begins with its length. Then the lengths
are known, and the model is copied with the weights in their places.
"""

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike

from ...container import files
from ...errors import LimitError, RefcompressError
from ..elements import bits_of
from ..mapping import from_mapping
from ..protobuf import Walker
from ..protobuf_edit import Spool, edited, write_edited
from .external import Folder
from .graphs import Model, model_of
from .writer import Beside, Writer

DECODED = "refcompress.decoded"  # the key of the mark in metadata_props
MAX_MODEL = 2**31 - 1  # bytes that the readers of Protocol Buffers take


def save(path: str | bytes | PathLike, tensors: Mapping, *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the model ``like`` with other weights: the whole new file or, with an exception, the old one.

    A tensor keeps its name, type and shape. Every byte that holds no weight stays as it is, and a model with its own
    weights is the same file, if it holds them all in raw_data. Weights that lay in other files are written into the
    model, and those files are not read. Where the model would reach 2 GiB with all of its weights in it, tensors of
    1 KiB and more go to the file ``path`` + ".data", and both files are needed.

    A Quantized or Packed becomes an integer tensor, its scales and a node DequantizeLinear, if these are smaller than
    the weights and the weights are float32. Integers of at most 4 bits are int4 from opset 21 on, else int8. The opset
    is raised, to 13 or 21, if that makes a tensor smaller, and only where all nodes keep their meaning (a table of
    operators says so; it begins with opset 11). What has no such form (scales along two axes, an input of the graph,
    the body of a function) is written as plain weights, with a warning. The weights that the nodes make are those of
    ``dense`` bit for bit. What is computed with them is up to who runs the model: onnxruntime rounds the inputs of such
    a product to int8, unless its session has session.qdq_matmulnbits_accuracy_level = 0.

    Parameters
    ----------
    path : the file to write or to replace
    tensors : name -> Tensor, or whatever :func:`from_mapping` takes: each that ``open`` finds in ``like``, and no
        other. One is in memory at a time.
    metadata : words to put into the metadata of the model, in place of those of the same key
    like : the model that the tensors came from
    decoded : whether to mark the file as made from a compressed one, which could make it again (see :func:`is_decoded`)

    Raises
    ------
    RefcompressError : no ``like``; other names or shapes than in ``like``; a value that the type does not have.
    LimitError : the new model would have 2 GiB or more, without its larger tensors; no reader takes that.
    """
    if like is None:
        raise RefcompressError("like", "must be the ONNX model that the weights came from (--like MODEL.onnx): weights "
                                       "alone are no ONNX model")
    tensors = from_mapping(tensors)
    target = files.target_of(path)[0]
    folder = os.path.dirname(target)
    with files.Opened(like) as opened, Spool(folder) as spool, files.writing(target) as out:
        walker = Walker(opened)
        model = model_of(walker, values=True)
        with beside(target, model, opened) as other_file:
            writer = Writer(walker, model, spool, other_file)
            writer.check_names(tensors)
            for name in tensors:
                writer.replace(name, tensors[name].read())
            writer.finish({**(metadata or {}), **({DECODED: "true"} if decoded else {})})
            edits, size = edited(writer.edits, opened.size)
            if size > MAX_MODEL:
                raise LimitError("path", f"the model would have {size} bytes without its larger tensors, and no reader "
                                         f"of ONNX takes more than {MAX_MODEL}; write .safetensors instead")
            write_edited(walker, edits, spool, out)
    if writer.plain:
        name, why = next(iter(writer.plain.items()))
        warnings.warn(f"{len(writer.plain)} quantized tensors are written as plain weights; the first is {name!r}: "
                      f"{why}", stacklevel=2)


@contextmanager
def beside(target: str, model: Model, opened: files.Opened) -> Iterator[Beside | None]:
    """Give the file beside a model that has no place for all of its weights; None for a smaller one.

    It takes its name before the model does. The power may fail between the two: then the weights are new and the model
    is the old one.
    """
    read = [found.proto for found in model.found.values() if found.proto is not None and not found.left_out]
    inside = sum(-(-math.prod(p.shape) * bits_of(p.type) // 8) for p in read if p.raw is None)
    if opened.size + inside <= MAX_MODEL:
        yield None
        return
    path, folder = f"{target}.data", Folder(opened.path).path
    for p in read:
        if p.is_external and os.path.realpath(os.path.join(folder, p.external.get("location", ""))) == path:
            raise RefcompressError("path", f"{path!r} holds tensors of the model {opened.path!r}, and would be "
                                           "written over; write to another name")
    with files.writing(path) as out:
        yield Beside(out, os.path.basename(path))
