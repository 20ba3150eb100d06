/* Template of float32 to and from small floating-point formats. Included after these were defined:
 *
 * ENCODE, DECODE       the functions' names
 * TARGET               their instruction set, or nothing
 *
 * Every step is an operation on 32-bit integers, or one on floats that is exact or rounds once, without a branch, in
 * loops of a constant length: so the compiler makes vectors of them, of the length that the target has, and all targets
 * give the same bits.
 */
#include "number.h"

/* Numbers a turn: four of the longest vectors of floats, one of bytes. */
enum { RUN = 64 };

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

/* Numbers are read and written once, from and to memory where there are many of them, so that memory sets the pace. Two
 * things keep up with it. The bytes of a run that is AHEAD bytes further on are asked for early: without that the
 * SSE2 kernels took two to three times as long. And where a range is long (its results would push more useful things
 * out of the caches) they go past the caches: a line that is stored the usual way is read first. That halved the time
 * of decoding. */
enum { AHEAD = 2048, LONG = 1 << 18 };

RC_INLINE void prefetch(const void *from, size_t size)
{
    for (size_t p = 0; p < size; p += 64)
        __builtin_prefetch((const char *)((uintptr_t)from + AHEAD + p)); /* past the end too: it is a hint */
}

/* Whether the results of a range go past the caches: to the address of the first one. */
RC_INLINE int streams(size_t numbers, const void *to)
{
    return RC_X86 && numbers >= LONG && (uintptr_t)to % 16 == 0;
}

RC_INLINE void store(void *to, const void *from, size_t size, int stream)
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
RC_INLINE void end_streaming(int stream)
{
#if RC_X86
    if (stream)
        _mm_sfence();
#endif
    (void)stream;
}

/* One run of RUN numbers. The results go to an array of our own first,
 * so that the compiler knows that nothing overlaps; it stays in the nearest cache. */
RC_INLINE void encode_run(struct format f, int32_t top, const float *x, void *codes, int stream)
{
    if (f.wide) {
        uint16_t out[RUN];
        for (size_t p = 0; p < RUN; p++)
            out[p] = (uint16_t)code_of(x[p], f, top);
        store(codes, out, sizeof out, stream);
    } else {
        uint8_t out[RUN];
        for (size_t p = 0; p < RUN; p++)
            out[p] = (uint8_t)code_of(x[p], f, top);
        store(codes, out, sizeof out, stream);
    }
}

RC_INLINE void decode_run(struct format f, const void *codes, float *x, int stream)
{
    float out[RUN];
    if (f.wide)
        for (size_t p = 0; p < RUN; p++)
            out[p] = number_of(((const uint16_t *)codes)[p], f);
    else
        for (size_t p = 0; p < RUN; p++)
            out[p] = number_of(((const uint8_t *)codes)[p], f);
    store(x, out, sizeof out, stream);
}

/* All numbers of a range: whole runs where they lie, and the last, shorter one by way of arrays of a run's length. */
RC_INLINE void encode_range(size_t begin, size_t end, struct format f, int saturate, const float *x,
                               void *codes)
{
    const int32_t largest = (1 << (f.exponent + f.mantissa)) - 1 - f.specials;
    const int32_t top = saturate || !f.specials ? largest : largest + 1;
    const size_t size = f.wide ? sizeof(uint16_t) : sizeof(uint8_t);
    unsigned char *to = (unsigned char *)codes + begin * size;
    const int stream = streams(end - begin, to);
    for (; end - begin >= RUN; begin += RUN, to += RUN * size) {
        prefetch(x + begin, RUN * sizeof *x);
        encode_run(f, top, x + begin, to, stream);
    }
    end_streaming(stream);
    if (begin < end) {
        float in[RUN] = {0};
        uint16_t out[RUN];
        memcpy(in, x + begin, (end - begin) * sizeof *x);
        encode_run(f, top, in, out, 0);
        memcpy(to, out, (end - begin) * size);
    }
}

RC_INLINE void decode_range(size_t begin, size_t end, struct format f, const void *codes, float *x)
{
    const size_t size = f.wide ? sizeof(uint16_t) : sizeof(uint8_t);
    const unsigned char *from = (const unsigned char *)codes + begin * size;
    const int stream = streams(end - begin, x + begin);
    for (; end - begin >= RUN; begin += RUN, from += RUN * size) {
        prefetch(from, RUN * size);
        decode_run(f, from, x + begin, stream);
    }
    end_streaming(stream);
    if (begin < end) {
        uint16_t in[RUN] = {0};
        float out[RUN];
        memcpy(in, from, (end - begin) * size);
        decode_run(f, in, out, 0);
        memcpy(x + begin, out, (end - begin) * sizeof *x);
    }
}

/* The two kernels: each format has its own loop. */
TARGET int ENCODE(size_t begin, size_t end, enum rc_float_format format, int saturate, const float *x, void *codes)
{
    switch (format) {
    case RC_FLOAT16: encode_range(begin, end, FLOAT16, saturate, x, codes); break;
    case RC_BFLOAT16: encode_range(begin, end, BFLOAT16, saturate, x, codes); break;
    case RC_FP8_E4M3: encode_range(begin, end, FP8_E4M3, saturate, x, codes); break;
    case RC_FP8_E5M2: encode_range(begin, end, FP8_E5M2, saturate, x, codes); break;
    case RC_FP6_E2M3: encode_range(begin, end, FP6_E2M3, saturate, x, codes); break;
    case RC_FP6_E3M2: encode_range(begin, end, FP6_E3M2, saturate, x, codes); break;
    case RC_FP4_E2M1: encode_range(begin, end, FP4_E2M1, saturate, x, codes); break;
    }
    return RC_OK;
}

TARGET int DECODE(size_t begin, size_t end, enum rc_float_format format, const void *codes, float *x)
{
    switch (format) {
    case RC_FLOAT16: decode_range(begin, end, FLOAT16, codes, x); break;
    case RC_BFLOAT16: decode_range(begin, end, BFLOAT16, codes, x); break;
    case RC_FP8_E4M3: decode_range(begin, end, FP8_E4M3, codes, x); break;
    case RC_FP8_E5M2: decode_range(begin, end, FP8_E5M2, codes, x); break;
    case RC_FP6_E2M3: decode_range(begin, end, FP6_E2M3, codes, x); break;
    case RC_FP6_E3M2: decode_range(begin, end, FP6_E3M2, codes, x); break;
    case RC_FP4_E2M1: decode_range(begin, end, FP4_E2M1, codes, x); break;
    }
    return RC_OK;
}
