/* Keys of floats, and sums of twice the digits. */
#ifndef REFCOMPRESS_SHARE_SUMS_H
#define REFCOMPRESS_SHARE_SUMS_H
#include "../kernels.h"

#include <string.h>

/* Of the bits of a float: positive ones keep their order above the negative ones, whose order turns; -0.0 is 0.0. */
RC_INLINE uint32_t key_of(uint32_t bits)
{
    if (bits << 1 == 0)
        bits = 0;
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

RC_INLINE float value_of(uint32_t key)
{
    const uint32_t bits = key >> 31 ? key & 0x7fffffffu : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Adds a term to a sum in two parts: low takes what the rounding of high loses, exactly (Knuth's two-sum). */
RC_INLINE void share_add(double *high, double *low, double term)
{
    const double sum = *high + term, part = sum - *high;
    *low += (*high - (sum - part)) + (term - part);
    *high = sum;
}
#endif
