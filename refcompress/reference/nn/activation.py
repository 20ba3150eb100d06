"""Functions of one number, each of float64 formulas that are rounded to float32 once."""

import math

import numpy as np
from numpy.typing import NDArray

from ... import arguments
from ..exponential import exponential, exponential_minus_1, polynomial

__all__ = ["FUNCTIONS", "activation_arguments", "nn_activation"]

# e^(z^2) erfc(z) (z + 4) / 4 on 0 <= z <= 10.5, interpolated at sixteen Chebyshev nodes of t = (z - 4) / (z + 4), by
# powers of t from the lowest. A test derives it again.
ERFC = [
    0.27399891525010794, -0.24413718227021897, 0.19330217557055565, -0.13521345782816915,
    0.08271289677063694, -0.04350273441739329, 0.01909538220168981, -0.006592509577004525,
    0.0015279864531809336, -7.028540312739595e-05, -0.00011367112423059836, 4.443930448731871e-05,
    -9.493354153870086e-07, -5.187649020158298e-06, 8.518015789421578e-07, 5.054285753043446e-07,
]
FARTHEST = 10.5  # erfc(10.5) is below the smallest float32
ERF = [(-1) ** i / (math.factorial(i) * (2 * i + 1)) for i in range(10)]  # Taylor's, of sqrt(pi) / 2 erf(x) / x
LOWEST = -800.0  # what is below it is taken for it, so that 0 times infinity does not come up


@np.errstate(all="ignore")  # IEEE arithmetic is the promise, whatever np.seterr says
def nn_activation(x: NDArray[np.float32], function: str) -> NDArray[np.float32]:
    """Apply a function to each number.

        exp         e^x
        sigmoid     1 / (1 + e^-x)
        silu        x / (1 + e^-x)
        tanh        (e^2x - 1) / (e^2x + 1)
        erf         2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x
        gelu        x / 2 (1 + erf(x / sqrt(2)))
        gelu_tanh   x / 2 (1 + tanh(u)) = x / (1 + e^-2u),  u = sqrt(2 / pi) (x + 0.044715 x^3)

    Parameters
    ----------
    x : float32 of any shape
    function : "exp", "tanh", "sigmoid", "erf", "gelu", "gelu_tanh" or "silu"

    Returns
    -------
    float32 of the shape of x
        The same bits on every machine. The error is below half a unit in the last place and 2^-26 of one more for exp,
        2^-24 for sigmoid, silu and tanh, 2^-19 for erf, gelu and gelu_tanh; subnormal results are off by half of
        2^-149 and so much of the result. NaN stays NaN. At the infinities each function has its limit: silu and gelu
        of minus infinity are -0.0, where the product that defines them would be NaN.

    **Source** the definitions; Hendrycks and Gimpel, Gaussian Error Linear Units (2016, arXiv 1606.08415), section 2
    (gelu, gelu_tanh, silu); that erfc has short polynomials in a bilinear function of z: Schonfelder, Chebyshev
    Expansions for the Error and Related Functions (1978), Mathematics of Computation 32, pages 1232 to 1240.

    **Departs** the map, the factor and the 16 coefficients of e^(z^2) erfc(z) are our own.

    Cost O(size).

    >>> import numpy as np
    >>> nn_activation(np.float32([0, 1, -np.inf]), "exp").tolist()
    [1.0, 2.7182817459106445, 0.0]
    >>> nn_activation(np.float32([-1, 0, 1]), "tanh").tolist()
    [-0.7615941762924194, 0.0, 0.7615941762924194]
    """
    x, function = activation_arguments(x, function)
    return np.asarray(FUNCTIONS[function](x.astype(np.float64)), np.float32)


def _tanh(x):
    """Return tanh: of |x|, where e^2|x| - 1 does not cancel, with the sign of x."""
    e = exponential_minus_1(2 * np.abs(x))
    return np.copysign(e / (e + 2), x)


def _erf(x):
    """Return erf: near 0 by Taylor's polynomial, else 1 - erfc."""
    near = x * (2 / math.sqrt(math.pi)) * polynomial(x * x, ERF)
    z = np.minimum(np.abs(x), FARTHEST)
    far = 1 - exponential(-(z * z)) * _scaled_erfc(z)
    return np.where(np.abs(x) < 0.5, near, np.copysign(far, x))


def _gelu(x):
    """Return x times half of erfc(-x / sqrt(2)), with erfc(-z) = 2 - erfc(z): nothing cancels; x^2 is exact."""
    x = np.maximum(x, -FARTHEST * math.sqrt(2))
    z = np.minimum(np.abs(x), FARTHEST * math.sqrt(2))
    half = 0.5 * (exponential(-0.5 * (z * z)) * _scaled_erfc(z * math.sqrt(0.5)))
    return x * np.where(x < 0, half, 1 - half)


def _gelu_tanh(x):
    x = np.maximum(x, LOWEST)
    u2 = math.sqrt(8 / math.pi) * (x + 0.044715 * (x * x * x))
    return x / (1 + exponential(-u2))


def _silu(x):
    x = np.maximum(x, LOWEST)
    return x / (1 + exponential(-x))


def _scaled_erfc(z):
    """Return e^(z^2) erfc(z) for 0 <= z <= 10.5, to 2^-43.9: 4 / (z + 4) times a polynomial in (z - 4) / (z + 4)."""
    u = 4 / (z + 4)
    return u * polynomial(1 - 2 * u, ERFC)


FUNCTIONS = {
    "exp": exponential,
    "tanh": _tanh,
    "sigmoid": lambda x: 1 / (1 + exponential(-x)),
    "erf": _erf,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
}


def activation_arguments(x, function) -> tuple[np.ndarray, str]:
    """Return x and the function's name, or refuse the arguments."""
    return arguments.array(x, "x", np.float32), arguments.choice(function, "function", FUNCTIONS)
