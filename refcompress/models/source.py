"""What every reader of a model file gives: its tensors by name, none of them read before it is asked for."""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..container import files
from ..errors import LimitError, RefcompressError
from ..formats import ArrayFormat, Graph

__all__ = ["HEAD", "Source", "Tensor", "Value", "pieces", "refuse_like", "within"]

Value = np.ndarray | ArrayFormat  # an array of NumPy's types, else Plain or GGMLBlocks: the element types NumPy lacks
HEAD = 2**12  # bytes by which tensors of one shape are told apart: nearly all of them differ there
STEP = 2**24  # bytes written at a time: Ctrl-C is answered between steps
HASHED = 2**18  # bytes hashed at a time: they stay in a near cache


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a file, before it is read.

    name : its key. shape : its sizes. type : the name of its element type (formats.ELEMENT_TYPES) or of its block type
    in GGUF, such as "Q4_K". nbytes : the bytes that its elements take in the file, unpacked where it packs them. read :
    reads and returns it, in C order and native byte order; each call reads anew. place : what two tensors of the same
    bytes have in common (file, offset, strides), or None where the reader cannot tell: tied weights. head : reads the
    first HEAD bytes of its elements, or all if they are fewer; None where that is no cheaper than to read it.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    nbytes: int
    read: Callable[[], Value] = field(repr=False, compare=False)
    place: tuple | None = None
    head: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)


class Source(Mapping[str, Tensor]):
    """A model on the disk: name -> Tensor, in the order of the file.

    kind : "npz", "safetensors", "onnx", "gguf", "torch", "keras", "squeezenet" or "mapping". files : every file that it
    is read from, the one that was named first. metadata : the file's own words about itself, str -> str. left_out :
    name -> why the file has a tensor of that name that is not read here. graph : the network that the tensors belong
    to, where the type of file means one.
    """

    def __init__(self, kind: str, opened: list[files.Opened], tensors: Mapping[str, Tensor],
                 metadata: Mapping[str, str] | None = None, left_out: Mapping[str, str] | None = None,
                 graph: Graph | None = None):
        self.graph = graph
        self.kind, self.tensors, self.metadata = kind, dict(tensors), dict(metadata or {})
        self.left_out = dict(left_out or {})
        self._opened = opened

    def with_tensors(self, tensors: Mapping[str, Tensor], graph: Graph | None) -> "Source":
        """Return the model with other tensors, and with this network; closing one closes both."""
        other = copy.copy(self)
        other.tensors, other.graph = dict(tensors), graph
        return other

    @property
    def files(self) -> list[str]:
        return [each.path for each in self._opened]

    @property
    def nbytes(self) -> int:
        """The bytes of the files together."""
        return sum(each.size for each in self._opened)

    def sha256(self) -> str:
        """Return the SHA-256 of the file in hex; of several files that of their digests, one after the other."""
        digests, buffer = [], memoryview(bytearray(HASHED))
        for each in self._opened:
            digest = hashlib.sha256()
            for start in range(0, each.size, HASHED):
                part = buffer[: min(HASHED, each.size - start)]
                each.fill(start, part)
                digest.update(part)
            digests.append(digest.digest())
        return digests[0].hex() if len(digests) == 1 else hashlib.sha256(b"".join(digests)).hexdigest()

    def close(self) -> None:
        for each in self._opened:
            each.close()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def within(tensor: Tensor, limit: int) -> Tensor:
    """Return the tensor; LimitError for one of more than ``limit`` bytes."""
    if tensor.nbytes > limit:
        raise LimitError("limit", f"tensor {tensor.name!r} has {tensor.nbytes} bytes, the limit is {limit}")
    return tensor


def refuse_like(like: files.Path | None) -> None:
    """Refuse an original file to be like, for types of file that hold tensors and little else."""
    if like is not None:
        raise RefcompressError("like", "is for targets that end in .onnx or .gguf: others take nothing over")


def pieces(a: np.ndarray) -> Iterator[memoryview]:
    """Yield the bytes of a contiguous array of one axis, STEP at a time."""
    data = a.view(np.uint8).data
    for start in range(0, len(data), STEP):
        yield data[start : start + STEP]
