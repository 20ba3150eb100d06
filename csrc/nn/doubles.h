/* Vectors of doubles, and e^v of them. Included after these were defined:
 *
 * TARGET               the instruction set of all functions here, or nothing
 * LANES                doubles in its vectors
 * WIDEN(v)             floats as doubles: GCC 12 makes five instructions of what is one
 * IN_TURN(v)           nothing, but the compiler does not move it, nor what sets v, behind the next one
 * SELECT_LESS(a, b, yes, no)   yes where a < b, else no
 * AT_LEAST(low, v), AT_MOST(high, v)   the vector v, or where it is less, or more, the vector low or high; a NaN stays
 *
 * The compiler's own vectors: +, -, * and / of them round as those of doubles do, so every length
 * gives the same bits. reference/exponential.py has the same steps, and says why they are enough.
 */
#include "../kernels.h"
#include <math.h>
#include <string.h>

typedef double VEC __attribute__((vector_size(LANES * 8)));
typedef int64_t BITS __attribute__((vector_size(LANES * 8)));
typedef float NARROW __attribute__((vector_size(LANES * 4)));

/* Sixteen elements are a turn, for the sums have sixteen chains. SIDE vectors go side by side through what is slow. */
enum { TURN = 16, PARTS = TURN / LANES, SIDE = 4, BLOCK = SIDE * LANES,
       LONGEST = BLOCK > TURN ? BLOCK : TURN };

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
    return AT_LEAST(all(low), v);
}

RC_INLINE TARGET VEC at_most(double high, VEC v)
{
    return AT_MOST(all(high), v);
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

/* Polynomials of SIDE vectors, step by step: each step waits for the one before, and those of the other vectors go on
 * meanwhile. IN_TURN keeps the compiler from sorting them by vector again. */
RC_INLINE TARGET void polynomials(const VEC *t, const double *coefficients, const size_t count, VEC *p)
{
    VEC p0 = all(coefficients[count - 1]), p1 = p0, p2 = p0, p3 = p0;
    RC_UNROLL for (size_t i = count - 1; i-- > 0;) {
        p0 = p0 * t[0] + coefficients[i];
        p1 = p1 * t[1] + coefficients[i];
        p2 = p2 * t[2] + coefficients[i];
        p3 = p3 * t[3] + coefficients[i];
        IN_TURN(p0);
        IN_TURN(p1);
        IN_TURN(p2);
        IN_TURN(p3);
    }
    p[0] = p0, p[1] = p1, p[2] = p2, p[3] = p3;
}

/* e^v = (1 + q) power. Adding 2^52 + 2^51 leaves n, the integer next to v log2(e), in the low bits of the sum. */
struct power {
    VEC q, power;
};

static const double TAYLOR[] = {
    1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800,
    1.0 / 39916800, 1.0 / 479001600,
};

/* Return r, what is left of v without n log(2), and set the power, 2^n. v lies between -708 and 709. */
RC_INLINE TARGET VEC remainder_of(VEC v, VEC *power)
{
    const double shift = 0x1.8p+52;
    const VEC sum = v * 0x1.71547652b82fep+0 + shift, n = sum - shift;
    *power = (VEC)(((BITS)sum + 1023) << 52);
    return (v - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
}

RC_INLINE TARGET struct power power_of(VEC v)
{
    struct power e;
    const VEC r = remainder_of(at_most(709, at_least(-708, v)), &e.power);
    e.q = r * polynomial(r, TAYLOR, 12);
    return e;
}

/* e^v of SIDE vectors between -708 and 709, or of NaNs. */
RC_INLINE TARGET void exponentials(VEC *v)
{
    VEC r[SIDE], q[SIDE], power[SIDE];
    RC_UNROLL for (size_t i = 0; i < SIDE; i++)
        r[i] = remainder_of(v[i], &power[i]);
    polynomials(r, TAYLOR, 12, q);
    RC_UNROLL for (size_t i = 0; i < SIDE; i++)
        v[i] = (1 + r[i] * q[i]) * power[i];
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
