/* From int32 sums to int8: what all kernels share that round a sum once. */
#ifndef REFCOMPRESS_REQUANTIZE_H
#define REFCOMPRESS_REQUANTIZE_H
#include "kernels.h"

RC_INLINE int32_t rc_clip(int64_t y, int32_t lowest, int32_t highest)
{
    return y < lowest ? lowest : y > highest ? highest : (int32_t)y;
}

/* p / 2^s rounded to nearest, ties to even, |p| <= 2^62 and 1 <= s <= 62: the floor of p and almost a half, or a half
 * where the floor is odd. */
RC_INLINE int64_t rc_half_even(int64_t p, unsigned s)
{
    return (p + ((int64_t)1 << (s - 1)) - 1 + (p >> s & 1)) >> s;
}

/* Output o of a layer: clip(round(acc * multiplier / 2^(31 + shift)) + zero_point, lowest, highest). */
RC_INLINE int8_t rc_to_s8_one(int32_t acc, const struct rc_to_s8 *to, size_t o)
{
    const int64_t p = (int64_t)acc * to->multiplier[o];
    return (int8_t)rc_clip(rc_half_even(p, (unsigned)(31 + to->shift[o])) + to->zero_point, to->lowest, to->highest);
}

/* Whether output o may be scaled in double: acc times multiplier / 2^(31 + shift), rounded to double and then to an
 * integer, is what the integers give. The scale, below 1, has 31 bits. Where shift <= 14, a product below 2^8 in
 * magnitude is a multiple of 2^-45 and so exact in the 53 bits of a double; a larger one is clipped either way. With
 * sums of at most 2^22 every product is exact. */
RC_INLINE int rc_exact_in_double(const struct rc_to_s8 *to, size_t o, int64_t largest_sum)
{
    return to->shift[o] >= 0 && (to->shift[o] <= 14 || largest_sum <= (1 << 22));
}

/* Whether output o may be scaled by a fused multiply-add in double: where the scale is below 1. The exact product is
 * below 2^31 in magnitude, and the sum with RC_UNITS, whose unit in the last place is 1, is rounded once. */
RC_INLINE int rc_exact_by_fma(const struct rc_to_s8 *to, size_t o)
{
    return to->shift[o] >= 0;
}

/* An integer q of an int32 added to it has q in its lower half. */
#define RC_UNITS 6755399441055744.0 /* 1.5 * 2^52 */

/* multiplier / 2^(31 + shift), exact, for a shift of -30 to 31. */
RC_INLINE double rc_scale_of(int32_t multiplier, int32_t shift)
{
    union {
        uint64_t bits;
        double value;
    } power = {.bits = (uint64_t)(1023 - 31 - shift) << 52};
    return (double)multiplier * power.value;
}

/* The nearest integer, ties to even, of t, as far as 2^9: what is clipped to 8 bits in the end is clipped there
 * already. The sum's unit in the last place is 1, so adding rounds it; every compiler makes vectors of this. */
RC_INLINE int32_t rc_nearest_of(double t)
{
    const double shift = RC_UNITS;
    t = t < -512.0 ? -512.0 : t > 512.0 ? 512.0 : t;
    return (int32_t)((t + shift) - shift);
}
#endif
