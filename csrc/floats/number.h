/* The small floating-point formats: the number that a code of one stands for, and the code of a number. Every step is
 * an operation on 32-bit integers, or one on floats that is exact, without a branch: in a loop of a constant length the
 * compiler makes vectors of them. */
#ifndef RC_NUMBER_H
#define RC_NUMBER_H
#include "../kernels.h"
#include <math.h>
#include <string.h>

/* Numbers a turn: four of the longest vectors of floats, one of bytes. */
enum { RUN = 64 };

/* As in formats/floats.py. specials : codes above the largest finite number's, of one sign. nan : 0 where there is
 * none. Codes are uint16_t if wide, else uint8_t. A format is a constant wherever it is used. */
struct format {
    int exponent, mantissa;
    int32_t specials, nan;
    int wide;
};
static const struct format FLOAT16 = {5, 10, 1 << 10, 0x7E00, 1}, BFLOAT16 = {8, 7, 1 << 7, 0x7FC0, 1};
static const struct format FP8_E4M3 = {4, 3, 1, 0x7F, 0}, FP8_E5M2 = {5, 2, 1 << 2, 0x7E, 0};
static const struct format FP6_E2M3 = {2, 3, 0, 0, 0}, FP6_E3M2 = {3, 2, 0, 0, 0}, FP4_E2M1 = {2, 1, 0, 0, 0};

RC_INLINE int32_t bits_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

RC_INLINE float float_of(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* condition ? a : b, for which GCC would branch, to save the operations behind the one that is not taken. */
RC_INLINE int32_t select_int(int condition, int32_t a, int32_t b)
{
    return b ^ ((a ^ b) & -(int32_t)condition);
}

/* The number of one code; bits that are not the format's are ignored. */
RC_INLINE float number_of(int32_t code, struct format f)
{
    const int drop = 23 - f.mantissa;
    const int32_t bias = (1 << (f.exponent - 1)) - 1;
    const int32_t sign = 1 << (f.exponent + f.mantissa), magnitude = code & (sign - 1);
    int32_t bits = magnitude << drop;
    if (f.exponent < 8) {
        bits += (127 - bias) << 23;
        /* A subnormal number has no leading 1: read as if it had, with the same exponent, it is too large by just that,
         * and the difference is exact. (To scale it by a product would be slow: one factor would be subnormal in
         * float32.) */
        const float one = float_of((128 - bias) << 23);
        bits = select_int(magnitude < 1 << f.mantissa, bits_of(float_of(bits + (1 << 23)) - one), bits);
        /* Infinity keeps its fraction of 0, and so do the NaNs beside it; e4m3's NaN is alone, and its fraction is not
         * 0. */
        if (f.specials)
            bits = select_int(magnitude > sign - 1 - f.specials, 0x7F800000 | magnitude << drop, bits);
    }
    return float_of(bits | (int32_t)((uint32_t)(code & sign) << (31 - f.exponent - f.mantissa)));
}

/* The code of one number. top : the code that no magnitude may exceed. */
RC_INLINE int32_t code_of(float x, struct format f, int32_t top)
{
    const int drop = 23 - f.mantissa; /* bits of float32's fraction that go */
    const int32_t bias = (1 << (f.exponent - 1)) - 1;
    const int32_t negative = bits_of(x) < 0, magnitude = bits_of(x) & INT32_MAX;

    /* A normal number: add just below half of the last bit kept, or half if that bit is 1, and cut; a carry goes on
     * into the exponent, and stays below 2^31 + 2^30. Then count the exponent from the new bias. */
    const uint32_t half = (1u << (drop - 1)) - 1 + ((uint32_t)magnitude >> drop & 1);
    int32_t code = (int32_t)(((uint32_t)magnitude + half) >> drop);
    if (f.exponent < 8) { /* bfloat16 has float32's own exponents: no other bias, and subnormal numbers are cut alike */
        code -= (127 - bias) << f.mantissa;
        /* A subnormal number: the last bit of 2^(1 - bias - mantissa + 23) is worth the format's smallest step, so
         * adding it rounds to whole steps, ties to even, and leaves their count in the low bits. */
        const int32_t unit = (127 + 1 - bias + drop) << 23;
        const int32_t steps = bits_of(float_of(magnitude) + float_of(unit)) - unit;
        code = select_int(magnitude < (128 - bias) << 23, steps, code);
    }
    code = select_int(code < top, code, top);
    code |= negative << (f.exponent + f.mantissa);
    return f.nan ? select_int(magnitude > 0x7F800000, f.nan, code) : code;
}
#endif
