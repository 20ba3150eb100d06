"""Files of a wrong or a hostile writer, with a right checksum: rewritten fields, and choices of another writer."""

import contextlib
import hashlib
from dataclasses import replace
from unittest import mock

import numpy as np
from implementations import need_native

from refcompress import (
    CSR,
    MX,
    NF4,
    NVFP4,
    GGMLBlocks,
    Graph,
    LowRank,
    LowRankConv,
    LowRankSparse,
    Mixed,
    Plain,
    Quantized,
    QuantizedLayer,
    RefcompressError,
    Shared,
    Tucker2,
    container,
    quantize_pack,
    sparse_bitmask_pack,
    sparse_bsr_pack,
    sparse_nm_pack,
    sparse_relative_pack,
)
from refcompress.container import bits, codes, cursor, entries, index, positions, quantized, sameness, shared, streams
from refcompress.container.cursor import Coding, integer_bytes
from refcompress.container.kinds import Kind
from refcompress.formats import Input, Node
from refcompress.reference.huffman.lengths import huffman_lengths

native = need_native()
F32 = np.float32
CHECK = container.CHECKSUM_BYTES


def sealed(body: bytes) -> bytes:
    """Return ``body``, all of a file but its checksum, with the right one; from version 3 on with right digests too.

    An index that cannot be read, or whose entries do not add up, keeps the digests that it has.
    """
    if body[8] < 3:
        return body + container.checksum(body, body[8])
    size = int.from_bytes(body[-8:], "little")
    base = len(body) - 8 - size
    tail = bytearray(body[base:-8] if base >= index.START else body[index.START : -8])
    reader = cursor.Reader(bytes(tail), len(tail), 2**62, Coding(native))
    with contextlib.suppress(RefcompressError):
        for section in index.sections(index.entry_sizes(reader, base - index.START).values()):
            digest = hashlib.sha256(body[section.start : section.start + section.size]).digest()
            tail[reader.position : reader.position + len(reader.take(32, "checksum"))] = digest
    head = body[: len(body) - 8 - len(tail)]
    return head + tail + body[-8:] + index.checksum(tail, body[-8:], body[8])


def framed(parts: dict[str, bytes], metadata: dict[str, str] | None = None,
           version: int = container.VERSION) -> bytes:
    """Return the file whose entries have these bytes, whatever they are."""
    cut = index.sections(map(len, parts.values()))
    data = container.MAGIC + bytes([version]) + b"".join(parts.values())
    digests = tuple(hashlib.sha256(data[s.start : s.start + s.size]).digest() for s in cut)
    sizes = {name: len(part) for name, part in parts.items()}
    return data + index.Index(sizes, digests, metadata or {}).tobytes(version)


def entries_of(data: bytes) -> dict[str, bytes]:
    """Return the bytes of each entry of a file that has an index."""
    found, at, parts = index.read(container.files.Held(data), 2**62, Coding(native, data[8]))[0], index.START, {}
    for name, size in found.sizes.items():
        parts[name], at = data[at : at + size], at + size
    return parts


def file_of(count: int, entry, version: int = container.VERSION) -> bytes:
    """Return the file of ``count`` entries, named by their numbers, that entry(number) gives."""
    if version >= index.INDEXED:
        return framed({f"{n:x}": entry(n) for n in range(count)}, version=version)
    entries = b"".join(
        integer_bytes(len(name)) + name + entry(number) for number, name in ((n, b"%x" % n) for n in range(count))
    )
    return sealed(container.MAGIC + bytes([version]) + integer_bytes(count) + entries)


def sample(seed: int, version: int) -> bytes:
    """Return a file of all kinds of entries that the version has, with every coder and most layouts."""
    rng = np.random.default_rng(seed)
    sparse = np.where(rng.random((12, 30)) < 0.15, rng.integers(1, 16, (12, 30)), 0).astype(np.uint8)
    columns = ((rng.random((20, 30)) < rng.random(30) ** 5) * rng.integers(1, 4, (20, 30))).astype(np.uint8)
    dense = np.minimum(rng.geometric(0.6, (8, 40)), 5).astype(np.uint8)
    stored = rng.random((9, 20)) < 0.2
    csr = CSR((9, 20), np.concatenate([[0], np.cumsum(stored.sum(axis=1))]), np.nonzero(stored)[1],
              rng.standard_normal(int(stored.sum())).astype(F32))
    zero = rng.integers(-60, 60, (6, 1)).astype(np.int8)
    int8 = np.where(rng.random((6, 50)) < 0.8, zero, rng.integers(-128, 128, (6, 50))).astype(np.int8)
    int16 = np.where(rng.random((4, 40)) < 0.5, 0, rng.integers(-900, 900, (4, 40))).astype(np.int16)
    scale = np.full((6, 1), 0.5, F32)
    wide = np.array([True, False, True])
    layers = {
        "relative": Shared(sparse, np.arange(16, dtype=F32)),
        "dense": Shared(dense, np.arange(6, dtype=F32)),
        "columns": Shared(columns, np.arange(4, dtype=F32)),
        "csr": csr,
        "int8": Quantized(int8, scale, zero),
        "plain": Quantized(int8, scale, np.zeros((6, 1), np.int8), None),
        "int16": Quantized(int16, np.ones((1, 1), F32), np.zeros((1, 1), np.int16)),
        "plain int16": Quantized(
            rng.integers(-900, 900, (4, 40)).astype(np.int16), np.ones((1, 1), F32), np.zeros((1, 1), np.int16)
        ),
        "groups": Quantized(int8[:2], np.ones((2, 7), F32), np.zeros((2, 7), np.int8), 8),
        "mixed": Mixed(
            Quantized(int8[:1], scale[:1], zero[:1]),
            Quantized(int16[:2].repeat(2, axis=1)[:, :50], scale[:2], np.int16([[0], [300]])),
            wide,
            0,
        ),
        "mx": MX(
            rng.integers(0, 16, (2, 40)).astype(np.uint8), rng.integers(120, 130, (2, 2)).astype(np.uint8), "mxfp4_e2m1"
        ),
        "nf4": NF4(rng.integers(0, 16, (2, 20)).astype(np.uint8), np.ones((2, 2), F32), 16),
        "low rank": LowRank(np.ones((3, 1), F32), np.ones(1, F32), np.ones((1, 4), F32)),
        "bias": np.arange(3, dtype=F32),
        "mask": np.array([True, False]),
        "none": np.zeros((0, 3), F32),
        "wide": Shared((dense.astype(np.uint16) * 97), np.linspace(0, 1, 500, dtype=F32)),
    }
    if version > 1:  # what version 1 has no kinds for
        few = Quantized((int8[:2, :48] % 8 - 4).astype(np.int8), np.ones((2, 6), F32), np.zeros((2, 6), np.int8), 8)
        packed, inputs, bias = quantize_pack(few, bits=3), np.linspace(0.5, 2, 48, dtype=F32), np.ones(2, F32)
        layers |= {
            "packed": packed, "packed kernel": quantize_pack(replace(few, values=few.values.reshape(2, 4, 3, 4))),
            "one bit": quantize_pack(Quantized(2 * (int8 & 1) - 1, scale, zero * 0), bits=1),
            "two convolutions": LowRankConv(np.ones((2, 3, 3, 1), F32), np.full((4, 2, 1, 3), 0.5, F32)),
            "three convolutions": Tucker2(np.ones((4, 2), F32), np.ones((2, 3, 3, 3), F32), np.ones((5, 3), F32)),
            "layer": QuantizedLayer(packed, inputs, 8, 0.5, bias), "scaled layer": QuantizedLayer(few, inputs),
            "biased layer": QuantizedLayer(layers["int16"], None, 4, None, np.ones(4, F32)),
        }
        layers |= {
            "int32": Plain.of(int16[:2].astype(np.int32)), "float64": Plain.of(csr.data[:9].astype(np.float64)),
            "bool": Plain.of(int8 > 0),
            "bfloat16": Plain((csr.data.view(np.uint32) >> 16).astype(np.uint16), "bfloat16"),
            "ggml": GGMLBlocks(np.minimum(rng.geometric(0.2, (6, 18)), 99).astype(np.uint8), "Q4_0", (2, 96)),
        }
        layers |= {
            "kernel": Quantized(int8[:2, :48].reshape(2, 4, 3, 4), np.ones((2, 6), F32), np.zeros((2, 6), np.int8), 8),
            "blocks": MX(
                rng.integers(0, 16, (2, 5, 3, 3)).astype(np.uint8), np.full((2, 2), 127, np.uint8), "mxfp4_e2m1"
            ),
        }
    if version > 2:
        layers |= {
            "graph": graph(),
            "nvfp4": NVFP4(rng.integers(0, 16, (2, 20)).astype(np.uint8), np.uint8([[1, 126], [56, 0]]), F32(0.1)),
            "bitmask": sparse_bitmask_pack(Quantized(int8[:2], np.ones((2, 7), F32), np.zeros((2, 7), np.int8), 8)),
            "bitmask of floats": sparse_bitmask_pack(csr.dense()),
            "bitmask of codes": sparse_bitmask_pack(layers["relative"]),
            "relative index": sparse_relative_pack(layers["relative"], bits=3),
            "blocks": sparse_bsr_pack(F32([[0, 0, 2, 1, 0, 0], [0, 0, 0, 3, 0, 0]] * 2), block=(2, 2)),
            "sum": LowRankSparse(LowRank(F32([[1], [2]]), F32([1.5]), F32([[1, 0, 3]])),
                                 sparse_bitmask_pack(F32([[0, 2, 0], [0, 0, -1]]))),
            "2 of 4": sparse_nm_pack(np.float32([[0, 1, 2, 0, 3, 0, 0, 0]] * 3)),
            "codebooks": Shared(sparse, np.pad(rng.standard_normal((12, 2, 15)).astype(F32), ((0,), (0,), (1,)))
                                [..., :16], 20),
            "codebooks of rows": Shared(dense, rng.standard_normal((8, 1, 6)).astype(F32)),
        }
    if version > 3:
        rows = ((rng.random((16, 1024)) < rng.random(1024) ** 9) * rng.integers(1, 4, (16, 1024))).astype(np.uint8)
        layers["sixteen rows"] = Shared(rows, np.arange(4, dtype=F32))
    layers |= {"tied": layers["columns"], "again": layers["bias"], "nothing": layers["none"]}
    return container.write(layers, Coding(native, version), contexts={"columns", "tied", "sixteen rows"} & set(layers))


def graph() -> Graph:
    """Return a graph with every type of attribute, an open size, a graph in it, and texts that begin alike."""
    inner = Graph((), ("then",), (Node("relu", ("h",), ("then",)),))
    attributes = {"flag": True, "axis": -1, "epsilon": 1e-5, "mode": "linear", "pads": (0, 2**62), "scales": (0.5, 2.0),
                  "names": ("a", "b"), "flags": (), "branch": inner}
    return Graph((Input("x", "float32", ("batch", 4)), Input("mask", "bool", ())), ("y", "h"), (
        Node("linear", ("x", "fc1.weight", "fc1.bias"), ("h",), {}, "fc1"),
        Node("if", ("mask", "", "h"), ("y", ""), attributes)))


def fields(data: bytes) -> list[tuple[int, int, str]]:
    """Return (begin, end, kind) of all that a reader takes from a file, each byte of an integer by itself."""
    taken = []
    take = cursor.Reader.take

    def record(self, count, kind):
        part = take(self, count, kind)
        taken.append((self.base + self.position - count, self.base + self.position, kind))
        return part

    with mock.patch.object(cursor.Reader, "take", record):
        container.loads(data, implementation=native)
    return taken[data[8] < 3 :]  # without the magic and the version


def rewritten(data: bytes, spans: list, rng) -> bytes:
    """Return the file with one or two of its fields changed: a number to a near, a round or any other; single bits."""
    if data[8] < 3:
        body = bytearray(data[: -CHECK[data[8]]])
        for _ in range(int(rng.integers(1, 3))):
            rewrite(body, spans[int(rng.integers(len(spans)))], rng)
        return sealed(bytes(body))
    parts, starts, at = entries_of(data), {}, index.START
    for name, part in parts.items():
        starts[name], at = at, at + len(part)
    tail = bytearray(data[at : -index.END])
    for _ in range(int(rng.integers(1, 3))):
        begin, end, kind = spans[int(rng.integers(len(spans)))]
        if begin >= at:
            rewrite(tail, (begin - at, end - at, kind), rng)
        else:
            name = max((name for name in starts if starts[name] <= begin), key=starts.__getitem__)
            part = bytearray(parts[name])
            rewrite(part, (begin - starts[name], end - starts[name], kind), rng)
            parts[name] = bytes(part)
    if tail != data[at : -index.END]:
        return sealed(data[:at] + tail + len(tail).to_bytes(8, "little"))
    return framed(parts, container.metadata_of(data), data[8])


def rewrite(body: bytearray, span: tuple[int, int, str], rng) -> None:
    """Change the field of ``body`` that lies at a span."""
    begin, end, kind = span
    if end <= len(body) and begin != end:
        if end - begin == 1 and kind in ("header", "shapes", "indices", "code tables", "names"):
            value = body[begin]
            new = [
                value + 1,
                value - 1,
                0,
                value ^ 1 << int(rng.integers(8)),
                int(rng.integers(20)),
                int(rng.integers(256)),
                2 * value,
            ]
            choice = int(rng.integers(len(new) + 2))
            body[begin:end] = (
                bytes([new[choice] & 255]) if choice < len(new) else integer_bytes(int(rng.integers(2**20)))
            )
        elif kind == "contexts" and rng.random() < 0.5:  # more or fewer bytes, with their number
            content = bytes(body[begin:end])
            cut = int(rng.integers(1, 4))
            changed = [content[:-cut], content + bytes(cut), content + rng.bytes(cut)][int(rng.integers(3))]
            number = len(integer_bytes(end - begin))
            body[begin - number : end] = integer_bytes(len(changed)) + changed
        else:
            at = int(rng.integers(begin, end))
            way = rng.random()
            if way < 0.6:
                body[at] ^= 1 << int(rng.integers(8))
            elif way < 0.8:
                body[at] = int(rng.integers(256))
            elif way < 0.9:
                del body[at : at + int(rng.integers(1, 4))]
            else:
                body[at:at] = rng.bytes(int(rng.integers(1, 4)))


@contextlib.contextmanager
def other_choices(rng, share: float):
    """Let writers choose wrongly in ``share`` of all cases: any coder, layout and kind that can hold the content."""

    def now() -> bool:
        return rng.random() < share

    class Stream(streams.Stream):
        def __init__(self, symbols, coding, counts=None, coded=None):
            super().__init__(symbols, coding, counts, coded)
            if not self.count or not now():
                return
            symbols, highest = self.symbols, len(self.counts) - 1
            self.lengths, self.halves, self.low = None, None, self.high  # no bounds, for nothing is exact here
            self.coder = int(rng.integers(highest.bit_length(), 17 if symbols.itemsize == 2 else 9))
            way = rng.random()
            if way < 0.5 and highest < 2**15:
                counts = bits.histogram(symbols)
                if rng.random() < 0.5:  # the lengths of other counts
                    counts = np.where(counts > 0, rng.integers(1, 50, len(counts)), 0)
                self.coder, self.lengths = streams.HUFFMAN, huffman_lengths(counts)
            elif way < 0.75 and symbols.itemsize == 2 and coding.version > 1:
                halves = (streams.Stream(streams.byte_of(symbols, place), coding) for place in (1, 0))
                self.coder, self.halves = streams.SPLIT, tuple(halves)

    smallest, integers, code = positions.smallest, quantized.Integers.__init__, codes.Codes.__init__

    def any_layout(places, size, coding, nbytes=np.inf, layout=positions.BITMASK + 1):
        if not now():
            return smallest(places, size, coding, nbytes, layout)
        number = int(rng.integers(1, 10))
        if number == positions.BITMASK:
            return positions.Layout(number, b"", streams.Stream(positions.bitmask(places, size), coding))
        steps = positions.Distances(places)
        count = int(positions.symbol_counts(*positions.distance_counts(steps), number).sum())
        stream = streams.Stream(positions.relative(steps, number, count), coding)
        return positions.Layout(number, integer_bytes(count), stream)

    def any_kind(self, a, coding, values=None, differences=None):
        integers(self, a, coding, values, differences)
        if coding.version > 1 and now():
            wide, plain = a.values.itemsize == 2, rng.random() < 0.5
            self.kind = [[Kind.INT8_DIFFERENCES, Kind.INT16_DIFFERENCES], [Kind.INT8, Kind.INT16]][plain][wide]
            difference = a.values if plain else a.values - a.expand(a.zero_point)
            stream = streams.Stream(quantized.fold(difference.reshape(-1)), coding)
            self.content = stream if plain else codes.Codes(stream, True, coding)

    def any_codes(self, dense, sparse, coding, marks=None):
        code(self, dense, sparse and not now(), coding, marks)

    def any_entry(value, coding, contexts=False, write=entries.write):
        if isinstance(value, Shared) and value.codebook.ndim == 1 and 1 <= len(value.codebook) <= 256 and now():
            return shared.write_contexts(value, coding)
        return write(value, coding, contexts)

    def any_contexts(shape, version, right=shared.contexts_kind):
        other = {Kind.CONTEXTS: Kind.ROWS_OF_CONTEXTS, Kind.ROWS_OF_CONTEXTS: Kind.CONTEXTS}
        return other[right(shape, version)] if version > 3 and now() else right(shape, version)

    def any_reference(index, write=sameness.reference_bytes):
        return bytes(99) if now() else write(max(0, index - int(rng.random() < share / 4)))

    with (
        mock.patch.multiple(streams, Stream=Stream),
        mock.patch.multiple(quantized, Stream=Stream),
        mock.patch.multiple(shared, Stream=Stream, contexts_kind=any_contexts),
        mock.patch.multiple(positions, smallest=any_layout),
        mock.patch.object(quantized.Integers, "__init__", any_kind),
        mock.patch.object(codes.Codes, "__init__", any_codes),
        mock.patch.multiple(entries, write=any_entry),
        mock.patch.multiple(sameness, reference_bytes=any_reference),
    ):
        yield


def written_otherwise(layers: dict, version: int, contexts, rng) -> bytes:
    """Return a file of the same content, or of a part of it, that was written with other choices."""
    names = [name for name in layers if rng.random() < 0.4] or list(layers)[:1]
    if rng.random() < 0.3:
        rng.shuffle(names)
    with other_choices(rng, float(rng.choice([0.02, 0.1, 0.5]))):
        return container.write(
            {name: layers[name] for name in names}, Coding(native, version), [n for n in names if n in contexts]
        )
