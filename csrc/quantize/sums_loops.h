/* The loops of requantize_s32 for the compiler's vectors: what is exact in double goes 64 sums at a time. Included
 * after TARGET was defined. */
#include "../requantize.h"
#include "places.h"

enum { BLOCK = 64 };

RC_INLINE int32_t requantized(const enum rc_rounding rounding, int32_t x, int32_t multiplier, int32_t shift,
                              const struct rc_to_s8 *to)
{
    const int64_t p = (int64_t)x * multiplier;
    if (rounding == RC_HALF_EVEN)
        return rc_clip(rc_half_even(p, (unsigned)(31 + shift)) + to->zero_point, to->lowest, to->highest);
    const int64_t q = rounding == RC_GEMMLOWP ? (p + (1 << 30)) >> 31 : p;
    const unsigned s = (unsigned)(rounding == RC_GEMMLOWP ? shift : 31 + shift);
    const int64_t half = s ? (int64_t)1 << (s - 1) : 0;
    const int64_t rounded = (q + half - (q < 0 && s)) >> s; /* ties away from zero */
    return rc_clip(rounded + to->zero_point, to->lowest, to->highest);
}

#ifndef BLOCK_IN_DOUBLE
/* A whole block by scales in double; the arrays are our own, so that nothing overlaps. Scales are below 1 and have 31
 * bits, so the products lie in int32 when they were rounded. */
RC_INLINE TARGET void block_in_double(const int32_t *x, const double *scale, const struct rc_to_s8 *to, int8_t *y)
{
    const double shift_out = 6755399441055744.0; /* 1.5 * 2^52: the sum's unit in the last place is 1 */
    const int32_t zero_point = to->zero_point, lowest = to->lowest - zero_point, highest = to->highest - zero_point;
    int32_t out[BLOCK];
    int8_t bytes[BLOCK];
    for (size_t c = 0; c < BLOCK; c++)
        out[c] = (int32_t)((x[c] * scale[c] + shift_out) - shift_out);
    for (size_t c = 0; c < BLOCK; c++) {
        const int32_t t = out[c] < lowest ? lowest : out[c];
        bytes[c] = (int8_t)((t > highest ? highest : t) + zero_point);
    }
    memcpy(y, bytes, sizeof bytes);
}
#endif

/* The scales of a block; returns whether all serve: rc_exact_in_double() of sums of any size. */
RC_INLINE TARGET int scales_of_block(const int32_t *multiplier, const int32_t *shift, double *scale)
{
    int32_t other = 0;
    for (size_t c = 0; c < BLOCK; c++) {
        const int64_t power = (int64_t)(1023 - 31 - shift[c]) << 52;
        double two;
        memcpy(&two, &power, sizeof two);
        scale[c] = multiplier[c] * two;
        other |= shift[c] | (14 - shift[c]); /* negative if a shift is below 0 or above 14 */
    }
    return other >= 0;
}

RC_INLINE TARGET void requantize_run(const enum rc_rounding rounding, const int wide, const int each, size_t count,
                                     const int32_t *x, const int32_t *multiplier, const int32_t *shift,
                                     const struct rc_to_s8 *to, void *y)
{
    size_t i = 0;
    if (rounding == RC_HALF_EVEN && !wide) {
        double scale[BLOCK];
        if (!each)
            for (size_t c = 0; c < BLOCK; c++)
                scale[c] = rc_scale_of(*multiplier, *shift);
        const int serves = each || rc_exact_in_double(to, 0, INT32_MAX);
        for (; serves && i + BLOCK <= count; i += BLOCK) {
            if (each && !scales_of_block(multiplier + i, shift + i, scale))
                for (size_t c = i; c < i + BLOCK; c++)
                    ((int8_t *)y)[c] = (int8_t)requantized(rounding, x[c], multiplier[c], shift[c], to);
            else
                block_in_double(x + i, scale, to, (int8_t *)y + i);
        }
    }
    for (; i < count; i++) {
        const size_t o = each ? i : 0;
        put_integer(wide, y, i, requantized(rounding, x[i], multiplier[o], shift[o], to));
    }
}
