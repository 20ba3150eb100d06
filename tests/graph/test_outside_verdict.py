"""How the campaign beside ONNX Runtime judges a network: nothing beyond the limit is passed over."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.outside.onnx_models import LIMIT, RUNTIME_IS_FARTHER, difference, judged  # noqa: E402

KNOWN, IN, OUT = next(iter(RUNTIME_IS_FARTHER)), 0.5 * LIMIT, 2 * LIMIT


@pytest.mark.parametrize("name, far, own, theirs, same, good", [
    ("any", IN, IN, IN, True, True), ("any", LIMIT, OUT, OUT, True, True), ("any", OUT, IN, OUT, True, False),
    ("any", float("inf"), IN, OUT, True, False), ("any", IN, IN, IN, False, False),
    (KNOWN, OUT, IN, OUT, True, True), (KNOWN, OUT, OUT, OUT, True, False), (KNOWN, OUT, IN, IN, True, False),
    (KNOWN, IN, IN, OUT, True, False), (KNOWN, OUT, IN, OUT, False, False)])
def test_a_network_beyond_the_limit_fails_but_where_the_runtime_is_shown_to_be_the_farther_one(
        name, far, own, theirs, same, good):
    found, said = judged(name, far, own, theirs, same)
    assert found == good and ("FAILED" in said) == (not good)
    assert (RUNTIME_IS_FARTHER[KNOWN] in said) == (good and name == KNOWN)


def test_a_nan_is_an_infinite_difference():
    one, nan = {"y": np.ones(2, np.float32)}, {"y": np.float32([1, np.nan])}
    assert difference(one, one) == 0 and difference(nan, one) == difference(one, nan) == float("inf")
