"""Solutions of the lab of rangecoder, as learners write them: one right, and the others with a mistake each."""

import numpy as np

from refcompress.reference.rangecoder.lanes import Rows, steps_of
from refcompress.reference.rangecoder.model import LOWEST_IN_TREE, Model, within


class Interval:
    def __init__(self, data, upper_is_one=False, zeros_behind=True):
        self.data, self.at, self.upper, self.zeros = data.tolist(), 0, upper_is_one, zeros_behind
        self.low, self.high, self.value = 0, 2**32 - 1, 0
        for _ in range(4):
            self.value = self.value << 8 | self.byte()

    def byte(self):
        self.at += 1
        if self.zeros and self.at > len(self.data):
            return 0
        return self.data[self.at - 1]

    def bit(self, p):
        middle = self.low + ((self.high - self.low) * p >> 16)
        lower = self.value <= middle
        if lower:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 24 == self.high >> 24:
            self.low = (self.low & 0xFFFFFF) << 8
            self.high = (self.high & 0xFFFFFF) << 8 | 255
            self.value = (self.value & 0xFFFFFF) << 8 | self.byte()
        return int(lower != self.upper)


def one_lane(coder, shape, alphabet, learns=True, tree_learns=True):
    codes = np.zeros(shape, np.uint8)
    model = Model(codes, alphabet)
    for i in range(shape[0]):
        model.begin_row(i)
        for j in range(shape[1]):
            flag = coder.bit(model.p_of_flag(j))
            if learns:
                model.learn(j, flag)
            if flag:
                node = 1
                for _ in range(model.depth):
                    bit = coder.bit(model.p_of_value(node))
                    if tree_learns:
                        model.tree[node].update(bit)
                    node = 2 * node + bit
                codes[i, j] = (node - (1 << model.depth) + 1) & 255
    return codes


def sixteen_lanes(coder, shape, alphabet):
    codes, model = np.zeros(shape, np.uint8), Rows(shape[1], alphabet)
    for row, rows, step in steps_of(shape):
        if step == 0:
            model.begin_group(row, rows)
        for lane, j, p in model.begin_step(step):
            if coder.bit(p):
                model.set_flag(lane, j)
                node = 1
                for _ in range(model.depth):
                    slot = model.tree[node]
                    bit = coder.bit(within(slot.p, LOWEST_IN_TREE, 65536 - LOWEST_IN_TREE))
                    slot.update(bit)
                    node = 2 * node + bit
                codes[row + lane, j] = node - (1 << model.depth) + 1
        model.end_step()
    return codes


def decode_right(data, *, shape, alphabet, lanes=1):
    shape, alphabet = tuple(int(n) for n in shape), int(alphabet)
    if 0 in shape:
        return np.zeros(shape, np.uint8)
    return (one_lane if lanes == 1 else sixteen_lanes)(Interval(data), shape, alphabet)


def decode_upper_part_is_one(data, *, shape, alphabet, lanes=1):
    return one_lane(Interval(data, upper_is_one=True), shape, alphabet)


def decode_without_learning(data, *, shape, alphabet, lanes=1):
    return one_lane(Interval(data), shape, alphabet, learns=False)


def decode_with_a_tree_that_stays(data, *, shape, alphabet, lanes=1):
    return one_lane(Interval(data), shape, alphabet, tree_learns=False)


def decode_needs_every_byte(data, *, shape, alphabet, lanes=1):
    return one_lane(Interval(data, zeros_behind=False), shape, alphabet)


def decode_rows_one_by_one(data, *, shape, alphabet, lanes=1):
    return one_lane(Interval(data), shape, alphabet)


RIGHT = [("rangecoder_decode", decode_right)]
WRONG = [
    ("rangecoder_decode", decode_upper_part_is_one, "interval", "RANGECODER-1.1", "The first flag is wrong"),
    ("rangecoder_decode", decode_without_learning, "later flags", "RANGECODER-1.1", "What comes after it is wrong"),
    ("rangecoder_decode", decode_with_a_tree_that_stays, "values", "RANGECODER-1.1", "The codes are others"),
    ("rangecoder_decode", decode_needs_every_byte, "end of the data", "RANGECODER-1.1", "a byte behind the last one"),
    ("rangecoder_decode", decode_rows_one_by_one, "lanes", "RANGECODER-1.1", "Sixteen rows go side by side")]
