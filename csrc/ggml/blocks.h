/* Template of the blocks of ggml: encoding, and the list of what is decoded. Included after these were defined:
 *
 * ENCODE, DECODE       the functions' names
 * TARGET               their instruction set, or nothing
 * LOOK_UP(table, codes, numbers)   16 numbers of a table of 16 bytes by 16 codes; a loop where it is not defined
 *
 * Loops of a constant length, without a branch, of which the compiler makes vectors; what they write is an array of
 * their own first, so that it knows that nothing overlaps.
 */
#include "../memory.h"
#include "../floats/number.h"

enum { NUMBERS = 32, MOST_NUMBERS = 256, Q4_0_BYTES = 18, Q8_0_BYTES = 34 };

#include "nested.h"
#include "plain.h"
#include "tables.h"

/* Blocks whose scales are found at once: divisions and float16 codes in vectors of 16. */
enum { TOGETHER = 16 };
struct scales {
    float by[TOGETHER];     /* inverses of scales, 0 where these are infinite */
    int32_t code[TOGETHER]; /* scales in float16 */
};

/* The scales of blocks from what they are in proportion to. Returns whether all are finite float16. */
RC_INLINE TARGET int find_scales(const float *of, const float divisor, struct scales *s)
{
    int32_t largest = 0;
    for (int b = 0; b < TOGETHER; b++) {
        const float d = of[b] / divisor;
        const int32_t bits = bits_of(1.0f / d), code = code_of(d, FLOAT16, 0x7C00), size = code & 0x7FFF;
        s->by[b] = float_of(select_int((bits & INT32_MAX) == 0x7F800000, 0, bits));
        s->code[b] = code;
        largest = size > largest ? size : largest;
    }
    return largest < 0x7C00;
}

RC_INLINE TARGET void put_scale(int32_t code, uint8_t *data)
{
    data[0] = (uint8_t)code;
    data[1] = (uint8_t)(code >> 8);
}

RC_INLINE TARGET int32_t most_of(const float *x)
{
    int32_t most = 0;
    for (int p = 0; p < NUMBERS; p++) {
        const int32_t magnitude = bits_of(x[p]) & INT32_MAX;
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

/* The first of the numbers of the largest magnitude; +0.0 of zeros, whatever their signs. As integers positive floats
 * rise with their magnitude; without a sign negative ones do, and lie above all others. */
RC_INLINE TARGET float extreme_of(const float *x, int32_t *most)
{
    int32_t plus = 0;
    uint32_t minus = 0;
    for (int p = 0; p < NUMBERS; p++) {
        const int32_t bits = bits_of(x[p]);
        plus = bits > plus ? bits : plus;
        minus = (uint32_t)bits > minus ? (uint32_t)bits : minus;
    }
    const int32_t below = (int32_t)(minus & INT32_MAX);
    *most = plus > below ? plus : below;
    if (plus != below || minus <= INT32_MAX)
        return float_of(plus > below ? plus : (int32_t)minus);
    for (int p = 0; p < NUMBERS; p++) /* of both signs */
        if ((bits_of(x[p]) & INT32_MAX) == below)
            return x[p] + 0.0f;
    return 0.0f;
}

/* What becomes an integer is clipped as bits: of a choice between floats, one of them a constant, GCC made a branch for
 * each number, or a mask. */
RC_INLINE TARGET void encode_q8_0(const float *x, float by, uint8_t *data)
{
    uint8_t codes[NUMBERS];
    for (int p = 0; p < NUMBERS; p++) {
        const int32_t steps = bits_of(x[p] * by), negative = steps >> 31, size = steps & INT32_MAX;
        const int32_t clipped = size < 0x43000000 ? size : 0x43000000; /* 128; not finite */
        /* The float below 1/2: of a half the sum is rounded up to the next integer, of the float below a half it is
         * not. */
        const int32_t code = (int32_t)(float_of(clipped) + 0x1.fffffep-2f);
        codes[p] = (uint8_t)((code ^ negative) - negative);
    }
    memcpy(data + 2, codes, sizeof codes);
}

RC_INLINE TARGET void encode_q4_0(const float *x, float by, uint8_t *data)
{
    int32_t codes[NUMBERS];
    uint8_t bytes[NUMBERS / 2];
    for (int p = 0; p < NUMBERS; p++) {
        const int32_t steps = bits_of(x[p] * by + 8.5f), above = steps > 0 ? steps : 0;
        codes[p] = (int32_t)float_of(above < 0x41780000 ? above : 0x41780000); /* 15.5 */
    }
    for (int p = 0; p < NUMBERS / 2; p++)
        bytes[p] = (uint8_t)(codes[p] | codes[p + NUMBERS / 2] << 4);
    memcpy(data + 2, bytes, sizeof bytes);
}

RC_INLINE TARGET int encode(const int four, size_t begin, size_t end, const float *x, uint8_t *data)
{
    const size_t bytes = four ? Q4_0_BYTES : Q8_0_BYTES;
    int good = 1;
    for (size_t r = begin; r < end; r += TOGETHER) {
        const size_t count = rc_min(TOGETHER, end - r);
        float of[TOGETHER] = {0};
        struct scales s;
        for (size_t b = 0; b < count; b++) {
            const float *block = x + (r + b) * NUMBERS;
            prefetch(block, NUMBERS * sizeof *x);
            int32_t most;
            if (four)
                of[b] = extreme_of(block, &most);
            else
                of[b] = float_of(most = most_of(block));
            good &= most < 0x7F800000;
        }
        good &= find_scales(of, four ? -8.0f : 127.0f, &s);
        for (size_t b = 0; b < count; b++) {
            uint8_t *to = data + (r + b) * bytes;
            put_scale(s.code[b], to);
            if (four)
                encode_q4_0(x + (r + b) * NUMBERS, s.by[b], to);
            else
                encode_q8_0(x + (r + b) * NUMBERS, s.by[b], to);
        }
    }
    return good;
}

TARGET int ENCODE(size_t begin, size_t end, enum rc_ggml_type type, const float *x, uint8_t *data)
{
    const int good = type == RC_GGML_Q8_0   ? encode(0, begin, end, x, data)
                     : type == RC_GGML_Q4_0 ? encode(1, begin, end, x, data)
                                            : 0;
    return good ? RC_OK : RC_BAD_VALUE;
}

/* All blocks of the range, of a type. */
#define DECODE_TYPE(type, decode, numbers, bytes) \
    case RC_GGML_##type: { \
        const int stream = streams((end - begin) * (numbers), sizeof *x, x + begin * (numbers)); \
        for (size_t r = begin; r < end; r++) { \
            float out[MOST_NUMBERS]; \
            prefetch(data + r * (bytes), (bytes)); \
            decode(data + r * (bytes), out); \
            store(x + r * (numbers), out, (numbers) * sizeof *x, stream); \
        } \
        end_streaming(stream); \
        return RC_OK; \
    }

TARGET int DECODE(size_t begin, size_t end, enum rc_ggml_type type, const uint8_t *data, float *x)
{
    switch (type) {
        DECODE_TYPE(Q4_0, decode_q4_0, 32, Q4_0_BYTES)
        DECODE_TYPE(Q4_1, decode_q4_1, 32, 20)
        DECODE_TYPE(Q5_0, decode_q5_0, 32, 22)
        DECODE_TYPE(Q5_1, decode_q5_1, 32, 24)
        DECODE_TYPE(Q8_0, decode_q8_0, 32, Q8_0_BYTES)
        DECODE_TYPE(Q2_K, decode_q2_k, 256, 84)
        DECODE_TYPE(Q3_K, decode_q3_k, 256, 110)
        DECODE_TYPE(Q4_K, decode_q4_k, 256, 144)
        DECODE_TYPE(Q5_K, decode_q5_k, 256, 176)
        DECODE_TYPE(Q6_K, decode_q6_k, 256, 210)
        DECODE_TYPE(IQ4_NL, decode_iq4_nl, 32, 18)
        DECODE_TYPE(IQ4_XS, decode_iq4_xs, 256, 136)
        DECODE_TYPE(TQ1_0, decode_tq1_0, 256, 54)
        DECODE_TYPE(TQ2_0, decode_tq2_0, 256, 66)
        DECODE_TYPE(MXFP4, decode_mxfp4, 32, 17)
        DECODE_TYPE(NVFP4, decode_nvfp4, 64, 36)
    }
    return RC_BAD_VALUE;
}
