"""FORMAT.md is complete: a decoder written from its text alone, in plain Python, reads what the container writes."""

import hashlib
import math
import re
import struct
import zlib
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
from container_strategies import layer_maps, of_version, same
from hypothesis import given, settings

from refcompress import (
    BSR,
    CSR,
    MX,
    NF4,
    NM,
    NVFP4,
    Bitmask,
    GGMLBlocks,
    Graph,
    LowRank,
    LowRankConv,
    LowRankSparse,
    Mixed,
    Packed,
    Plain,
    Quantized,
    QuantizedLayer,
    Relative,
    Shared,
    Tucker2,
    container,
    quantize_unpack,
    reference,
)
from refcompress.container.cursor import Coding
from refcompress.formats import ELEMENT_TYPES, GGML_TYPES

TEXT = (Path(__file__).parents[2] / "FORMAT.md").read_text(encoding="utf-8")
STRUCT = "?bBhHiIqQefd"  # the dtypes' numbers as struct's letters


class Decoder:
    def __init__(self, data):
        assert data[:8] == bytes.fromhex("8952435A0D0A1A0A")
        self.version, self.layers, self.metadata = data[8], {}, {}
        if self.version >= 3:
            self.sections(data)
            return
        size = {1: 4, 2: 32}[self.version]
        self.data, self.at, check = data[:-size], 9, data[-size:]
        assert check == (
            struct.pack("<I", zlib.crc32(self.data)) if self.version == 1 else hashlib.sha256(self.data).digest()
        )
        for _ in range(self.int()):
            name = self.bytes(self.int()).decode()
            self.layers[name] = self.entry()
        assert self.at == len(self.data)

    def sections(self, data):
        end = len(data) - 40
        start = end - int.from_bytes(data[end : end + 8], "little")
        assert start >= 9 and hashlib.sha256(data[:9] + data[start : end + 8]).digest() == data[end + 8 :]
        self.data, self.at = data[:end], start
        entries = [(self.bytes(self.int()).decode(), self.int()) for _ in range(self.int())]
        at, runs, run = 9, [], b""
        for number, (_, size) in enumerate(entries):
            run += data[at : at + size]
            at += size
            if len(run) >= 65536 or number + 1 == len(entries) or entries[number + 1][1] >= 65536:
                runs, run = [*runs, run], b""
        assert at == start and all(hashlib.sha256(run).digest() == self.bytes(32) for run in runs)
        self.metadata = {self.bytes(self.int()).decode(): self.bytes(self.int()).decode() for _ in range(self.int())}
        assert self.at == end
        self.at = 9
        for name, size in entries:
            at = self.at + size
            self.layers[name] = self.entry()
            assert self.at == at

    def entry(self):
        return {0: self.array, 1: self.csr, 2: self.shared, 3: self.quantized, 4: self.lowrank, 5: self.quantized,
                6: self.mixed, 7: self.mx, 8: self.nf4, 9: self.contexts, 10: self.same, 11: self.differences,
                12: self.differences, 13: self.rows, 14: self.packed, 15: self.convolutions, 16: self.tucker2,
                17: self.layer, 18: self.plain, 19: self.blocks, 20: self.graph_entry,
                21: self.nvfp4, 22: self.codebooks, 23: self.kept, 24: self.by_blocks, 25: self.sum,
                26: lambda: self.contexts(row_codes)}[self.byte()]()

    def same(self):
        return list(self.layers.values())[self.int()]

    def bytes(self, n):
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self):
        return self.bytes(1)[0]

    def int(self):
        byte = self.byte()
        return byte if byte < 128 else byte - 128 + 128 * self.int()

    def shape(self):
        return tuple(self.int() for _ in range(self.int()))

    def numbers(self, n, letter="f"):
        return struct.unpack(f"<{n}{letter}", self.bytes(n * struct.calcsize(letter)))

    def array(self):
        letter = STRUCT[self.byte()]
        shape = self.shape()
        return letter, shape, self.numbers(prod(shape), letter)

    def csr(self):
        m, k = self.int(), self.int()
        places = self.positions(self.byte(), m * k)
        return "csr", (m, k), dict(zip(places, self.numbers(len(places))))

    def shared(self):
        shape = self.shape()
        codebook = self.numbers(self.int())
        return "shared", shape, codebook, self.codes(prod(shape))

    def codes(self, n):
        layout, codes = self.byte(), [0] * n
        if layout == 0:
            return self.stream(n)
        places = self.positions(layout, n)
        for place, code in zip(places, self.stream(len(places))):
            codes[place] = code + 1
        return codes

    def differences(self):
        bits = 8 if self.data[self.at - 1] == 11 else 16
        found = self.quantized(self.codes)
        shape, group, scale_shape, _, zero_points, values = found[1:]
        full = np.array(zero_points, np.int64).reshape(scale_shape)
        if group and full.size:
            full = np.repeat(full, group, axis=-1)[..., : shape[-1]] if group < shape[-1] else full[..., :1]
        sums = np.array(values, np.int64).reshape(shape) + full
        return *found[:-1], ((sums + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)).ravel().tolist()

    def quantized(self, values=None):
        shape = self.shape()
        group, axes = self.int(), self.int()
        full = [*shape[:-1], -(-shape[-1] // group)] if group else shape
        scale_shape = tuple(size if axes >> i & 1 else 1 for i, size in enumerate(full))
        scales = self.numbers(prod(scale_shape))
        zero_points, values = ([-(s + 1) // 2 if s % 2 else s // 2 for s in symbols]
                               for symbols in (self.stream(len(scales)), (values or self.stream)(prod(shape))))
        return "quantized", shape, group, scale_shape, scales, zero_points, values

    def rows(self):
        return "rows", self.shape(), self.entry()

    def lowrank(self):
        m, k, r = self.int(), self.int(), self.int()
        return "lowrank", (m, k, r), self.numbers(m * r), self.numbers(r), self.numbers(r * k)

    def packed(self):
        return "packed", self.byte(), self.entry()

    def convolutions(self):
        m, c, r, h1, w1, h2, w2 = sizes = [self.int() for _ in range(7)]
        return "convolutions", sizes, self.numbers(r * c * h1 * w1), self.numbers(m * r * h2 * w2)

    def tucker2(self):
        m, c, p, q, h, w = sizes = [self.int() for _ in range(6)]
        return "tucker2", sizes, self.numbers(m * p), self.numbers(p * q * h * w), self.numbers(c * q)

    def layer(self):
        weight = self.entry()
        m, k = (weight[2] if weight[0] == "packed" else weight)[1]
        parts = self.byte()
        scale = self.numbers(k) if parts & 1 else None
        bits = self.byte() if parts & 2 else None
        step = self.numbers(1)[0] if parts & 4 else None
        return "layer", weight, scale, bits, step, self.numbers(m) if parts & 8 else None

    def plain(self):
        number, shape = self.byte(), self.shape()
        b = (1, 8, 8, 16, 16, 32, 32, 64, 64, 16, 32, 64, 32, 16, 8, 8, 8, 8, 8, 6, 6, 4, 4, 4, 2, 2)[number]
        widths = [11, 5, 8, 8, 8, 8, 8, 8] if number == 11 else [8] * (b // 8) or [b]
        u, left = [], prod(shape) * (2 if number == 12 else 1)
        while left:
            run = [0] * min(left, 2**18)
            for width in widths:
                run = [element << width | symbol for element, symbol in zip(run, self.stream(len(run)))]
            u, left = u + run, left - len(run)
        if number in (1, 3, 5, 7):
            u = [(2**b - (s + 1) // 2 if s % 2 else s // 2) for s in u]
        if number in (9, 10, 11, 12, 13):
            u = [s >> 1 | s % 2 << b - 1 for s in u]
        if number == 12:
            u = [real + (imaginary << 32) for real, imaginary in zip(u[::2], u[1::2])]
        return "plain", number, shape, u

    def blocks(self):
        number, shape = self.byte(), self.shape()
        weights, widths = next(
            (int(weights), [int(width) for width in widths.split()])
            for n, weights, widths in re.findall(r"^\| \w+ \| (\d+) \| (\d+) \| ([\d ]+) \|$", TEXT, re.M)
            if int(n) == number
        )
        rows, left = [], prod(shape) // weights
        while left:
            run = [[] for _ in range(min(left, 8192))]
            for width in widths:
                column = self.stream(len(run) * width)
                for i, row in enumerate(run):
                    row += column[i * width : (i + 1) * width]
            rows, left = rows + run, left - len(run)
        return "blocks", number, shape, sum(rows, [])

    def graph_entry(self):
        inside = Decoder.__new__(Decoder)
        inside.data, inside.at = bytes(self.stream(self.int())), 0
        inside.known, inside.new = [], b""
        found = inside.graph()
        assert inside.at == len(inside.data)
        return "graph", *found

    def list(self, item):
        return [item() for _ in range(self.int())]

    def graph(self):
        inputs = self.list(lambda: (self.text(), self.byte(), self.list(self.size)))
        return inputs, self.list(self.text), self.list(self.node)

    def node(self):
        return (self.text(), self.list(self.text), self.list(self.text), self.text(),
                self.list(lambda: (self.text(), self.value(self.byte()))))

    def size(self):
        size = self.int()
        return size - 1 if size else self.text()

    def value(self, t):
        if t >= 8:
            return self.list(lambda: self.value(t - 8))
        if t == 1:
            s = self.int()
            return -(s + 1) // 2 if s % 2 else s // 2
        return {0: lambda: self.byte() == 1, 2: lambda: self.numbers(1, "d")[0], 3: self.text, 4: self.graph}[t]()

    def text(self):
        i = self.int()
        if i == len(self.known):
            self.new = self.new[: self.int()] + self.bytes(self.int())
            self.known.append(self.new.decode())
        return self.known[i]

    def mixed(self):
        axis, part = self.byte(), self.quantized if self.version == 1 else self.entry
        return "mixed", axis, self.stream(self.int()), part(), part()

    def mx(self):
        format, shape = self.byte(), self.shape()
        scales = self.stream(prod(shape[:-1]) * -(-shape[-1] // 32))
        codes = self.stream(prod(shape))
        return (
            "mx",
            format,
            shape,
            scales,
            [-(c + 1) // 2 if c % 2 else c // 2 for c in codes] if format == 5 else codes,
        )

    def nf4(self):
        shape, block = self.shape(), self.int()
        scales = self.numbers(prod(shape[:-1]) * -(-shape[-1] // block))
        return "nf4", shape, block, scales, self.stream(prod(shape))

    def kept(self):
        form = self.byte()
        bits = (self.byte(), self.byte()) if form else ()
        m, k, type = self.int(), self.int(), self.byte()
        group, own, scales, codebook = 0, 0, (), ()
        if type == 1:
            group, own = self.int(), self.byte()
            scales = self.numbers((m if own else 1) * (-(-k // group) if group else 1))
        if type == 2:
            codebook = self.numbers(self.int())
        places = self.positions(self.byte(), m * k)
        values = list(self.numbers(len(places))) if type == 0 else self.stream(len(places))
        if type == 1:
            values = [-(s + 1) // 2 if s % 2 else s // 2 for s in values]
        return "kept", form, bits, (m, k), group, own, scales, codebook, dict(zip(places, values))

    def by_blocks(self):
        m, k, r, c = (self.int() for _ in range(4))
        places = self.positions(self.byte(), (m // r) * (k // c))
        return "blocks", (m, k), (r, c), {place: self.numbers(r * c) for place in places}

    def sum(self):
        return "sum", self.entry(), self.entry()

    def nvfp4(self):
        shape, of_all = self.shape(), self.numbers(1)
        rows, size = (prod(shape[:1]), prod(shape[1:])) if len(shape) > 1 else (1, shape[0])
        return "nvfp4", shape, of_all, self.stream(rows * -(-size // 16)), self.stream(prod(shape))

    def codebooks(self):
        shape, group, c = self.shape(), self.int(), self.int()
        books = shape[0] * (-(-prod(shape[1:]) // group) if group else 1)
        return "codebooks", shape, group, c, self.numbers(books * c), self.codes(prod(shape))

    def contexts(self, read=None):
        shape, codebook = self.shape(), self.numbers(self.int())
        m, k = (shape[0], prod(shape[1:])) if len(shape) > 1 else (1, prod(shape))
        return "shared", shape, codebook, (read or context_codes)(self.bytes(self.int()), m, k, len(codebook))

    def positions(self, layout, n):
        if layout == 9:
            mask = self.stream(-(-n // 8))
            return [p for p in range(n) if mask[p // 8] >> p % 8 & 1]
        places, at = [], -1
        for distance in self.stream(self.int()):
            at += distance or 2**layout - 1
            if distance:
                places.append(at)
        return places

    def stream(self, count):
        if count == 0:
            return []
        coder = self.byte()
        if coder < 17:
            number = int.from_bytes(self.bytes(-(-count * coder // 8)), "little")
            return [number >> i * coder & (1 << coder) - 1 for i in range(count)]
        if coder == 18:
            return [256 * upper + lower for upper, lower in zip(self.stream(count), self.stream(count))]
        if coder == 19:
            sizes = [2**16 * self.int() for _ in range(self.int() - 1)]
            return sum(map(self.stream, [*sizes, count - sum(sizes)]), [])
        a = self.int()
        table = self.bytes(-(-a // 2))
        lengths = [table[i // 2] >> i % 2 * 4 & 15 for i in range(a)]
        words = iter(self.numbers(self.int(), "H"))
        symbol_of, code, longest = {}, 0, max(lengths)
        for length in range(1, longest + 1):
            code <<= 1
            for symbol in range(a):
                if lengths[symbol] == length:
                    symbol_of[f"{code:0{length}b}"] = symbol
                    code += 1
        lanes = 1
        while lanes < 64 and 2 * lanes <= count // 1024:
            lanes *= 2
        queues, symbols = [""] * lanes, []
        for i in range(count):
            lane = i % lanes
            if len(queues[lane]) < longest:
                queues[lane] += f"{next(words):016b}"[::-1]
            length = 1
            while queues[lane][:length] not in symbol_of:
                length += 1
            symbols.append(symbol_of[queues[lane][:length]])
            queues[lane] = queues[lane][length:]
        assert next(words, None) is None and not any("1" in queue for queue in queues)
        return symbols


A = [round(65536 / (1 + math.exp((16 - q) / 2))) for q in range(33)]


def squash(d):
    t = max(-2047, min(2047, d)) + 2048
    return (A[t >> 7] * (128 - t % 128) + A[(t >> 7) + 1] * (t % 128) + 64) >> 7


def stretch(p, known={}):
    if p >> 4 not in known:
        known[p >> 4] = max((d for d in range(-2047, 2048) if squash(d) <= 16 * (p >> 4) + 8), default=-2047)
    return known[p >> 4]


def take(slot, b):
    step, size = 2 * (65536 * b - slot[0]), 2 * slot[1] + 3
    slot[0] = max(16, min(65519, slot[0] + (abs(step) // size) * (1 if step > 0 else -1)))
    slot[1] = min(slot[1] + 1, 60)


class Bits:
    """The bits of the section "Contexts", and the codes above 0 that some of them are."""

    def __init__(self, data, c):
        self.low, self.high, self.rest = 0, 2**32 - 1, data[4:]
        self.value = int.from_bytes((data + bytes(4))[:4], "big")
        self.tree, self.depth = {}, 0
        while 2**self.depth < c - 1:
            self.depth += 1

    def bit(self, p):
        middle = self.low + ((self.high - self.low) * p >> 16)
        b = int(self.value <= middle)
        self.low, self.high = (self.low, middle) if b else (middle + 1, self.high)
        while self.low >> 24 == self.high >> 24:
            self.low, self.high = self.low * 256 % 2**32, (self.high * 256 + 255) % 2**32
            self.value, self.rest = (self.value * 256 + (self.rest[0] if self.rest else 0)) % 2**32, self.rest[1:]
        return b

    def code(self):
        node = 1
        for _ in range(self.depth):
            slot = self.tree.setdefault(node, [32768, 0])
            b = self.bit(max(64, min(65472, slot[0])))
            take(slot, b)
            node = 2 * node + b
        return node - 2**self.depth + 1


def row_codes(data, m, k, c):
    """The codes by the section "Sixteen rows", from its text alone."""
    def log(x):
        e = x.bit_length() - 1
        return 256 * e + 256 * (x - 2**e) // 2**e

    def learnt(q, b, rate, v):
        return max(64, min(2**22 - 64, q + (((2**22 * b - q) >> 6) * rate >> v)))

    bits, codes, w = Bits(data, c), {}, [19660] * 3
    columns, rows, patterns, rates = [2**16] * k, [2**16] * m, [2**19] * 64, [683] * 64

    def f(i, j):
        return int(codes.get((i, j), 0) > 0)

    for i0 in range(0, m, 16):
        n = min(16, m - i0)
        for s in range(k + 2 * (n - 1)):
            step = []
            for i in range(i0, i0 + n):
                j = s - 2 * (i - i0)
                if 0 <= j < k:
                    x = (f(i, j - 1) + 2 * f(i, j - 2) + 4 * f(i - 1, j) + 8 * f(i - 2, j) + 16 * f(i - 1, j - 1)
                         + 32 * f(i - 1, j + 1))
                    slots = columns[j], rows[i], patterns[x]
                    logits = [log(q) - log(2**22 - q) for q in slots]
                    d = sum(a * b for a, b in zip(w, logits)) >> 16
                    a = max(-abs(d), -4095)
                    t = 256 * (256 + a % 256) >> -(a >> 8)
                    u = 55296 - ((t >> 2) + (t >> 4) + (t >> 5))
                    h = max(t * (65536 - (t * u >> 16)) >> 16, 16)
                    step.append((i, j, x, rates[x], slots, logits, h if d <= 0 else 65536 - h))
            for i, j, *_, p in step:
                codes[i, j] = bits.code() if bits.bit(p) else 0
            errors = [(65536 * f(i, j) - p) >> 2 for i, j, *_, p in step]
            for t in range(3):
                S = sum(logits[t] * e for (*_, logits, _), e in zip(step, errors))
                w[t] = max(1 - 2**17, min(2**17 - 1, w[t] + ((S + 2**15) >> 16)))
            for i, j, x, rate, (column, row, pattern), _, _ in step:
                columns[j] = learnt(column, f(i, j), 2**15 // (2 * min(i, 255) + 3), 8)
                rows[i] = learnt(row, f(i, j), 2**15 // (2 * min(j, 48) + 3), 8)
                patterns[x] = learnt(pattern, f(i, j), rate, 4)
                rates[x] = max(rate - ((rate * rate + 1023) >> 10), 8)
    return [codes[i, j] for i in range(m) for j in range(k)]


def context_codes(data, m, k, c):
    """The codes by the section "Contexts", from its text alone."""
    def B(x):
        return x if x < 4 else 4 if x < 6 else 5 if x < 10 else 6 if x < 20 else 7

    def M(x):
        return min(x.bit_length() - 1, 15)

    bits = Bits(data, c)
    slots, weights, overall, flags, codes = {}, {}, [32768, 0], {}, []
    count = [0] * k
    for i in range(m):
        row = 0
        for j in range(k):
            def f(r, s):
                return flags.get((r, s), 0)

            own = B(count[j])
            beside = B((count[j - 1] if j else 0) + (count[j + 1] if j + 1 < k else 0))
            keys = [
                j,
                i,
                f(i, j - 1)
                + 2 * f(i, j - 2)
                + 4 * f(i - 1, j)
                + 8 * f(i - 2, j)
                + 16 * f(i - 1, j - 1)
                + 32 * f(i - 1, j + 1),
                16 * own + M(i + 1),
                16 * B(row) + M(j + 1),
                64 * min(own, 3) + 8 * beside + min(M(i + 1), 7),
                8 * beside + own,
            ]
            mine = [slots.setdefault((t, key), [32768, 0]) for t, key in enumerate(keys)]
            for slot in mine:
                if slot[1] == 0:
                    slot[0] = overall[0]
            w, s = weights.setdefault(own, [9362] * 7), [stretch(slot[0]) for slot in mine]
            p = max(24, min(65512, squash(sum(a * b for a, b in zip(w, s)) >> 16)))
            b = flags[i, j] = bits.bit(p)
            for t in range(7):
                w[t] = max(-(2**24), min(2**24, w[t] + ((s[t] * 2 * (65536 * b - p) + 2**17) >> 18)))
                take(mine[t], b)
            take(overall, b)
            count[j] += b
            row += b
            codes.append(bits.code() if b else 0)
    return codes


def flat(a):
    return tuple(a.ravel().tolist())


def graph_content(value):
    def of_attribute(a):
        return graph_content(a) if isinstance(a, Graph) else list(a) if isinstance(a, tuple) else a

    inputs = [(i.name, list(ELEMENT_TYPES).index(i.type), list(i.shape)) for i in value.inputs]
    nodes = [(n.operation, list(n.inputs), list(n.outputs), n.name, [(k, of_attribute(v)) for k, v in n.attributes])
             for n in value.nodes]
    return inputs, list(value.outputs), nodes


def content(value):
    """Return what the decoder returns for an entry of this value."""
    if isinstance(value, CSR):
        rows = np.repeat(np.arange(value.shape[0]), np.diff(value.indptr))
        places = (rows * value.shape[1] + value.indices).tolist()
        return "csr", value.shape, dict(zip(places, value.data.tolist()))
    if isinstance(value, Shared) and value.codebook.ndim == 3:
        return ("codebooks", value.shape, value.group or 0, value.codebook.shape[-1],
                tuple(value.codebook.ravel().tolist()), value.codes.ravel().tolist())
    if isinstance(value, Shared):
        return "shared", value.shape, tuple(value.codebook.tolist()), value.codes.ravel().tolist()
    for kind, integers, scale in (Quantized, "values", "scale"), (MX, "codes", "scales"), (NF4, "codes", "scales"):
        if isinstance(value, kind) and getattr(value, scale).ndim < len(value.shape):
            matrix = getattr(value, integers).reshape(len(getattr(value, integers)), prod(value.shape[1:]))
            return "rows", value.shape, content(replace(value, **{integers: matrix}))
    if isinstance(value, Quantized):
        return ("quantized", value.shape, value.group or 0, value.scale.shape, tuple(value.scale.ravel().tolist()),
                value.zero_point.ravel().tolist(), value.values.ravel().tolist())
    if isinstance(value, Mixed):
        return "mixed", value.axis, value.wide.astype(int).tolist(), content(value.low), content(value.high)
    if isinstance(value, MX):
        number = ["mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4_e2m1", "mxint8"].index(value.format)
        return "mx", number, value.shape, value.scales.ravel().tolist(), value.codes.ravel().tolist()
    if isinstance(value, NF4):
        return "nf4", value.shape, value.block, tuple(value.scales.ravel().tolist()), value.codes.ravel().tolist()
    if isinstance(value, NVFP4):
        return ("nvfp4", value.shape, (float(value.tensor_scale),), value.scales.ravel().tolist(),
                value.codes.ravel().tolist())
    if isinstance(value, Bitmask | Relative | NM):
        scale, codebook = (() if a is None else flat(a) for a in (value.scale, value.codebook))
        own = int(value.scale is not None and len(value.scale) == value.shape[0] != 1)
        form = [Bitmask, Relative, NM].index(type(value))
        sizes = [(), ("skip_bits", "code_bits"), ("n", "m")][form]
        sizes = tuple(getattr(value, name) for name in sizes)
        return ("kept", form, sizes, value.shape, value.group or 0, own, scale, codebook,
                dict(zip(np.flatnonzero(value.kept).tolist(), value.values.tolist())))
    if isinstance(value, BSR):
        rows = np.repeat(np.arange(len(value.indptr) - 1), np.diff(value.indptr))
        places = (rows * (value.shape[1] // value.block[1]) + value.indices).tolist()
        return "blocks", value.shape, value.block, dict(zip(places, map(flat, value.blocks)))
    if isinstance(value, LowRankSparse):
        return "sum", content(value.low), content(value.sparse)
    if isinstance(value, LowRank):
        factors = (tuple(factor.ravel().tolist()) for factor in (value.u, value.s, value.vt))
        return "lowrank", (*value.shape, value.rank), *factors
    if isinstance(value, Packed):
        return "packed", value.bits, content(quantize_unpack(value))
    if isinstance(value, LowRankConv):
        (r, c, *first), (m, _, *second) = value.first.shape, value.second.shape
        return "convolutions", [m, c, r, *first, *second], *map(flat, (value.first, value.second))
    if isinstance(value, Tucker2):
        (p, q, h, w), m, c = value.core.shape, len(value.outputs), len(value.inputs)
        return "tucker2", [m, c, p, q, h, w], *map(flat, (value.outputs, value.core, value.inputs))
    if isinstance(value, GGMLBlocks):
        return "blocks", GGML_TYPES[value.type].number, value.shape, value.data.ravel().tolist()
    if isinstance(value, Plain):
        return "plain", list(ELEMENT_TYPES).index(value.type), value.shape, value.patterns.ravel().tolist()
    if isinstance(value, Graph):
        return "graph", *graph_content(value)
    if isinstance(value, QuantizedLayer):
        scale, bias = (None if a is None else flat(a) for a in (value.input_scale, value.bias))
        return "layer", content(value.weight), scale, value.input_bits, value.input_step, bias
    return STRUCT[container.entries.DTYPES[value.dtype]], value.shape, tuple(value.ravel().tolist())


@settings(deadline=None)
@given(layer_maps())
def test_a_decoder_written_from_the_text_reads_every_file(layers):
    for version in (1, 2, 3, 4, 5):
        held = of_version(layers, version)
        decoded = Decoder(container.write(held, Coding(reference, version))).layers
        order = held if version > 1 else sorted(held, key=str.encode)
        assert repr(decoded) == repr({name: content(layers[name]) for name in order})  # NaN == NaN


@settings(deadline=None, max_examples=30)
@given(layer_maps())
def test_a_decoder_written_from_the_text_reads_every_file_with_contexts(layers):
    decoded = Decoder(container.dumps(layers, contexts=True)).layers
    assert repr(decoded) == repr({name: content(value) for name, value in layers.items()})


def test_a_decoder_written_from_the_text_reads_a_pruned_matrix_and_the_example():
    rng = np.random.default_rng(3)
    for shape, kind in (((30, 80), 9), ((35, 500), 26)):
        codes = ((rng.random(shape) < rng.random(shape[1]) ** 4) * rng.integers(1, 9, shape)).astype(np.uint8)
        layers = {"w": Shared(codes, np.arange(9, dtype=np.float32))}
        data = container.dumps(layers, contexts=True)
        assert data[9] == kind and len(data) < len(container.dumps(layers))
        assert Decoder(data).layers == {"w": content(layers["w"])}
    pattern = r"codes 0 2 1, 0 0 3 with c = 4 is the (?:\w+ )?bytes? `([0-9A-F ]+)`"
    for read, example in zip((context_codes, row_codes), re.findall(pattern, TEXT), strict=True):
        assert read(bytes.fromhex(example), 2, 3, 4) == [0, 2, 1, 0, 0, 3]


def test_a_decoder_written_from_the_text_reads_sections_and_metadata():
    sizes = [5, 65535, 3, 65536, 65537, 1, 2, 40_000, 30_000, 7]
    layers = {str(n): np.full(size, n, np.int8) for n, size in enumerate(sizes)}
    metadata = {"recipe": "[[rules]]\n", "a": "", "\u00e9": "\0e\u0301"}
    decoder = Decoder(container.dumps(layers, metadata=metadata))
    assert decoder.layers == {name: content(value) for name, value in layers.items()} and decoder.metadata == metadata


def test_a_decoder_written_from_the_text_reads_streams_of_many_lanes():
    rng = np.random.default_rng(5)
    for size in (2047, 2048, 5000, 70_001):
        codes = np.minimum(rng.geometric(0.4, size), 30).astype(np.uint8)
        layers = {"w": Shared(codes, np.arange(1, 32, dtype=np.float32))}
        assert Decoder(container.dumps(layers)).layers == {"w": content(layers["w"])}


def test_a_decoder_written_from_the_text_reads_blocks():
    codes = np.minimum(np.random.default_rng(6).geometric(0.4, 2**16 + 3000), 30).astype(np.uint8)
    codes[2**16 :] = 2
    layers = {"w": Shared(codes, np.arange(1, 32, dtype=np.float32))}
    data = container.dumps(layers)
    assert b"\0\x13\x02\x01\x11" in data and Decoder(data).layers == {"w": content(layers["w"])}


def test_a_decoder_written_from_the_text_reads_planes_of_more_than_one_run():
    numbers = np.zeros(2**18 + 3, np.int8)
    numbers[-5:] = -1, 2, -3, 4, -128
    pairs = np.zeros(2**17 + 1, np.complex64)
    pairs[-1] = -0.0 - 3j
    layers = {"int8": Plain.of(numbers), "complex": Plain.of(pairs)}
    data = container.dumps(layers)
    assert len(data) < 70_000 and Decoder(data).layers == {name: content(value) for name, value in layers.items()}


def test_the_worked_example_is_what_the_writer_writes():
    example = TEXT.split("## Worked example")[1]
    names = {"np": np, "Shared": Shared, "Quantized": Quantized}
    exec(re.search(r"```python\n(.*?)```", example, re.S)[1], names)
    rows = re.findall(r"^\| (\d+) \| `([0-9A-F ]+)` \|", example, re.M)
    data = bytes.fromhex("".join(row for _, row in rows))
    starts = np.cumsum([0] + [len(bytes.fromhex(row)) for _, row in rows])[:-1]
    assert [int(at) for at, _ in rows] == starts.tolist()
    assert container.dumps(names["layers"], metadata=names["metadata"]).hex(" ") == data.hex(" ")
    assert same(container.loads(data), names["layers"]) and container.metadata_of(data) == names["metadata"]
    assert f"The file has {len(data)} bytes" in example
