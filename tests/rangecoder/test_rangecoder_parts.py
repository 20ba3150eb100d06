"""The laws of the range coder's parts: the interval and its bytes, the model's constants, FORMAT.md's three steps."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import rangecoder_encode
from refcompress.errors import CorruptError
from refcompress.reference.rangecoder import lanes, matrix, model
from refcompress.reference.rangecoder.coder import Decoder, Encoder, check_end, ending

BITS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 65535)), max_size=300)
FORMAT = (Path(__file__).parents[2] / "FORMAT.md").read_text(encoding="utf-8")


def encoded(bits) -> Encoder:
    encoder = Encoder()
    for bit, p in bits:
        encoder.put(bit, p)
    return encoder


# ---- the interval ----


@given(BITS)
def test_the_invariants_hold_between_two_bits_and_the_bits_come_back(bits):
    encoder = Encoder()
    data = encoded(bits).end()
    decoder = Decoder(data)
    for bit, p in bits:
        encoder.put(bit, p)
        assert decoder.get(p) == bit
        for side in (encoder, decoder):
            assert 0 <= side.low < side.high < 2**32 and side.low >> 24 != side.high >> 24
        assert (decoder.low, decoder.high) == (encoder.low, encoder.high)
        assert decoder.low <= decoder.value <= decoder.high
        assert decoder.dropped == len(encoder.written) and bytes(encoder.written) == data[: decoder.dropped]
    check_end(data, decoder.dropped, decoder.low, decoder.high)


@given(st.binary(max_size=40), st.lists(st.integers(1, 65535), max_size=200))
def test_whatever_the_bytes_say_value_stays_in_the_interval(data, probabilities):
    decoder = Decoder(data)
    for p in probabilities:
        decoder.get(p)
        assert decoder.low <= decoder.value <= decoder.high


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_ending_is_the_shortest_and_of_these_the_lowest(a, b):
    low, high = min(a, b), max(a, b)
    end = ending(low, high)
    number = int.from_bytes(end.ljust(4, b"\0"), "big")
    assert low <= number <= high
    step = 1 << 32 - 8 * len(end)
    assert number - step < low
    if end:
        assert (high >> 40 - 8 * len(end)) << 40 - 8 * len(end) < low  # one byte less has no number in it


@given(BITS, st.binary(min_size=1, max_size=3))
def test_more_bytes_than_the_ending_are_refused(bits, more):
    encoder = encoded(bits)
    with pytest.raises(CorruptError):
        check_end(encoder.end() + more, len(encoder.written), encoder.low, encoder.high)


# ---- the model ----


def test_the_anchors_are_the_logistic_function_and_squash_is_within_a_256th_of_it():
    assert [round(65536 / (1 + math.exp(-i / 2))) for i in range(-16, 17)] == model.ANCHORS
    for logit in range(-2047, 2048):
        assert abs(model.squash(logit) - 65536 / (1 + math.exp(-logit / 256))) < 65536 / 256


def test_stretch_inverts_squash_as_far_as_twelve_bits_tell():
    squashed = np.array([model.squash(logit) for logit in range(-2047, 2048)])
    assert np.all(np.diff(squashed) >= 0) and squashed[0] == 22 and len(model.STRETCH) == 4096
    for upper in range(1, 4095):
        logit = model.STRETCH[upper]
        middle = 16 * upper + 8
        assert logit == -2047 or model.squash(int(logit)) <= middle
        assert logit == 2047 or model.squash(int(logit) + 1) > middle


def test_the_constants_are_what_their_comments_derive():
    assert model.LOWEST_IN_SLOT >> 4 == 1 and model.HIGHEST_IN_SLOT >> 4 == 4094
    assert (model.LOWEST_IN_SLOT - 1) >> 4 == 0 and (model.HIGHEST_IN_SLOT + 1) >> 4 == 4095
    zero = math.log2(65536 / (65536 - model.LOWEST))
    assert zero > 2**-11 and matrix.MOST_A_BYTE[1] * zero > 8
    zero = math.log2(1 + lanes.LOWEST_FLAG / 65536)
    assert zero > 2**-12 and matrix.MOST_A_BYTE[16] * zero > 8
    assert math.log2(65536 / model.LOWEST_IN_TREE) == 10
    assert 2**11 * 2**16 * model.RATE >> 18 == 2**10  # above any step of a weight
    assert {model.bucket(n) for n in (model.MOST_COUNTED, 2 * model.MOST_COUNTED)} == {7} == {model.bucket(10**9)}


@given(st.lists(st.integers(0, 1), max_size=400))
def test_a_slot_stays_where_stretch_can_see_it_and_nears_the_bits_it_sees(bits):
    slot = model.Slot()
    for bit in bits:
        before = slot.p
        slot.update(bit)
        assert model.LOWEST_IN_SLOT <= slot.p <= model.HIGHEST_IN_SLOT and slot.n <= model.LIMIT
        assert slot.p >= min(before, model.HIGHEST_IN_SLOT) if bit else slot.p <= max(before, model.LOWEST_IN_SLOT)


# ---- FORMAT.md ----


def test_the_three_steps_of_the_format_are_these_numbers():
    text = re.sub(r"\s+", " ", FORMAT.split("## Contexts")[1].split("\n## ")[0])
    codes = np.uint8([[0, 2, 1], [0, 0, 3]])
    learner, encoder = model.Model(codes, 4), Encoder()
    for i, j in ((0, 0), (0, 1), (0, 2)):
        if j == 0:
            learner.begin_row(i)
        flag = int(codes[i, j] > 0)
        encoder.put(flag, learner.p_of_flag(j))
        learner.learn(j, flag)
        node = 1
        for place in (1, 0) if flag else ():
            bit = int(codes[i, j]) - 1 >> place & 1
            encoder.put(bit, learner.p_of_value(node))
            learner.tree[node].update(bit)
            node = 2 * node + bit
    learner.begin_row(1)
    low, high, O = encoder.low, encoder.high, learner.overall.p
    assert f"low = {low:08X} and high = {high:08X} (hexadecimal), no byte has been dropped, O has p = {O}," in text
    assert not encoder.written
    assert f"count is {' '.join(map(str, learner.counts))}: so own = 0, beside = 1, row = 0" in text

    p = learner.p_of_flag(0)
    of_tables = [next(key for key, slot in table.items() if slot is mine)
                 for table, mine in zip(learner.tables, learner.slots[2:])]
    near, (own3, rows), (row, columns), (own5, beside, few), (beside6, own6) = of_tables
    keys = [0, 1, near, 16 * own3 + rows, 16 * row + columns, 64 * own5 + 8 * beside + few, 8 * beside6 + own6]
    for t, (key, slot, logit) in enumerate(zip(keys, learner.slots, learner.logits, strict=True)):
        assert f"| {t} | {key} | {slot.n} | {slot.p} | {logit} |" in text
    new = [str(t) for t, slot in enumerate(learner.slots) if slot.n == 0]
    weight, total = learner.mix[0], sum(learner.logits)
    assert set(learner.mix) == {weight} and f"Slots {', '.join(new[:-1])} and {new[-1]} are new" in text
    assert f"All weights of own = 0 are {weight}." in text and f"The logits add up to {total}." in text
    assert f"{weight} · {total} >> 16 = {weight * total >> 16}, and squash({weight * total >> 16}) = {p}:" in text

    before, logit = learner.slots[6].p, learner.logits[6]
    learner.learn(0, 0)
    after, e = learner.slots[6], 2 * (0 - p)
    moved = before - after.p
    assert f"p = {before} + 2 (0 - {before}) / 5 = {before} - {moved} = {after.p}, n = {after.n}." in text
    assert f"e = 2 (0 - {p}) = {e}, and W[6] = {weight} + (({logit} · {e} + 131072) >> 18)" in text
    assert f"= {weight} - {weight - learner.mix[6]} = {learner.mix[6]}." in text

    middle = low + ((high - low) * p >> 16)
    assert f"middle = {low:08X} + ({high - low:08X} · {p} >> 16) = {middle:08X}." in text
    assert f"so low = {middle + 1:08X}; high stays {high:08X}." in text
    encoder.put(0, p)
    assert f"Both begin with {encoder.written.hex().upper()}: that is the first byte of the file," in text
    assert f"and low = {encoder.low:08X}, high = {encoder.high:08X}." in text
    assert rangecoder_encode(codes, alphabet=4)[:1].tobytes() == encoder.written
