"""HDF5 as Keras writes it by way of h5py: groups, and arrays of numbers in one piece or in chunks.

The library of HDF5 has ended the process on damaged files, and links in a file can make it open others. This reader
takes the layout that h5py writes by default (superblock 0, symbol tables, object headers 1) and refuses what is newer
or another by its name. It visits no part of the file twice, so that no loop and no sharing of parts costs time.

**Source** The HDF Group, HDF5 File Format Specification, version 3.0: sections II.A (superblock), III.A.1 (B-trees),
III.B (symbol table nodes), III.D (local heaps), IV.A.1.a (object headers) and IV.A.2 (messages).
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .. import arguments
from ..arguments import MAX_NDIM
from ..container.names import MAX_BYTES
from ..errors import CorruptError, RefcompressError
from .archive import DEFLATE_RATIO
from .hdf5_types import corrupt, type_of

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NOWHERE = 2**64 - 1  # the address of what is not there
DATASPACE, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS, CONTINUATION, SYMBOLS = 1, 3, 6, 7, 8, 11, 16, 17  # messages
LINK_INFO = 2
SHARED = 2  # the flag of a message that stands elsewhere
BY_NAME = 2  # the cache type of an entry that is a link by name
COMPACT, CONTIGUOUS, CHUNKED = 0, 1, 2
FILTER_NAMES = {1: "deflate", 2: "shuffle"}
MAX_DEPTH = 64  # of groups in groups
MAX_HEADER = 2**20  # bytes of a part of an object header


class Part:
    """A part of a file, or bytes in memory, as a file of its own."""

    def __init__(self, fill, size: int):
        self.fill, self.size = fill, size

    def read(self, at: int, count: int) -> bytes:
        if at > self.size or count > self.size - at:
            raise corrupt(f"bytes {at} to {at + count} are announced, it has {self.size}")
        data = bytearray(count)
        self.fill(at, memoryview(data))
        return bytes(data)

    def unpack(self, form: str, at: int) -> tuple:
        return struct.unpack(form, self.read(at, struct.calcsize(form)))


@dataclass(frozen=True, slots=True)
class Dataset:
    """An array: its type, and where its elements lie. ``chunks`` is None for those in one piece, from ``at`` on."""

    type: str | None
    order: str
    shape: tuple[int, ...]
    nbytes: int
    at: int
    chunks: tuple[int, ...] | None = None
    filters: tuple[int, ...] = ()


@dataclass
class File:
    """A file of HDF5: what was visited of it, and the datasets by the addresses of their headers."""

    part: Part
    seen: set = field(default_factory=set)
    found: dict[int, Dataset] = field(default_factory=dict)
    letters: int = 0

    def datasets(self) -> Iterator[tuple[str, int, Dataset]]:
        """Yield the path, the header's address and the description of each dataset."""
        head = self.part.read(0, min(96, self.part.size))
        if not head.startswith(SIGNATURE) or len(head) < 96:
            raise corrupt("it does not begin as HDF5 does, or is cut off")
        version, *_, offsets, lengths, _ = head[8:16]
        if version != 0 or (offsets, lengths) != (8, 8):
            raise corrupt(f"its superblock is of version {version} with addresses of {offsets} bytes; Keras writes "
                          "version 0 with 8")
        base, _, end, _ = struct.unpack_from("<4Q", head, 24)
        if base or end > self.part.size:
            raise corrupt(f"it says that it ends at byte {end}, and it has {self.part.size}")
        (root,) = struct.unpack_from("<Q", head, 64)
        described = self.messages(root, "/")
        if SYMBOLS not in described:
            raise corrupt("its root is no group")
        yield from self.group(described, "")

    def visit(self, at: int, what: str) -> None:
        if at in self.seen:
            raise corrupt(f"{what} at byte {at} is part of two others, or of itself")
        self.seen.add(at)

    def group(self, messages: dict[int, bytes], path: str) -> Iterator[tuple[str, int, Dataset]]:
        if len(messages[SYMBOLS]) < 16 or path.count("/") > MAX_DEPTH:
            raise corrupt(f"group {path!r} is cut off, or more than {MAX_DEPTH} deep")
        tree, heap = struct.unpack_from("<2Q", messages[SYMBOLS])
        signature, size, _, names = self.part.unpack("<8s3Q", heap)
        if signature != b"HEAP\0\0\0\0" or names + size > self.part.size:
            raise corrupt(f"the names of group {path!r} are not there")
        here = set()
        for node in self.leaves(tree, 0, 8):
            for name_at, header, cached in self.symbols(node):
                name = self.name(names, size, name_at)
                full = f"{path}/{name}" if path else name
                self.letters += len(full)
                if name in here or self.letters > 16 * self.part.size:
                    raise corrupt(f"{full!r} is there twice, or its names are longer than its bytes can mean")
                here.add(name)
                if cached == BY_NAME:
                    raise corrupt(f"{full!r} is a link by name, which a file of weights does not have")
                if header in self.found:
                    yield full, header, self.found[header]
                    continue
                described = self.messages(header, full)
                if SYMBOLS in described:
                    yield from self.group(described, full)
                else:
                    self.found[header] = self.dataset(described, full)
                    yield full, header, self.found[header]

    def leaves(self, at: int, kind: int, key: int) -> Iterator:
        """Yield what the leaves of a B-tree point to: nodes of symbols, or chunks with their keys."""
        stack = [(at, None)]
        while stack:
            at, wanted = stack.pop()
            self.visit(at, "a node of a tree")
            signature, found, level, used, _, _ = self.part.unpack("<4s2BH2Q", at)
            if signature != b"TREE" or found != kind or wanted is not None and level != wanted:
                raise corrupt(f"no node of a tree is at byte {at}")
            data = self.part.read(at + 24, used * (key + 8) + (key if used else 0))
            entries = [(data[i : i + key], int.from_bytes(data[i + key : i + key + 8], "little"))
                       for i in range(0, used * (key + 8), key + 8)]
            if level:
                stack += [(child, level - 1) for _, child in reversed(entries)]
            else:
                yield from (entries if kind else (child for _, child in entries))

    def symbols(self, at: int) -> Iterator[tuple[int, int, int]]:
        """Yield, of each symbol of a node: where its name stands, the address of its header, its cache type."""
        self.visit(at, "a node of symbols")
        signature, _, _, count = self.part.unpack("<4s2BH", at)
        if signature != b"SNOD":
            raise corrupt(f"no node of symbols is at byte {at}")
        yield from (each[:3] for each in struct.iter_unpack("<2QL20x", self.part.read(at + 8, 40 * count)))

    def name(self, names: int, size: int, at: int) -> str:
        if at > size:
            raise corrupt("a name is not among the names of its group")
        found, end, _ = self.part.read(names + at, min(size - at, MAX_BYTES + 1)).partition(b"\0")
        try:
            text = found.decode("utf-8")
        except UnicodeDecodeError:
            raise corrupt(f"the name {found[:40]!r} is not UTF-8") from None
        if not end or not text or "/" in text:
            raise corrupt(f"the name {text[:40]!r} does not end, or is none")
        return text

    def messages(self, at: int, name: str) -> dict[int, bytes]:
        """Return the messages of an object header by their types, the first of each."""
        version, _, count, _, size = self.part.unpack("<2BHLL", at)
        if version != 1:
            raise corrupt(f"the header of {name!r} is not of version 1, the one that Keras writes")
        found: dict[int, bytes] = {}
        blocks = [(at + 16, size)]
        for start, length in blocks:  # which grows by continuations
            self.visit(start, f"a part of the header of {name!r}")
            if length > MAX_HEADER:
                raise corrupt(f"the header of {name!r} has a part of {length} bytes, at most {MAX_HEADER} are read")
            data, place = self.part.read(start, length), 0
            while count and place + 8 <= len(data):
                kind, length, flags = struct.unpack_from("<2HB", data, place)
                body = data[place + 8 : place + 8 + length]
                place += 8 + length
                count -= 1
                if len(body) < length:
                    raise corrupt(f"the header of {name!r} is cut off")
                if kind == CONTINUATION and length >= 16:
                    blocks.append(struct.unpack_from("<2Q", body))
                elif flags & SHARED and kind in (DATASPACE, DATATYPE, FILTERS):
                    raise corrupt(f"{name!r} shares its type with others, which a file of weights does not")
                elif kind in (LINK, LINK_INFO, EXTERNAL):
                    raise corrupt(f"{name!r} has its elements in another file" if kind == EXTERNAL else
                                  f"{name!r} is a group of a newer layout, or of links, which Keras does not write")
                else:
                    found.setdefault(kind, body)
        if count:
            raise corrupt(f"the header of {name!r} is cut off")
        return found

    def dataset(self, messages: dict[int, bytes], name: str) -> Dataset:
        if not {DATASPACE, DATATYPE, LAYOUT} <= messages.keys():
            raise corrupt(f"{name!r} is neither a group nor an array")
        kind, order, item = type_of(messages[DATATYPE], name)
        shape = shape_of(messages[DATASPACE], name, item)
        size = math.prod(shape) * item
        if kind is None:
            return Dataset(None, order, shape, size, 0)
        layout = messages[LAYOUT]
        if len(layout) < 4 or layout[0] != 3:
            raise corrupt(f"dataset {name!r} is laid out in another way than Keras does it")
        if layout[1] == CONTIGUOUS and len(layout) >= 18:
            at, there = struct.unpack_from("<2Q", layout, 2)
            if size and (at == NOWHERE or there < size or at > self.part.size or size > self.part.size - at):
                raise corrupt(f"dataset {name!r} of shape {shape} has {size} bytes, of which not all are there")
            return Dataset(kind, order, shape, size, at)
        if layout[1] == CHUNKED and len(layout) >= 11 + 4 * (len(shape) + 1) and layout[2] == len(shape) + 1:
            (at,) = struct.unpack_from("<Q", layout, 3)
            *chunks, last = struct.unpack_from(f"<{len(shape) + 1}L", layout, 11)
            found = Dataset(kind, order, shape, size, at, tuple(chunks), filters_of(messages.get(FILTERS), name))
            if last != item or not all(chunks) or math.prod(chunks) * item > 2**32:
                raise corrupt(f"dataset {name!r} has chunks of {chunks} elements of {last} bytes")
            there = count = 0
            for _, _, packed, _ in self.chunks(found) if size and at != NOWHERE else ():
                there, count = there + packed, count + 1
            wanted = math.prod(-(-n // step) for n, step in zip(shape, chunks)) if size else 0
            if count != wanted or size > DEFLATE_RATIO * there:
                raise corrupt(f"dataset {name!r} of shape {shape} has {count} chunks of {there} bytes, not the "
                              f"{wanted} that it needs")
            return found
        raise corrupt(f"dataset {name!r} is laid out in another way than Keras does it")

    def chunks(self, dataset: Dataset) -> Iterator[tuple[tuple[int, ...], int, int, int]]:
        """Yield the place in the array, the address, the packed bytes and the passed-over filters of each chunk."""
        ndim = len(dataset.shape)
        for key, at in File(self.part).leaves(dataset.at, 1, 8 + 8 * (ndim + 1)):
            packed, mask, *place = struct.unpack(f"<2L{ndim + 1}Q", key)
            if any(start % step or start >= n for start, step, n in zip(place, dataset.chunks or (), dataset.shape)):
                raise corrupt(f"a chunk lies at {place[:-1]}, beyond its array of shape {dataset.shape}")
            yield tuple(place[:-1]), at, packed, mask


def shape_of(message: bytes, name: str, item: int) -> tuple[int, ...]:
    """Return the sizes of a dataspace."""
    version, ndim = message[0], message[1] if len(message) > 1 else 255
    begin = {1: 8, 2: 4}.get(version, 0)
    if not begin or ndim > MAX_NDIM or len(message) < begin + 8 * ndim or version == 2 and message[3] == 2:
        raise corrupt(f"dataset {name!r} has no shape, or one that does not read")
    try:
        return arguments.shape(struct.unpack_from(f"<{ndim}Q", message, begin), itemsize=item)
    except RefcompressError as error:
        raise CorruptError("path", f"dataset {name!r}: its shape {error.rule}") from None


def filters_of(message: bytes | None, name: str) -> tuple[int, ...]:
    """Return the numbers of the filters that packed each chunk, in their order."""
    if message is None:
        return ()
    try:
        version, count = message[0], message[1]
        at = 8 if version == 1 else 2
        found = []
        for _ in range(count):
            number, length = struct.unpack_from("<2H", message, at)
            if version != 1 and number < 256:
                length, at = 0, at - 2
            _, values = struct.unpack_from("<2H", message, at + 4)
            length, values = (-(-length // 8) * 8, values + values % 2) if version == 1 else (length, values)
            at += 8 + length + 4 * values
            found.append(number)
    except (IndexError, struct.error):
        raise corrupt(f"dataset {name!r} is packed by filters that do not read") from None
    if any(number not in FILTER_NAMES for number in found) or len(set(found)) < len(found):
        raise corrupt(f"dataset {name!r} is packed by the filters {found}; {FILTER_NAMES} are read, each once")
    return tuple(found)
