/* Vectors of doubles, and e^v of them. Included after these were defined:
 *
 * TARGET               the instruction set of all functions here, or nothing
 * LANES                doubles in its vectors
 * WIDEN(v)             floats as doubles: GCC 12 makes five instructions of what is one
 *
 * The compiler's own vectors, without intrinsics: +, -, * and / of them round as those of doubles do, so every length
 * gives the same bits. reference/nn/exponential.py has the same steps, and says why they are enough.
 */
#include "../kernels.h"
#include <math.h>
#include <string.h>

typedef double VEC __attribute__((vector_size(LANES * 8)));
typedef int64_t BITS __attribute__((vector_size(LANES * 8)));
typedef float NARROW __attribute__((vector_size(LANES * 4)));

/* Sixteen elements are a turn, for the sums have sixteen chains. */
enum { TURN = 16, PARTS = TURN / LANES };

RC_INLINE TARGET VEC all(double a)
{
    return a - (VEC){0};
}

/* condition ? a : b, where a condition is all ones or zero in each lane. */
RC_INLINE TARGET VEC select(BITS condition, VEC a, VEC b)
{
    return (VEC)((condition & (BITS)a) | (~condition & (BITS)b));
}

RC_INLINE TARGET VEC at_least(double low, VEC v) /* a NaN stays */
{
    return select(v < all(low), all(low), v);
}

RC_INLINE TARGET VEC at_most(double high, VEC v)
{
    return select(v > all(high), all(high), v);
}

RC_INLINE TARGET VEC magnitude(VEC v)
{
    return (VEC)((BITS)v & INT64_MAX);
}

RC_INLINE TARGET VEC with_sign(VEC v, VEC sign)
{
    return (VEC)(((BITS)v & INT64_MAX) | ((BITS)sign & INT64_MIN));
}

RC_INLINE TARGET VEC read_floats(const float *x)
{
    NARROW v;
    memcpy(&v, x, sizeof v);
    return WIDEN(v);
}

RC_INLINE TARGET void write_floats(float *y, VEC v)
{
    NARROW narrow = __builtin_convertvector(v, NARROW);
    memcpy(y, &narrow, sizeof narrow);
}

RC_INLINE TARGET VEC polynomial(VEC t, const double *coefficients, const size_t count)
{
    VEC p = all(coefficients[count - 1]);
    RC_UNROLL for (size_t i = count - 1; i-- > 0;)
        p = p * t + coefficients[i];
    return p;
}

/* e^v = (1 + q) power. Adding 2^52 + 2^51 leaves n, the integer next to v log2(e), in the low bits of the sum. */
struct power {
    VEC q, power;
};

static const double TAYLOR[] = {
    1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
    1.0 / 39916800, 1.0 / 479001600,
};

RC_INLINE TARGET struct power power_of(VEC v)
{
    const double shift = 0x1.8p+52;
    v = at_most(709, at_least(-708, v));
    const VEC sum = v * 0x1.71547652b82fep+0 + shift, n = sum - shift;
    const VEC r = (v - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
    struct power e;
    e.q = r * polynomial(r, TAYLOR, 12);
    e.power = (VEC)(((BITS)sum + 1023) << 52);
    return e;
}

RC_INLINE TARGET VEC exponential(VEC v)
{
    const struct power e = power_of(v);
    return (1 + e.q) * e.power;
}

RC_INLINE TARGET VEC exponential_minus_1(VEC v)
{
    const struct power e = power_of(v);
    return e.q * e.power + (e.power - 1);
}
