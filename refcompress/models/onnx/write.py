"""A model written again with other weights: everything else keeps its bytes.

The weights go to a file without a name first, one by one, because a message begins with its length. Then the lengths
are known, and the model is copied with the weights in their places.
"""

import os
import warnings
from collections.abc import Iterable, Mapping
from os import PathLike

import numpy as np

from ...constants import LARGEST
from ...container import files
from ...errors import ArgumentTypeError, LimitError, RefcompressError
from ...formats import Packed, Plain, Quantized, is_array_format
from ...reference import floats_encode
from .. import protobuf
from ..elements import bits_of, packed
from ..mapping import from_mapping
from ..protobuf import Walker
from ..protobuf_edit import Edit, Piece, Spool, edited, write_edited
from . import dequantize
from .graphs import Found, Model, model_of
from .tensor import DATA_TYPE, DIMS, EXTERNAL, LOCATION, NAME, NUMBERS, RAW, WIRES, elements

DECODED = "refcompress.decoded"  # the key of the mark in metadata_props
MAX_MODEL = 2**31 - 1  # bytes that the readers of Protocol Buffers take
INITIALIZER, NODE, METADATA = 5, 1, 14  # fields of a graph, and of a model
IR_OF_NARROW = 10  # the version of the file format that knows int4
ROUNDED_STEP = 2**20  # numbers rounded at a time
IR_OF_INITIALIZERS = 4  # from it on an initialiser need not be an input


def save(path: str | bytes | PathLike, tensors: Mapping, *, metadata: Mapping[str, str] | None = None,
         like: str | bytes | PathLike | None = None, decoded: bool = False) -> None:
    """Write the model ``like`` with other weights: the whole new file or, with an exception, the old one.

    A tensor keeps its name, type and shape. Every byte that holds no weight stays as it is, and a model with its own
    weights is the same file, if it holds them all in raw_data. Weights that lay in other files are written into the
    model: ``path`` is whole without any. The files of ``like`` beside it are not read.

    A Quantized or Packed becomes an integer tensor, its scales and a node DequantizeLinear, if these are smaller than
    the weights and the weights are float32. Integers of at most 4 bits are int4 from opset 21 on, else int8. The opset
    is raised, to 13 or 21, if that makes a tensor smaller, and only where all nodes keep their meaning (a table of
    operators says so; it begins with opset 11). What has no such form (scales along two axes, an input of the graph,
    the body of a function) is written as plain weights, with a warning.

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
    LimitError : the new file would have 2 GiB or more, which no reader takes.
    """
    if like is None:
        raise RefcompressError("like", "must be the ONNX model that the weights came from (--like MODEL.onnx): weights "
                                       "alone are no ONNX model")
    tensors = from_mapping(tensors)
    folder = os.path.dirname(files.target_of(path)[0])
    with files.Opened(like) as opened, Spool(folder) as spool:
        walker = Walker(opened)
        writer = Writer(walker, model_of(walker), spool)
        writer.check_names(tensors)
        for name in tensors:
            writer.replace(name, tensors[name].read())
        writer.finish({**(metadata or {}), **({DECODED: "true"} if decoded else {})})
        edits, size = edited(writer.edits, opened.size)
        if size > MAX_MODEL:
            raise LimitError("path", f"the model would have {size} bytes, and no reader of ONNX takes more than "
                                     f"{MAX_MODEL}; write .safetensors instead")
        with files.writing(path) as out:
            write_edited(walker, edits, spool, out)
    if writer.plain:
        name, why = next(iter(writer.plain.items()))
        warnings.warn(f"{len(writer.plain)} quantized tensors are written as plain weights; the first is {name!r}: "
                      f"{why}", stacklevel=2)


class Writer:
    """Collects the edits of a model. plain : name -> why it is not written as integers."""

    def __init__(self, walker: Walker, model: Model, spool: Spool):
        self.walker, self.model, self.spool = walker, model, spool
        self.edits: list[Edit] = []
        self.plain: dict[str, str] = {}
        self.opset = model.opset
        self.ir_version = model.ir_version.value if model.ir_version else 0
        self._opsets = dequantize.opsets(model.opset, model.operators, model.has_functions)
        self._narrow = False

    def check_names(self, tensors: Iterable[str]) -> None:
        """Refuse names that the model does not have, and tensors of the model without a name here."""
        path, ours = self.walker.opened.path, {n for n, found in self.model.found.items() if not found.left_out}
        given = set(tensors)
        for names, rule in ((given - ours, "is no tensor of it"), (ours - given, "is a tensor of it without a value")):
            if names:
                raise RefcompressError("like", f"must be the model that the weights came from: {min(names)!r} {rule}, "
                                               f"{path!r}")
        for name, found in self.model.found.items():
            if found.left_out and found.proto is not None and found.proto.is_external:
                raise RefcompressError("like", f"{path!r} has a tensor {name!r} in another file that is not read: "
                                               f"{found.left_out}")

    def replace(self, name: str, value) -> None:
        """Put ``value`` in the place of a tensor."""
        found = self.model.found[name]
        proto = found.proto
        assert proto is not None  # a sparse one is left out
        shape = getattr(value, "shape", None)
        if shape != proto.shape:
            raise RefcompressError(f"tensors[{name!r}]", f"must have the shape {proto.shape}, not {shape}")
        if isinstance(value, (Quantized, Packed)):
            form, why = self._form(found, value)
            if form is not None:
                return self._integers(found, form)
            self.plain[name] = why
        data = raw(value, proto.type, f"tensors[{name!r}]")
        there = elements(self.walker, proto, name, lambda p, nbytes: (self.walker.opened, 0))
        if proto.raw is not None:
            self.edits.append(Edit(proto.message, proto.raw.start, proto.raw.end, [self.spool.keep(data)]))
        elif proto.is_external or not np.array_equal(raw(there.read(), proto.type, name), data):
            rest = self._kept(found, EXTERNAL, LOCATION, *WIRES)
            pieces: list[Piece] = [rest + protobuf.header(RAW, len(data)), self.spool.keep(data)]
            self.edits.append(Edit(proto.message, proto.message.start, proto.message.end, pieces))

    def _form(self, found: Found, value: Quantized | Packed) -> tuple[dequantize.Form | None, str]:
        """Return what to write for integers, or why plain weights are written."""
        if found.proto is None or found.proto.type != "float32":
            return None, "the model has it in another type than float32"
        if found.scope.is_function:
            return None, "it belongs to a function"
        if found.name in found.scope.inputs or self.ir_version < IR_OF_INITIALIZERS:
            return None, "it is an input of the graph, too"
        forms = [f for f in (dequantize.form(value, opset) for opset in self._opsets) if f is not None]
        if not forms:
            return None, f"ONNX has no such scales in opset {self._opsets[-1]}"
        best = min(forms, key=dequantize.size)  # the first of equals: it needs no higher opset
        if dequantize.size(best) >= value.values.size * 4:
            return None, "integers and scales would be larger"
        return best, ""

    def _integers(self, found: Found, form: dequantize.Form) -> None:
        """Put an integer tensor, its scales and the node that makes the weights in the place of a tensor."""
        self.opset = max(self.opset, form.opset)
        self._narrow |= form.opset >= dequantize.NARROW
        names = {key: self._new_name(f"{found.name}_{key}")
                 for key in ("quantized", "scale", "zero_point", "dequantized", "shape")}
        pieces = self._tensor(names["quantized"], form.values, form.type, self._kept(
            found, DIMS, DATA_TYPE, NAME, RAW, EXTERNAL, LOCATION, *WIRES))
        pieces += self._tensor(names["scale"], form.scale, "float32")
        if form.zero_point is not None:
            pieces += self._tensor(names["zero_point"], form.zero_point, form.type)
        if form.reshaped:
            shape = found.proto.shape if found.proto is not None else ()
            pieces += self._tensor(names["shape"], np.array(shape, np.int64), "int64")
        nodes = b"".join(protobuf.block(NODE, node) for node in dequantize.nodes(form, found.name, *names.values()))
        graph, whole = found.scope.message, found.whole
        if found.is_constant:  # the nodes take its place, before all that use it
            pieces.append(nodes)
        else:
            self.edits.append(Edit(graph, graph.start, graph.start, [nodes]))
        self.edits.append(Edit(graph, whole.tag, whole.end, pieces))

    def _new_name(self, name: str) -> str:
        while name in self.model.values:
            name += "_"
        self.model.values.add(name)
        return name

    def _tensor(self, name: str, a: np.ndarray, type: str, rest: bytes = b"") -> list[Piece]:
        """Return an initialiser. rest : more fields of it."""
        data = raw(Plain(_low_bits(a, type), type) if type in ("int2", "int4") else a, type, name)
        before = b"".join(protobuf.integer(DIMS, size) for size in a.shape) + protobuf.integer(
            DATA_TYPE, NUMBERS[type]) + protobuf.block(NAME, name.encode()) + rest + protobuf.header(RAW, len(data))
        return [protobuf.header(INITIALIZER, len(before) + len(data)) + before, self.spool.keep(data)]

    def _kept(self, found: Found, *dropped: int) -> bytes:
        """Return the fields of a tensor but for those of some numbers."""
        assert found.proto is not None
        read = self.walker.opened.read
        return b"".join(bytes(read(f.tag, f.end - f.tag)) for f in self.walker.fields(found.proto.message)
                        if f.number not in dropped)

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Set the metadata, and the versions that new nodes need."""
        model, whole = self.model, self.walker.whole
        for key, value in metadata.items():
            if model.metadata.get(key) == value:
                continue
            self.edits += [Edit(whole, f.tag, f.end, []) for f in model.metadata_fields.get(key, [])]
            pair = protobuf.block(1, key.encode()) + protobuf.block(2, value.encode())
            self.edits.append(Edit(whole, whole.end, whole.end, [protobuf.block(METADATA, pair)]))
        if self.opset > model.opset and model.opset_field is not None and model.opset_message is not None:
            f = model.opset_field
            self.edits.append(Edit(model.opset_message, f.start, f.end, [protobuf.varint(self.opset)]))
        if self._narrow and self.ir_version < IR_OF_NARROW and model.ir_version is not None:
            f = model.ir_version
            self.edits.append(Edit(whole, f.start, f.end, [protobuf.varint(IR_OF_NARROW)]))


def _low_bits(a: np.ndarray, type: str) -> np.ndarray:
    return a.view(np.uint8) & np.uint8((1 << bits_of(type)) - 1)


def raw(value, type: str, argument: str) -> np.ndarray:
    """Return the bytes that raw_data has for a value: uint8.

    Numbers of another type are rounded to float16, bfloat16, float32 or float64, ties to even, and what is beyond
    (infinity too) becomes the largest number. To any other type nothing is converted.
    """
    if isinstance(value, Plain) and value.type == type:
        patterns = value.patterns
    else:
        a = value.dense() if is_array_format(value) else np.asarray(value)
        patterns = a if a.dtype.name == type else _rounded(a, type, argument)
        if type == "bool":
            patterns = patterns != 0  # memory may hold other bytes than 0 and 1
    if bits_of(type) < 8:
        return packed(patterns.reshape(-1), bits_of(type))
    little = np.ascontiguousarray(patterns, patterns.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8)


def _rounded(a: np.ndarray, type: str, argument: str) -> np.ndarray:
    """Return numbers of another type: an array of it, or the patterns of bfloat16."""
    if a.dtype.kind != "f" or type not in ("float16", "bfloat16", "float32", "float64"):
        raise ArgumentTypeError(argument, f"must be of type {type}, which the model has, not {a.dtype.name}")
    if type == "float64":
        return a.astype(np.float64)
    rounded = np.empty(a.size, np.float32 if type == "float32" else np.uint16)
    flat = a.reshape(-1)
    for start in range(0, a.size, ROUNDED_STEP):
        part = np.clip(flat[start : start + ROUNDED_STEP], -LARGEST, LARGEST).astype(np.float32)
        rounded[start : start + ROUNDED_STEP] = part if type == "float32" else floats_encode(part, type)
    return rounded
