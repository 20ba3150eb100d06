"""Arrays as expressions of Python, in the programs that show a counterexample: each has its values, bit for bit."""

import numpy as np
import pytest

import refcompress as rc
from refcompress.testing import program


def test_payloads_of_nans_and_short_numbers_are_written_bit_for_bit():
    for bits in ([0x7FC00001, 0x3F800000], [0xFFC00000, 0], [0x7FC00000, 0x80000000], [0x3DCCCCCD, 1]):
        a = np.uint32(bits).view(np.float32)
        assert rc.same(a, eval(program.text(a), {"np": np, "inf": np.inf, "nan": np.nan}))


@pytest.mark.parametrize("a", [
    np.array([[0.5, -0.0], [np.inf, 3.0]], object), np.full((21, 20), 1.5, object), np.array(["a", "bc"]),
    np.array([b"x"]), np.array(2.5, object), np.zeros((0, 3), object)])
def test_an_array_that_no_operation_takes_has_a_text_too(a):
    again = eval(program.text(a), {"np": np, "inf": np.inf, "nan": np.nan})
    assert again.dtype == a.dtype and again.shape == a.shape and repr(again.tolist()) == repr(a.tolist())
