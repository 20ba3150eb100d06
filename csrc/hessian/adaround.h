/* Template of a step of AdaRound's descent. Included after what ../nn/doubles.h wants, and ADAROUND, the function's
 * name. Every element stands for itself; so the reference's steps on arrays and these on vectors give the same bits. */
#include "../nn/doubles.h"

static const double STRETCH = 1.1 - -0.1, GAMMA = -0.1;

RC_INLINE TARGET VEC take(const double *from)
{
    VEC v;
    memcpy(&v, from, sizeof v);
    return v;
}

RC_INLINE TARGET void give(double *to, VEC v)
{
    memcpy(to, &v, sizeof v);
}

/* |a|^power: the squares of squares, from the lowest bit of power up. */
RC_INLINE TARGET VEC power_of_size(VEC a, int power)
{
    VEC result = all(1.0), square = magnitude(a);
    for (; power; power >>= 1) {
        if (power & 1)
            result = result * square;
        square = square * square;
    }
    return result;
}

RC_INLINE TARGET VEC widened(const float *from, const size_t some)
{
    float own[LANES] = {0};
    NARROW v;
    memcpy(own, from, some * sizeof *own);
    memcpy(&v, own, sizeof v);
    return WIDEN(v);
}

RC_INLINE TARGET VEC taken(const double *from, const size_t some)
{
    double own[LANES] = {0};
    memcpy(own, from, some * sizeof *own);
    return take(own);
}

/* LANES elements, of which `some` are there. */
RC_INLINE TARGET void turn(const struct rc_adaround *by, const int again, const size_t some, size_t i, size_t size,
                           double *v, double *mean, double *square, int8_t *x)
{
    const VEC down = widened(by->down + i, some), low = widened(by->low + i, some),
              high = widened(by->high + i, some), zero = {0}, one = all(1.0);
    double own[LANES], root[LANES];
    VEC now = taken(v + i, some), s = 1 / (1 + exponential(-now)), r = STRETCH * s + GAMMA;
    if (again) {
        double total[LANES] = {0};
        for (size_t c = 0; c < some; c++) { /* both halves of both: 14 bits by 14 bits, exact */
            const int32_t hh = by->by_high[i + c], lh = by->by_high[size + i + c], hl = by->by_low[i + c],
                          ll = by->by_low[size + i + c];
            total[c] = (double)hh * 16384 + ((double)lh + (double)hl) * 128 + (double)ll;
        }
        const VEC cut = at_most(1, at_least(0, r)), q = down + cut;
        const BITS inside = (r > zero) & (r < one) & (q > low) & (q < high);
        VEC gradient = taken(by->slope + i, some) * take(total);
        if (by->power) {
            const VEC away = 2 * cut - 1;
            gradient = gradient - with_sign(by->regularizer * power_of_size(away, by->power), away);
        }
        gradient = select(inside, gradient * (STRETCH * s * (1 - s)), zero);
        VEC first = taken(mean + i, some), second = taken(square + i, some);
        first = first + 0.1 * (gradient - first);
        second = second + 0.001 * (gradient * gradient - second);
        give(own, first);
        memcpy(mean + i, own, some * sizeof *mean);
        give(own, second);
        memcpy(square + i, own, some * sizeof *square);
        for (size_t c = 0; c < LANES; c++)
            root[c] = sqrt(own[c]);
        now = now - by->rate * first / (take(root) + 1e-8);
        give(own, now);
        memcpy(v + i, own, some * sizeof *v);
        s = 1 / (1 + exponential(-now));
        r = STRETCH * s + GAMMA;
    }
    const VEC q = down + at_most(1, at_least(0, r)), clipped = AT_MOST(high, AT_LEAST(low, q));
    const VEC t = (clipped - widened(by->steps + i, some)) * taken(by->unit + i, some);
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: the sum's unit in the last place is 1 */
    give(own, (t + shift) - shift);
    int32_t integers[LANES];
    for (size_t c = 0; c < LANES; c++)
        integers[c] = (int32_t)own[c];
    for (size_t c = 0; c < some; c++) {
        const int32_t half = (integers[c] + 64) >> 7;
        x[i + c] = (int8_t)half;
        x[size + i + c] = (int8_t)(integers[c] - half * 128);
    }
}

TARGET int ADAROUND(size_t begin, size_t end, size_t size, const struct rc_adaround *by, double *v, double *mean,
                    double *square, int8_t *x)
{
    size_t i = begin;
    if (by->by_high) {
        for (; i + LANES <= end; i += LANES)
            turn(by, 1, LANES, i, size, v, mean, square, x);
        if (i < end)
            turn(by, 1, end - i, i, size, v, mean, square, x);
    } else {
        for (; i + LANES <= end; i += LANES)
            turn(by, 0, LANES, i, size, v, mean, square, x);
        if (i < end)
            turn(by, 0, end - i, i, size, v, mean, square, x);
    }
    return RC_OK;
}
