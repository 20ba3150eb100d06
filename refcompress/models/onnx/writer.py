"""The edits that put other weights into a model."""

from collections.abc import Iterable, Mapping
from typing import BinaryIO

import numpy as np

from ...errors import RefcompressError
from ...formats import Packed, Plain, Quantized
from .. import protobuf
from ..elements import bits_of
from ..protobuf import Walker
from ..protobuf_edit import Edit, Piece, Spool, size_of
from . import dequantize
from .graphs import Found, Model
from .rounding import raw
from .tensor import DATA_TYPE, DIMS, EXTERNAL, LOCATION, NAME, NUMBERS, RAW, WIRES, elements

INITIALIZER, NODE, METADATA = 5, 1, 14  # fields of a graph, and of a model
IR_OF_NARROW = 10  # the version of the file format that knows int4
IR_OF_INITIALIZERS = 4  # from it on an initialiser need not be an input
BESIDE_BYTES = 1024  # a smaller tensor stays in the model: tools look into shapes and the like without the other file
ALIGNMENT = 4096  # of tensors in the other file, as ONNX recommends, so that they can be mapped


class Beside:
    """The file beside a model. location : its name."""

    def __init__(self, out: BinaryIO, location: str):
        self.out, self.location, self._size = out, location, 0

    def keep(self, data: np.ndarray) -> bytes:
        """Write elements; return the fields of the TensorProto that say where they lie."""
        padding = -self._size % ALIGNMENT
        self.out.write(bytes(padding))
        self.out.write(data.data)
        start, self._size = self._size + padding, self._size + padding + data.nbytes
        entries = {"location": self.location, "offset": str(start), "length": str(data.nbytes)}
        return b"".join(protobuf.block(EXTERNAL, protobuf.block(1, key.encode()) + protobuf.block(2, text.encode()))
                        for key, text in entries.items()) + protobuf.integer(LOCATION, 1)


class Writer:
    """Collects the edits of a model. plain : name -> why it is not written as integers.

    beside : where larger tensors go, instead of into the model; None for a model that holds them all.
    """

    def __init__(self, walker: Walker, model: Model, spool: Spool, beside: "Beside | None"):
        self.walker, self.model, self.spool, self.beside = walker, model, spool, beside
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
        there = elements(self.walker, proto, name, lambda p, nbytes: (self.walker.opened, 0))  # checked, not read
        if proto.raw is not None and not self._goes_beside(data):
            self.edits.append(Edit(proto.message, proto.raw.start, proto.raw.end, [self.spool.keep(data)]))
        elif proto.is_external or proto.raw is not None or self._goes_beside(data) or not np.array_equal(
                raw(there.read(), proto.type, name), data):
            pieces: list[Piece] = [self._kept(found, RAW, EXTERNAL, LOCATION, *WIRES), *self._elements(data)]
            self.edits.append(Edit(proto.message, proto.message.start, proto.message.end, pieces))

    def _goes_beside(self, data: np.ndarray) -> bool:
        return self.beside is not None and data.nbytes >= BESIDE_BYTES

    def _elements(self, data: np.ndarray) -> list[Piece]:
        """Return the fields of a TensorProto that hold elements, or say where they lie."""
        if self.beside is not None and self._goes_beside(data):
            return [self.beside.keep(data)]
        return [protobuf.header(RAW, len(data)), self.spool.keep(data)]

    def _form(self, found: Found, value: Quantized | Packed) -> tuple[dequantize.Form | None, str]:
        """Return what to write for integers, or why plain weights are written."""
        if found.proto is None or found.proto.type != "float32":
            return None, "the model has it in another type than float32"
        if found.scope.is_function:
            return None, "it belongs to a function"
        if found.name in found.scope.inputs or self.ir_version < IR_OF_INITIALIZERS:
            return None, "it is an input of the graph, too"
        if isinstance(value, Packed):
            q, bits = Quantized(value.values, value.scale, value.zero_point, value.group), value.bits
        else:
            q, bits = value, 8 * value.values.itemsize
        forms = [f for f in (dequantize.form(q, bits, opset) for opset in self._opsets) if f is not None]
        if not forms:
            return None, f"ONNX has no such scales in opset {self._opsets[-1]}"
        best = min(forms, key=dequantize.size)  # the first of equals: it needs no higher opset
        if dequantize.size(best) >= q.values.size * 4:
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
            DATA_TYPE, NUMBERS[type]) + protobuf.block(NAME, name.encode()) + rest
        pieces: list[Piece] = [before, *self._elements(data)]
        return [protobuf.header(INITIALIZER, size_of(pieces)), *pieces]

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
