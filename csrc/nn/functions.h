/* The functions of rc_nn_activation, of vectors of doubles; reference/nn/activation.py has the same steps. */
#include "doubles.h"

static const double ERFC[] = {
    0.27399891525010794, -0.24413718227021897, 0.19330217557055565, -0.13521345782816915,
    0.08271289677063694, -0.04350273441739329, 0.01909538220168981, -0.006592509577004525,
    0.0015279864531809336, -7.028540312739595e-05, -0.00011367112423059836, 4.443930448731871e-05,
    -9.493354153870086e-07, -5.187649020158298e-06, 8.518015789421578e-07, 5.054285753043446e-07,
};
static const double ERF[] = {
    1.0, -1.0 / 3, 1.0 / 10, -1.0 / 42, 1.0 / 216, -1.0 / 1320, 1.0 / 9360, -1.0 / 75600, 1.0 / 685440, -1.0 / 6894720,
};

/* e^(z^2) erfc(z) for 0 <= z <= 10.5. */
RC_INLINE TARGET VEC scaled_erfc(VEC z)
{
    const VEC u = 4 / (z + 4);
    return u * polynomial(1 - 2 * u, ERFC, 16);
}

RC_INLINE TARGET VEC tanh_of(VEC x)
{
    const VEC e = exponential_minus_1(2 * magnitude(x));
    return with_sign(e / (e + 2), x);
}

RC_INLINE TARGET VEC erf_of(VEC x)
{
    const VEC near = x * 0x1.20dd750429b6dp+0 * polynomial(x * x, ERF, 10); /* 2 / sqrt(pi) */
    const VEC z = at_most(10.5, magnitude(x));
    const VEC far = 1 - exponential(-(z * z)) * scaled_erfc(z);
    return select(magnitude(x) < all(0.5), near, with_sign(far, x));
}

/* Of SIDE vectors. What the exponential is of lies between -56 and 0. */
RC_INLINE TARGET void gelus(VEC *x)
{
    const double farthest = 0x1.db2cfe686fe7dp+3; /* 10.5 sqrt(2) */
    VEC e[SIDE], u[SIDE], t[SIDE], p[SIDE];
    RC_UNROLL for (size_t i = 0; i < SIDE; i++) {
        x[i] = at_least(-farthest, x[i]);
        const VEC z = at_most(farthest, magnitude(x[i]));
        u[i] = 4 / (z * 0x1.6a09e667f3bcdp-1 + 4); /* 1 / sqrt(2) */
        t[i] = 1 - 2 * u[i];
        e[i] = -0.5 * (z * z);
    }
    polynomials(t, ERFC, 16, p);
    exponentials(e);
    RC_UNROLL for (size_t i = 0; i < SIDE; i++) {
        const VEC half = 0.5 * (e[i] * (u[i] * p[i]));
        x[i] = x[i] * SELECT_LESS(x[i], all(0), half, 1 - half);
    }
}

RC_INLINE TARGET VEC gelu_tanh(VEC x)
{
    x = at_least(-800, x);
    const VEC u2 = 0x1.9884533d43651p+0 * (x + 0.044715 * (x * x * x)); /* sqrt(8 / pi) */
    return x / (1 + exponential(-u2));
}

RC_INLINE TARGET VEC silu(VEC x)
{
    x = at_least(-800, x);
    return x / (1 + exponential(-x));
}

RC_INLINE TARGET VEC activation(const enum rc_nn_function function, VEC x)
{
    switch (function) {
    case RC_NN_EXP: return exponential(x);
    case RC_NN_TANH: return tanh_of(x);
    case RC_NN_SIGMOID: return 1 / (1 + exponential(-x));
    case RC_NN_ERF: return erf_of(x);
    case RC_NN_GELU: break; /* of several vectors at once: gelus */
    case RC_NN_GELU_TANH: return gelu_tanh(x);
    case RC_NN_SILU: return silu(x);
    }
    return x;
}
