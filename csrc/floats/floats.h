/* float32 to and from small floating-point formats: the template of all kernels. Every step is an operation on 32-bit
 * integers, or one on floats that is exact or rounds once, without a branch, in loops of a constant length: so the
 * compiler makes vectors of them, of the length that the including file's target has, and all targets give the same
 * bits. */
#ifndef REFCOMPRESS_FLOATS_H
#define REFCOMPRESS_FLOATS_H
#include "../kernels.h"
#include <string.h>

/* Numbers a turn: four of the longest vectors of floats, one of bytes. */
enum { RC_RUN = 64 };

/* As in formats/floats.py. specials : codes above the largest finite number's, of one sign. nan : 0 where there is
 * none. */
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

    /* A normal number: add just below half of the last bit kept, or half if that bit is 1, and cut; a carry goes on
     * into the exponent, and stays below 2^31 + 2^30. Then count the exponent from the new bias. */
    const uint32_t half = (1u << (drop - 1)) - 1 + ((uint32_t)magnitude >> drop & 1);
    int32_t code = (int32_t)(((uint32_t)magnitude + half) >> drop);
    if (f.exponent < 8) { /* bfloat16 has float32's own exponents: no other bias, and subnormal numbers are cut alike */
        code -= (127 - bias) << f.mantissa;
        /* A subnormal number: the last bit of 2^(1 - bias - mantissa + 23) is worth the format's smallest step, so
         * adding it rounds to whole steps, halves to even, and leaves their count in the low bits. */
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
        /* A subnormal number has no leading 1: read as if it had, with the same exponent, it is too large by just that,
         * and the difference is exact. (To scale it by a product would be slow: one factor would be subnormal in
         * float32.) */
        const float one = rc_float((128 - bias) << 23);
        bits = rc_select(magnitude < 1 << f.mantissa, rc_bits(rc_float(bits + (1 << 23)) - one), bits);
        /* Infinity keeps its fraction of 0, and so do the NaNs beside it; e4m3's NaN is alone, and its fraction is not
         * 0. */
        if (f.specials)
            bits = rc_select(magnitude > sign - 1 - f.specials, 0x7F800000 | magnitude << drop, bits);
    }
    return rc_float(bits | (int32_t)((uint32_t)(code & sign) << (31 - f.exponent - f.mantissa)));
}

/* Numbers are read and written once, from and to memory where there are many of them, so that memory sets the pace. Two
 * things keep up with it. The bytes of a run that is RC_AHEAD bytes further on are asked for early: without that the
 * SSE2 kernels took two to three times as long. And where a range is long (its results would push more useful things
 * out of the caches) they go past the caches: a line that is stored the usual way is read first. That halved the time
 * of decoding. */
enum { RC_AHEAD = 2048, RC_LONG = 1 << 18 };

RC_INLINE void rc_prefetch(const void *from, size_t size)
{
    for (size_t p = 0; p < size; p += 64)
        __builtin_prefetch((const char *)((uintptr_t)from + RC_AHEAD + p)); /* past the end too: it is a hint */
}

/* Whether the results of a range go past the caches: to the address of the first one. */
RC_INLINE int rc_streams(size_t numbers, const void *to)
{
    return RC_X86 && numbers >= RC_LONG && (uintptr_t)to % 16 == 0;
}

RC_INLINE void rc_store(void *to, const void *from, size_t size, int stream)
{
#if RC_X86
    if (stream) { /* SSE2, so that the portable kernel of this machine has it too; four of these fill a line */
        for (size_t p = 0; p < size; p += 16)
            _mm_stream_si128((void *)((char *)to + p), _mm_loadu_si128((const void *)((const char *)from + p)));
        return;
    }
#endif
    (void)stream;
    memcpy(to, from, size);
}

/* After the last store past the caches: what other threads then see of ours comes in order again. */
RC_INLINE void rc_end_streaming(int stream)
{
#if RC_X86
    if (stream)
        _mm_sfence();
#endif
    (void)stream;
}

/* One run of RC_RUN numbers. wide and f are constants where this is used. The results go to an array of our own first,
 * so that the compiler knows that nothing overlaps; it stays in the nearest cache. */
RC_INLINE void rc_encode_run(struct rc_format f, int wide, int32_t top, const float *x, void *codes, int stream)
{
    if (wide) {
        uint16_t out[RC_RUN];
        for (size_t p = 0; p < RC_RUN; p++)
            out[p] = (uint16_t)rc_code(x[p], f, top);
        rc_store(codes, out, sizeof out, stream);
    } else {
        uint8_t out[RC_RUN];
        for (size_t p = 0; p < RC_RUN; p++)
            out[p] = (uint8_t)rc_code(x[p], f, top);
        rc_store(codes, out, sizeof out, stream);
    }
}

RC_INLINE void rc_decode_run(struct rc_format f, int wide, const void *codes, float *x, int stream)
{
    float out[RC_RUN];
    if (wide)
        for (size_t p = 0; p < RC_RUN; p++)
            out[p] = rc_number(((const uint16_t *)codes)[p], f);
    else
        for (size_t p = 0; p < RC_RUN; p++)
            out[p] = rc_number(((const uint8_t *)codes)[p], f);
    rc_store(x, out, sizeof out, stream);
}

/* All numbers of a range: whole runs where they lie, and the last, shorter one by way of arrays of a run's length. */
RC_INLINE void rc_encode_range(size_t begin, size_t end, struct rc_format f, int wide, int saturate, const float *x,
                               void *codes)
{
    const int32_t largest = (1 << (f.exponent + f.mantissa)) - 1 - f.specials;
    const int32_t top = saturate || !f.specials ? largest : largest + 1;
    const size_t size = wide ? sizeof(uint16_t) : sizeof(uint8_t);
    unsigned char *to = (unsigned char *)codes + begin * size;
    const int stream = rc_streams(end - begin, to);
    for (; end - begin >= RC_RUN; begin += RC_RUN, to += RC_RUN * size) {
        rc_prefetch(x + begin, RC_RUN * sizeof *x);
        rc_encode_run(f, wide, top, x + begin, to, stream);
    }
    rc_end_streaming(stream);
    if (begin < end) {
        float in[RC_RUN] = {0};
        uint16_t out[RC_RUN];
        memcpy(in, x + begin, (end - begin) * sizeof *x);
        rc_encode_run(f, wide, top, in, out, 0);
        memcpy(to, out, (end - begin) * size);
    }
}

RC_INLINE void rc_decode_range(size_t begin, size_t end, struct rc_format f, int wide, const void *codes, float *x)
{
    const size_t size = wide ? sizeof(uint16_t) : sizeof(uint8_t);
    const unsigned char *from = (const unsigned char *)codes + begin * size;
    const int stream = rc_streams(end - begin, x + begin);
    for (; end - begin >= RC_RUN; begin += RC_RUN, from += RC_RUN * size) {
        rc_prefetch(from, RC_RUN * size);
        rc_decode_run(f, wide, from, x + begin, stream);
    }
    rc_end_streaming(stream);
    if (begin < end) {
        uint16_t in[RC_RUN] = {0};
        float out[RC_RUN];
        memcpy(in, from, (end - begin) * size);
        rc_decode_run(f, wide, in, out, 0);
        memcpy(x + begin, out, (end - begin) * sizeof *x);
    }
}

/* The bodies of the two kernels: each format has its own loop. */
#define RC_EACH_FORMAT(RANGE)                                                                                          \
    switch (format) {                                                                                                  \
    case RC_FLOAT16: RANGE(((struct rc_format){5, 10, 1 << 10, 0x7E00}), 1); break;                                    \
    case RC_BFLOAT16: RANGE(((struct rc_format){8, 7, 1 << 7, 0x7FC0}), 1); break;                                     \
    case RC_FP8_E4M3: RANGE(((struct rc_format){4, 3, 1, 0x7F}), 0); break;                                            \
    case RC_FP8_E5M2: RANGE(((struct rc_format){5, 2, 1 << 2, 0x7E}), 0); break;                                       \
    case RC_FP6_E2M3: RANGE(((struct rc_format){2, 3, 0, 0}), 0); break;                                               \
    case RC_FP6_E3M2: RANGE(((struct rc_format){3, 2, 0, 0}), 0); break;                                               \
    case RC_FP4_E2M1: RANGE(((struct rc_format){2, 1, 0, 0}), 0); break;                                               \
    }                                                                                                                  \
    return RC_OK
#define RC_ENCODE(f, wide) rc_encode_range(begin, end, f, wide, saturate, x, codes)
#define RC_DECODE(f, wide) rc_decode_range(begin, end, f, wide, codes, x)
#define RC_FLOATS_KERNELS(isa, target)                                                                                 \
    target int rc_floats_encode_##isa(size_t begin, size_t end, enum rc_float_format format, int saturate,             \
                                      const float *x, void *codes)                                                     \
    {                                                                                                                  \
        RC_EACH_FORMAT(RC_ENCODE);                                                                                     \
    }                                                                                                                  \
    target int rc_floats_decode_##isa(size_t begin, size_t end, enum rc_float_format format, const void *codes,        \
                                      float *x)                                                                        \
    {                                                                                                                  \
        RC_EACH_FORMAT(RC_DECODE);                                                                                     \
    }
#endif
