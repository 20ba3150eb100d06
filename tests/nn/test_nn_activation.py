"""The functions of a number: their errors against 120 decimal digits, their limits, and that they rise and are odd."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from implementations import BOTH, each

from refcompress import nn_activation, reference
from refcompress.reference.nn import activation
from refcompress.reference.nn.activation import ERFC, FUNCTIONS
from refcompress.testing.nn.rows import EDGES

F = np.float32
D = Decimal
INF, NAN = np.inf, np.nan
EACH = each("impl", BOTH)

# What the docstring promises beyond half a unit in the last place.
BEYOND = {"exp": 26, "sigmoid": 24, "silu": 24, "tanh": 24, "erf": 19, "gelu": 19, "gelu_tanh": 19}


@pytest.fixture(autouse=True)
def digits():
    with localcontext() as context:
        context.prec, context.Emin = 120, -(10**6)
        yield


def pi() -> Decimal:
    """Machin's formula."""
    def arctangent_of_1_over(n):
        total, term, i = D(0), D(1) / n, 1
        while term > D(10) ** -118:
            total += term / i if i % 4 == 1 else -term / i
            term, i = term / (n * n), i + 2
        return total

    return 4 * (4 * arctangent_of_1_over(5) - arctangent_of_1_over(239))


def erfc(x: Decimal) -> Decimal:
    """1 - erf by Taylor's series: for |x| up to 10.5 its terms stay below 10^48."""
    total = term = x
    n = 0
    while abs(term) > D(10) ** -115:
        n += 1
        term *= -x * x / n
        total += term / (2 * n + 1)
    return 1 - 2 * total / pi().sqrt()


def truth(function: str, x: Decimal) -> Decimal:
    """The definitions, as the docstring has them."""
    if function == "exp":
        return x.exp()
    if function == "sigmoid":
        return 1 / (1 + (-x).exp())
    if function == "silu":
        return x / (1 + (-x).exp())
    if function == "tanh":
        return ((2 * x).exp() - 1) / ((2 * x).exp() + 1)
    if function == "erf":
        return 1 - erfc(x)
    if function == "gelu":
        return x / 2 * erfc(-x / D(2).sqrt())
    u = (2 / pi()).sqrt() * (x + D("0.044715") * x**3)
    return x / 2 * (1 + truth("tanh", u))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_error_is_at_most_what_the_docstring_says(function):
    rng = np.random.default_rng(1)
    near = EDGES[np.abs(EDGES) < (10.4 if function == "erf" else 14.7 if function == "gelu" else 104)]
    x = np.concatenate([rng.standard_normal(12), 3 * rng.standard_normal(12), rng.uniform(-14, 10, 8), near, -near])
    x = x[np.abs(x) < 10.4].astype(F) if function == "erf" else x.astype(F)
    with np.errstate(all="ignore"):
        y = nn_activation(x, function)
    allowed = D("0.5") + D(2) ** -BEYOND[function]
    for a, b in zip(x, y):
        exact = truth(function, D(float(a)))
        if abs(exact) < D(float(np.finfo(F).max)):
            unit = D(float(np.spacing(np.maximum(np.abs(b), np.finfo(F).tiny))))
            assert abs(D(float(b)) - exact) <= allowed * unit, (function, a, b)


def test_the_polynomial_of_erfc_is_derived_again():
    """It interpolates at the sixteen Chebyshev nodes, their cosines rounded to twelve digits, and is off by 2^-44."""
    def wanted(t):
        z = 4 * (1 + t) / (1 - t)
        return (z * z).exp() * erfc(z) * (z + 4) / 4

    last = (D(activation.FARTHEST) - 4) / (D(activation.FARTHEST) + 4)
    cosines = [D(round(math.cos(math.pi * (2 * i + 1) / 32), 12)) for i in range(16)]
    nodes = [(last - 1) / 2 + (last + 1) / 2 * cosine for cosine in cosines]
    newton = [wanted(t) for t in nodes]
    for k in range(1, 16):
        for i in range(15, k - 1, -1):
            newton[i] = (newton[i] - newton[i - 1]) / (nodes[i] - nodes[i - k])
    powers = [newton[15]]
    for node, c in zip(nodes[14::-1], newton[14::-1]):  # times t - node, plus c
        powers = [c - node * powers[0], *(a - node * b for a, b in zip(powers, powers[1:])), powers[-1]]
    assert [float(c) for c in powers] == ERFC
    for i in range(101):
        t = -1 + (last + 1) * i / 100
        value = sum(D(c) * t**power for power, c in enumerate(ERFC))
        assert abs(value / wanted(t) - 1) <= D(2) ** D("-43.9")


LIMITS = {  # at -infinity, -0.0, 0.0 and infinity
    "exp": (0.0, 1.0, 1.0, INF),
    "sigmoid": (0.0, 0.5, 0.5, 1.0),
    "silu": (-0.0, -0.0, 0.0, INF),
    "tanh": (-1.0, -0.0, 0.0, 1.0),
    "erf": (-1.0, -0.0, 0.0, 1.0),
    "gelu": (-0.0, -0.0, 0.0, INF),
    "gelu_tanh": (-0.0, -0.0, 0.0, INF),
}


@EACH
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_its_limits_and_nan_stays_nan(impl, function):
    got = impl.nn_activation(F([-INF, -0.0, 0.0, INF, NAN, -NAN]), function)
    assert np.array_equal(got[:4], LIMITS[function])
    assert np.array_equal(np.signbit(got[:4]), np.signbit(LIMITS[function]))
    assert np.isnan(got[4:]).all()


def grid() -> np.ndarray:
    """Ascending numbers: of every size, and neighbours where a formula or the power of two changes."""
    steps = (np.arange(-200, 200) / 2 + 0.5) * math.log(2)
    places = np.concatenate([steps, EDGES, -EDGES, [0.25, -0.25, 0]]).astype(F)
    bits = places.view(np.int32)[:, None] + np.arange(-8, 9, dtype=np.int32)
    near = bits.view(F)[np.abs(places) > 1e-30].reshape(-1)
    return np.unique(np.concatenate([near, np.linspace(-120, 100, 20_001).astype(F), F([-INF, INF])]))


@pytest.mark.parametrize("function", ["exp", "sigmoid", "tanh", "erf"])
def test_the_functions_that_rise_rise_in_float32_too(function):
    y = nn_activation(grid(), function)
    assert np.all(y[1:] >= y[:-1])


@pytest.mark.parametrize("function", ["tanh", "erf"])
def test_the_odd_functions_are_odd_to_the_last_bit(function):
    x = grid()
    assert nn_activation(-x, function).tobytes() == (-nn_activation(x, function)).tobytes()


def test_tanh_and_erf_of_what_is_tiny_are_of_its_size():
    x = np.ldexp(F(1.375), np.arange(-149, -20)).astype(F)
    assert np.array_equal(nn_activation(x, "tanh"), x)
    assert np.array_equal(nn_activation(x, "erf"), (x.astype(np.float64) * (2 / math.sqrt(math.pi))).astype(F))


@EACH
def test_subnormal_results_are_kept_and_rounded(impl):
    x = F([-87.5, -95, -103.2, -103.97, -103.98, -104.5])
    expected = [math.exp(float(a)) for a in x]  # far from a tie
    assert impl.nn_activation(x, "exp").tolist() == np.array(expected).astype(F).tolist()
    assert np.all(reference.nn_activation(x, "exp")[:4] > 0)


@EACH
@pytest.mark.parametrize("function", ["sigmoid", "silu", "gelu", "gelu_tanh"])
def test_the_results_of_both_signs_add_up(impl, function):
    """sigmoid(x) + sigmoid(-x) = 1; f(x) - f(-x) = x for the others: up to the roundings of both."""
    x = np.linspace(-30, 30, 999).astype(F)
    one, other = (impl.nn_activation(a, function).astype(np.float64) for a in (x, -x))
    total, whole = (one + other, 1) if function == "sigmoid" else (one - other, x)
    units = np.spacing(np.abs(one).astype(F)).astype(np.float64) + np.spacing(np.abs(other).astype(F))
    assert np.all(np.abs(total - whole) <= (0.5 + 2.0 ** -BEYOND[function]) * units)
