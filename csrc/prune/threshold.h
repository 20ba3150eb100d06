/* Template of sums one term after the other, many terms at a time. Included after these were defined:
 *
 * CHAIN, THRESHOLD     the functions' names
 * TARGET               their instruction set
 * VEC, LANES           a vector of doubles, and of how many
 * v_set1(a), v_read(x) all a; LANES floats as doubles
 * v_abs(v), v_sum(v)   magnitudes; the sum of the lanes, in any order
 * v_fma(a, b, c)       a b + c
 * TIES, no_ties(), with_ties(ties, a, b), any_ties(ties)   what remembers whether some a was b
 * kept_from(w, least, stream, mask)   mask = |w| >= least for 64 floats
 *
 * Each sum is rounded: s <- round(s + t). As long as all sums lie in 2^e .. 2^(e + 1), s is a multiple of u =
 * 2^(e - 52), and round(s + t) = s + r, r the multiple of u next to t: unless t lies in the middle between two of them,
 * where it would count which of them makes s even. So a turn of terms adds the sum of its r, which is exact in any
 * order. It is known beforehand that no sum leaves 2^e .. 2^(e + 1) where s is as far from both as the magnitudes of
 * all r together, and u more. Else the turn is added one term after the other.
 *
 * r = (t + c) - c with c = 1.5 * 2^e, whose neighbours are u away: t + c lies in 2^e .. 2^(e + 1) too, where the
 * magnitudes of all r together are below 2^(e - 1).
 */
#include "../memory.h"

enum { TURN = 32 };

/* 2^e with 2^e <= |s| < 2^(e + 1); 0 where s is 0 or so small or large that u, or 2^(e + 1), is no normal number. */
RC_INLINE double power_below(double s)
{
    uint64_t bits;
    memcpy(&bits, &s, sizeof bits);
    const uint64_t exponent = bits >> 52 & 0x7FF;
    bits = exponent > 64 && exponent < 2000 ? exponent << 52 : 0;
    memcpy(&s, &bits, sizeof s);
    return s;
}

/* The sum goes on from *sum over the range: of w, or if `squares` of (w - mean)^2. */
RC_INLINE TARGET void chain(const int squares, size_t begin, size_t end, const float *w, double mean, double *sum)
{
    double s = *sum, power = power_below(s);
    size_t i = begin;
    for (; i + TURN <= end; i += TURN) {
        const VEC c = v_set1(1.5 * power), half = v_set1(0x1p-53 * power), middle = v_set1(mean);
        VEC total = v_set1(0.0), size = v_set1(0.0);
        TIES ties = no_ties();
        RC_UNROLL
        for (size_t p = 0; p < TURN; p += LANES) {
            VEC t = v_read(w + i + p);
            if (squares)
                t = (t - middle) * (t - middle);
            const VEC r = (t + c) - c;
            ties = with_ties(ties, v_abs(t - r), half);
            total = total + r;
            if (!squares)
                size = size + v_abs(r);
        }
        const double a = v_sum(squares ? total : size), u = 0x1p-52 * power, own = s < 0 ? -s : s;
        if (a < power / 2 && !any_ties(ties) && own + a <= 2 * power - u && (squares || own - a >= power + u)) {
            s += squares ? a : v_sum(total);
            continue;
        }
        for (size_t p = i; p < i + TURN; p++)
            s += squares ? (w[p] - mean) * (w[p] - mean) : (double)w[p];
        power = power_below(s);
    }
    for (; i < end; i++)
        s += squares ? (w[i] - mean) * (w[i] - mean) : (double)w[i];
    *sum = s;
}

/* The sums of w and of w^2 go on over the range, in any order: of a block in SIDE vectors each, whose sum is added. The
 * machine itself asks for what is read from the first to the last: to ask for it here took a seventh longer. */
enum { SIDE = 4, BLOCK = 4096 };

RC_INLINE TARGET void moments(size_t begin, size_t end, const float *w, double *sums)
{
    double sum = sums[0], square = sums[1];
    for (size_t last; begin < end; begin = last) {
        VEC s[SIDE], q[SIDE];
        size_t i = begin;
        last = begin + rc_min(BLOCK, end - begin);
        for (size_t p = 0; p < SIDE; p++)
            s[p] = q[p] = v_set1(0.0);
        for (; i + SIDE * LANES <= last; i += SIDE * LANES) {
            RC_UNROLL
            for (size_t p = 0; p < SIDE; p++) {
                const VEC t = v_read(w + i + p * LANES);
                s[p] = s[p] + t;
                q[p] = v_fma(t, t, q[p]);
            }
        }
        double own = v_sum((s[0] + s[1]) + (s[2] + s[3])), squares = v_sum((q[0] + q[1]) + (q[2] + q[3]));
        for (; i < last; i++) {
            own += (double)w[i];
            squares += (double)w[i] * (double)w[i];
        }
        sum += own;
        square += squares;
    }
    sums[0] = sum;
    sums[1] = square;
}

TARGET int CHAIN(size_t begin, size_t end, int squares, const float *w, double mean, double *sum)
{
    if (squares == 2)
        moments(begin, end, w, sum);
    else if (squares)
        chain(1, begin, end, w, mean, sum);
    else
        chain(0, begin, end, w, mean, sum);
    return RC_OK;
}

TARGET int THRESHOLD(size_t begin, size_t end, const float *w, double threshold, uint8_t *mask)
{
    const float least = rc_prune_least(threshold);
    size_t i = begin;
    const int stream = streams(end - begin, 1, mask + begin);
    for (; i + 64 <= end; i += 64) {
        prefetch(w + i, 64 * sizeof *w);
        kept_from(w + i, least, stream, mask + i);
    }
    end_streaming(stream);
    for (; i < end; i++)
        mask[i] = __builtin_fabsf(w[i]) >= least;
    return RC_OK;
}
