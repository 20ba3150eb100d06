"""A decoder of a file, written from the text of FORMAT.md alone, in plain Python."""

import hashlib
import re
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
from text_contexts import context_codes, row_codes

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
