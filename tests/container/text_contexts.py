"""The sections "Contexts" and "Sixteen rows" of FORMAT.md, decoded in plain Python from their text alone."""

import math

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
