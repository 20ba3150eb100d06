/* float32 to and from small floating-point formats: the template of all kernels. Every step is an operation on 32-bit
 * integers, or one on floats that is exact or rounds once, without a branch, in loops of a constant length: so the compiler
 * makes vectors of them, of the length that the including file's target has, and all targets give the same bits. */
#ifndef REFCOMPRESS_FLOATS_H
#define REFCOMPRESS_FLOATS_H
#include "../kernels.h"
#include <string.h>

/* Numbers a turn: four of the longest vectors of floats, one of bytes. */
enum { RC_RUN = 64 };

/* As in formats/floats.py. specials : codes above the largest finite number's, of one sign. nan : 0 where there is none. */
struct rc_format {
    int exponent, mantissa;
    int32_t specials, nan;
};

RC_INLINE int32_t rc_bits(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

RC_INLINE float rc_float(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* condition ? a : b, for which GCC would branch, to save the operations behind the one that is not taken. */
RC_INLINE int32_t rc_select(int condition, int32_t a, int32_t b)
{
    return b ^ ((a ^ b) & -(int32_t)condition);
}

/* The code of one number. top : the code that no magnitude may exceed. */
RC_INLINE int32_t rc_code(float x, struct rc_format f, int32_t top)
{
    const int drop = 23 - f.mantissa; /* bits of float32's fraction that go */
    const int32_t bias = (1 << (f.exponent - 1)) - 1;
    const int32_t negative = rc_bits(x) < 0, magnitude = rc_bits(x) & INT32_MAX;

    /* A normal number: add just below half of the last bit kept, or half if that bit is 1, and cut; a carry goes on into the
     * exponent, and stays below 2^31 + 2^30. Then count the exponent from the new bias. */
    const uint32_t half = (1u << (drop - 1)) - 1 + ((uint32_t)magnitude >> drop & 1);
    int32_t code = (int32_t)(((uint32_t)magnitude + half) >> drop);
    if (f.exponent < 8) { /* bfloat16 has float32's own exponents: no other bias, and subnormal numbers are cut alike */
        code -= (127 - bias) << f.mantissa;
        /* A subnormal number: the last bit of 2^(1 - bias - mantissa + 23) is worth the format's smallest step, so adding
         * it rounds to whole steps, halves to even, and leaves their count in the low bits. */
        const int32_t unit = (127 + 1 - bias + drop) << 23;
        const int32_t steps = rc_bits(rc_float(magnitude) + rc_float(unit)) - unit;
        code = rc_select(magnitude < (128 - bias) << 23, steps, code);
    }
    code = rc_select(code < top, code, top);
    code |= negative << (f.exponent + f.mantissa);
    return f.nan ? rc_select(magnitude > 0x7F800000, f.nan, code) : code;
}

/* The number of one code; bits that are not the format's are ignored. */
RC_INLINE float rc_number(int32_t code, struct rc_format f)
{
    const int drop = 23 - f.mantissa;
    const int32_t bias = (1 << (f.exponent - 1)) - 1;
    const int32_t sign = 1 << (f.exponent + f.mantissa), magnitude = code & (sign - 1);
    int32_t bits = magnitude << drop;
    if (f.exponent < 8) {
        bits += (127 - bias) << 23;
        /* A subnormal number has no leading 1: read as if it had, with the same exponent, it is too large by just that, and
         * the difference is exact. (To scale it by a product would be slow: one factor would be subnormal in float32.) */
        const float one = rc_float((128 - bias) << 23);
        bits = rc_select(magnitude < 1 << f.mantissa, rc_bits(rc_float(bits + (1 << 23)) - one), bits);
        /* Infinity keeps its fraction of 0, and so do the NaNs beside it; e4m3's NaN is alone, and its fraction is not 0. */
        if (f.specials)
            bits = rc_select(magnitude > sign - 1 - f.specials, 0x7F800000 | magnitude << drop, bits);
    }
    return rc_float(bits | (int32_t)((uint32_t)(code & sign) << (31 - f.exponent - f.mantissa)));
}

/* All numbers of a range. wide and f are constants where this is used. A run is done between arrays of our own, so that the
 * compiler knows that they do not overlap; the copies to and from them stay in registers or the nearest cache. */
RC_INLINE void rc_encode_range(size_t begin, size_t end, struct rc_format f, int wide, int saturate, const float *x,
                               void *codes)
{
    const int32_t sign = 1 << (f.exponent + f.mantissa), largest = sign - 1 - f.specials;
    const int32_t top = saturate || !f.specials ? largest : largest + 1;
    float in[RC_RUN] = {0};
    for (size_t i = begin; i < end; i += RC_RUN) {
        const size_t n = end - i < RC_RUN ? end - i : RC_RUN;
        memcpy(in, x + i, n * sizeof *x);
        if (wide) {
            uint16_t out[RC_RUN];
            for (size_t p = 0; p < RC_RUN; p++)
                out[p] = (uint16_t)rc_code(in[p], f, top);
            memcpy((uint16_t *)codes + i, out, n * sizeof *out);
        } else {
            uint8_t out[RC_RUN];
            for (size_t p = 0; p < RC_RUN; p++)
                out[p] = (uint8_t)rc_code(in[p], f, top);
            memcpy((uint8_t *)codes + i, out, n);
        }
    }
}

RC_INLINE void rc_decode_range(size_t begin, size_t end, struct rc_format f, int wide, const void *codes, float *x)
{
    float out[RC_RUN];
    uint16_t in16[RC_RUN] = {0};
    uint8_t in8[RC_RUN] = {0};
    for (size_t i = begin; i < end; i += RC_RUN) {
        const size_t n = end - i < RC_RUN ? end - i : RC_RUN;
        if (wide) {
            memcpy(in16, (const uint16_t *)codes + i, n * sizeof *in16);
            for (size_t p = 0; p < RC_RUN; p++)
                out[p] = rc_number(in16[p], f);
        } else {
            memcpy(in8, (const uint8_t *)codes + i, n);
            for (size_t p = 0; p < RC_RUN; p++)
                out[p] = rc_number(in8[p], f);
        }
        memcpy(x + i, out, n * sizeof *x);
    }
}

/* The bodies of the two kernels: each format has its own loop. */
#define RC_EACH_FORMAT(RANGE)                                                                                               \
    switch (format) {                                                                                                       \
    case RC_FLOAT16: RANGE(((struct rc_format){5, 10, 1 << 10, 0x7E00}), 1); break;                                         \
    case RC_BFLOAT16: RANGE(((struct rc_format){8, 7, 1 << 7, 0x7FC0}), 1); break;                                          \
    case RC_FP8_E4M3: RANGE(((struct rc_format){4, 3, 1, 0x7F}), 0); break;                                                 \
    case RC_FP8_E5M2: RANGE(((struct rc_format){5, 2, 1 << 2, 0x7E}), 0); break;                                            \
    case RC_FP6_E2M3: RANGE(((struct rc_format){2, 3, 0, 0}), 0); break;                                                    \
    case RC_FP6_E3M2: RANGE(((struct rc_format){3, 2, 0, 0}), 0); break;                                                    \
    case RC_FP4_E2M1: RANGE(((struct rc_format){2, 1, 0, 0}), 0); break;                                                    \
    }                                                                                                                       \
    return RC_OK
#define RC_ENCODE(f, wide) rc_encode_range(begin, end, f, wide, saturate, x, codes)
#define RC_DECODE(f, wide) rc_decode_range(begin, end, f, wide, codes, x)
#define RC_FLOATS_KERNELS(isa, target)                                                                                      \
    target int rc_floats_encode_##isa(size_t begin, size_t end, enum rc_float_format format, int saturate, const float *x,  \
                                      void *codes)                                                                          \
    {                                                                                                                       \
        RC_EACH_FORMAT(RC_ENCODE);                                                                                          \
    }                                                                                                                       \
    target int rc_floats_decode_##isa(size_t begin, size_t end, enum rc_float_format format, const void *codes, float *x)   \
    {                                                                                                                       \
        RC_EACH_FORMAT(RC_DECODE);                                                                                          \
    }
#endif
