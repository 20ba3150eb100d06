"""Weights of Keras: .weights.h5, the older .h5, and .keras, a zip archive with model.weights.h5 in it.

A tensor's name is the path of its dataset.
"""

import math
import zlib
from functools import partial
from os import PathLike

import numpy as np

from .. import arguments
from ..container import DEFAULT_LIMIT, files
from ..container.files import opening
from ..errors import CorruptError, LimitError
from . import archive
from .elements import value_of
from .hdf5 import Dataset, File, Part
from .source import Source, Tensor, Value, within

WEIGHTS = "model.weights.h5"
DEFLATE, SHUFFLE = 1, 2  # filters


def open(path: str | bytes | PathLike, *, limit: int = DEFAULT_LIMIT) -> Source:
    """Return the datasets of a file of Keras, each read when it is asked for.

    Parameters
    ----------
    path : a regular file, of HDF5 or a zip archive that has model.weights.h5
    limit : the most bytes that one tensor may have, and the weights in an archive that packs them

    Returns
    -------
    source : in the order of the file, which is that of the names in each group. bfloat16 comes as Plain. Two names of
        one dataset have one ``place``. ``left_out`` names the texts.

    Raises
    ------
    CorruptError : the file is damaged, or is laid out as Keras does not do it: links by name or to other files,
        elements in another file, elements that are no numbers of one length.
    """
    limit = arguments.integer(limit, "limit", 0)
    with opening(path) as file:
        part = weights(file, limit)
        tensors: dict[str, Tensor] = {}
        left_out: dict[str, str] = {}
        for name, at, dataset in File(part).datasets():
            if dataset.type is None:
                left_out[name] = "it is a text"
                continue
            reading = partial(read, part, dataset, name)
            tensors[name] = within(Tensor(name, dataset.shape, dataset.type, dataset.nbytes, reading, (file.path, at)),
                                   limit)
        return Source("keras", [file], tensors, left_out=left_out)


def weights(file: files.Opened, limit: int) -> Part:
    """Return the part of the file that is HDF5: all of it, or the member of an archive."""
    if not bytes(file.read(0, min(4, file.size))).startswith(b"PK"):
        return Part(file.fill, file.size)
    for member in archive.members(file):
        if member.name != WEIGHTS:
            continue
        if member.method == archive.STORED:
            return Part(lambda at, view: file.fill(member.start + at, view), member.size)
        if member.size > limit:
            raise LimitError("limit", f"member {WEIGHTS} has {member.size} bytes, the limit is {limit}")
        unpacking = archive.Unpacking(member)
        data = unpacking.take(member.size)
        unpacking.finish()

        def fill(at: int, view: memoryview) -> None:
            view[:] = data[at : at + len(view)]

        return Part(fill, len(data))
    raise CorruptError("path", f"is an archive without {WEIGHTS}")


def read(part: Part, dataset: Dataset, name: str) -> Value:
    """Return the elements of a dataset."""
    def fill(view: memoryview) -> None:
        if not len(view):
            return
        if dataset.chunks is None:
            part.fill(dataset.at, view)
        else:
            _fill_from_chunks(part, dataset, name, np.frombuffer(view, np.uint8))

    return value_of(fill, dataset.shape, dataset.type or "", name, dataset.order)


def _fill_from_chunks(part: Part, dataset: Dataset, name: str, place: np.ndarray) -> None:
    """Put the chunks of a dataset where they belong in its bytes; those at the edges are cut off."""
    assert dataset.chunks is not None
    item = dataset.nbytes // math.prod(dataset.shape)
    elements = place.view(f"V{item}").reshape(dataset.shape)
    done = set()
    for begin, at, packed, passed in File(part).chunks(dataset):
        data, whole = part.read(at, packed), math.prod(dataset.chunks) * item
        if begin in done:
            raise CorruptError("path", f"dataset {name!r} has two chunks at {begin}")
        done.add(begin)
        for number, kind in reversed(list(enumerate(dataset.filters))):
            if passed >> number & 1:
                continue
            if kind == SHUFFLE:  # the first bytes of all elements, then the second
                data = np.frombuffer(data, np.uint8).reshape(item, -1).T.tobytes() if len(data) % item == 0 else data
                continue
            try:
                stream = zlib.decompressobj()
                data = stream.decompress(data, whole + 1)
            except zlib.error as error:
                raise CorruptError("path", f"dataset {name!r} has a chunk at {begin} that does not unpack: {error}") \
                    from None
        if len(data) != whole:
            raise CorruptError("path", f"dataset {name!r} has a chunk at {begin} of {len(data)} bytes, not {whole}")
        there = np.frombuffer(data, elements.dtype).reshape(dataset.chunks)
        target = elements[tuple(slice(start, start + step) for start, step in zip(begin, dataset.chunks))]
        target[...] = there[tuple(slice(0, n) for n in target.shape)]
