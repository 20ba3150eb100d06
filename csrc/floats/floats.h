/* Template of float32 to and from small floating-point formats. Included after these were defined:
 *
 * ENCODE, DECODE       the functions' names
 * TARGET               their instruction set, or nothing
 * and where it has instructions for float16 HALVES, with
 * halves_of(x, saturate, codes), floats_of(codes, x)   of RUN numbers
 *
 * Every step is an operation on 32-bit integers, or one on floats that is exact or rounds once, without a branch, in
 * loops of a constant length: so the compiler makes vectors of them, of the length that the target has, and all targets
 * give the same bits.
 */
#include "../memory.h"
#include "number.h"

/* One run of RUN numbers. The results go to an array of our own first, so that the compiler knows that nothing
 * overlaps; it stays in the nearest cache. Returns the bits of the largest magnitude, or 0 where the format has a code
 * for all. */
RC_INLINE TARGET int32_t encode_run(struct format f, int32_t top, const float *x, void *codes, int stream)
{
    int32_t most = 0;
    if (f.wide) {
        uint16_t out[RUN];
#ifdef HALVES
        if (f.exponent == 5)
            halves_of(x, top == 0x7BFF, out);
        else
#endif
        for (size_t p = 0; p < RUN; p++)
            out[p] = (uint16_t)code_of(x[p], f, top);
        store(codes, out, sizeof out, stream);
    } else {
        uint8_t out[RUN];
        for (size_t p = 0; p < RUN; p++)
            out[p] = (uint8_t)code_of(x[p], f, top);
        store(codes, out, sizeof out, stream);
        if (!f.nan)
            for (size_t p = 0; p < RUN; p++) {
                const int32_t magnitude = bits_of(x[p]) & INT32_MAX;
                most = magnitude > most ? magnitude : most;
            }
    }
    return most;
}

RC_INLINE TARGET void decode_run(struct format f, const void *codes, float *x, int stream)
{
    float out[RUN];
    if (f.wide && f.exponent == 5) { /* a NaN becomes a quiet one, as the instruction makes it */
#ifdef HALVES
        floats_of(codes, out);
#else
        for (size_t p = 0; p < RUN; p++) {
            const int32_t bits = bits_of(number_of(((const uint16_t *)codes)[p], f));
            out[p] = float_of(bits | ((bits & INT32_MAX) > 0x7F800000) << 22);
        }
#endif
    } else if (f.wide)
        for (size_t p = 0; p < RUN; p++)
            out[p] = number_of(((const uint16_t *)codes)[p], f);
    else
        for (size_t p = 0; p < RUN; p++)
            out[p] = number_of(((const uint8_t *)codes)[p], f);
    store(x, out, sizeof out, stream);
}

/* All numbers of a range: whole runs where they lie, and the last, shorter one by way of arrays of a run's length. */
RC_INLINE TARGET int encode_range(size_t begin, size_t end, struct format f, int saturate, const float *x, void *codes)
{
    const int32_t largest = (1 << (f.exponent + f.mantissa)) - 1 - f.specials;
    const int32_t top = saturate || !f.specials ? largest : largest + 1;
    const size_t size = f.wide ? sizeof(uint16_t) : sizeof(uint8_t);
    unsigned char *to = (unsigned char *)codes + begin * size;
    const int stream = streams(end - begin, size, to);
    int32_t most = 0;
    for (; end - begin >= RUN; begin += RUN, to += RUN * size) {
        prefetch(x + begin, RUN * sizeof *x);
        const int32_t of_run = encode_run(f, top, x + begin, to, stream);
        most = of_run > most ? of_run : most;
    }
    end_streaming(stream);
    if (begin < end) {
        float in[RUN] = {0};
        uint16_t out[RUN];
        memcpy(in, x + begin, (end - begin) * sizeof *x);
        const int32_t of_run = encode_run(f, top, in, out, 0);
        most = of_run > most ? of_run : most;
        memcpy(to, out, (end - begin) * size);
    }
    return most > 0x7F800000 ? RC_BAD_VALUE : RC_OK;
}

RC_INLINE TARGET void decode_range(size_t begin, size_t end, struct format f, const void *codes, float *x)
{
    const size_t size = f.wide ? sizeof(uint16_t) : sizeof(uint8_t);
    const unsigned char *from = (const unsigned char *)codes + begin * size;
    const int stream = streams(end - begin, sizeof *x, x + begin);
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
    case RC_FLOAT16: return encode_range(begin, end, FLOAT16, saturate, x, codes);
    case RC_BFLOAT16: return encode_range(begin, end, BFLOAT16, saturate, x, codes);
    case RC_FP8_E4M3: return encode_range(begin, end, FP8_E4M3, saturate, x, codes);
    case RC_FP8_E5M2: return encode_range(begin, end, FP8_E5M2, saturate, x, codes);
    case RC_FP6_E2M3: return encode_range(begin, end, FP6_E2M3, saturate, x, codes);
    case RC_FP6_E3M2: return encode_range(begin, end, FP6_E3M2, saturate, x, codes);
    case RC_FP4_E2M1: break;
    }
    return encode_range(begin, end, FP4_E2M1, saturate, x, codes);
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
