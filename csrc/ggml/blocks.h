/* Template of the blocks of ggml. Included after these were defined:
 *
 * ENCODE, DECODE       the functions' names
 * TARGET               their instruction set, or nothing
 *
 * Loops of 32 numbers, without a branch, of which the compiler makes vectors; what they write is an array of their own
 * first, so that it knows that nothing overlaps.
 */
#include "../floats/number.h"

enum { NUMBERS = 32, Q4_0_BYTES = 18, Q8_0_BYTES = 34 };

/* Writes the scale; returns whether it is a finite float16. */
RC_INLINE TARGET int put_scale(float d, uint8_t *data)
{
    const int32_t code = code_of(d, FLOAT16, 0x7C00);
    data[0] = (uint8_t)code;
    data[1] = (uint8_t)(code >> 8);
    return (code & 0x7FFF) < 0x7C00;
}

RC_INLINE TARGET float scale_of(const uint8_t *data)
{
    return number_of(data[0] | data[1] << 8, FLOAT16);
}

/* 1 / d, and 0 where that is infinite. */
RC_INLINE TARGET float inverse(float d)
{
    const int32_t bits = bits_of(1.0f / d);
    return float_of(select_int((bits & INT32_MAX) == 0x7F800000, 0, bits));
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

/* Whether a block could be encoded. Steps are clipped where only numbers that are not finite lie. */
RC_INLINE TARGET int encode_q8_0(const float *x, uint8_t *data)
{
    const int32_t most = most_of(x);
    const float d = float_of(most) / 127.0f, by = inverse(d);
    uint8_t codes[NUMBERS];
    for (int p = 0; p < NUMBERS; p++) {
        const float steps = x[p] * by;
        const int32_t negative = bits_of(steps) >> 31;
        float size = float_of(bits_of(steps) & INT32_MAX);
        size = size < 128.0f ? size : 128.0f;
        /* The float below 1/2: of a half the sum is rounded up to the next integer, of the float below a half it is
         * not. */
        const int32_t code = (int32_t)(size + 0x1.fffffep-2f);
        codes[p] = (uint8_t)((code ^ negative) - negative);
    }
    memcpy(data + 2, codes, sizeof codes);
    return put_scale(d, data) & (most < 0x7F800000);
}

RC_INLINE TARGET int encode_q4_0(const float *x, uint8_t *data)
{
    const int32_t most = most_of(x);
    int32_t first = NUMBERS - 1; /* of the numbers of the largest magnitude */
    for (int32_t p = 0; p < NUMBERS; p++) {
        const int32_t at = select_int((bits_of(x[p]) & INT32_MAX) == most, p, NUMBERS - 1);
        first = at < first ? at : first;
    }
    const float d = (x[first] + 0.0f) / -8.0f, by = inverse(d); /* of zeros -0.0, whatever their signs */
    int32_t codes[NUMBERS];
    uint8_t bytes[NUMBERS / 2];
    for (int p = 0; p < NUMBERS; p++) {
        float steps = x[p] * by + 8.5f;
        steps = steps > 0.0f ? steps : 0.0f;
        steps = steps < 15.5f ? steps : 15.5f;
        codes[p] = (int32_t)steps;
    }
    for (int p = 0; p < NUMBERS / 2; p++)
        bytes[p] = (uint8_t)(codes[p] | codes[p + NUMBERS / 2] << 4);
    memcpy(data + 2, bytes, sizeof bytes);
    return put_scale(d, data) & (most < 0x7F800000);
}

TARGET int ENCODE(size_t begin, size_t end, enum rc_ggml_type type, const float *x, uint8_t *data)
{
    int good = 1;
    if (type == RC_GGML_Q8_0)
        for (size_t r = begin; r < end; r++)
            good &= encode_q8_0(x + r * NUMBERS, data + r * Q8_0_BYTES);
    else
        for (size_t r = begin; r < end; r++)
            good &= encode_q4_0(x + r * NUMBERS, data + r * Q4_0_BYTES);
    return good ? RC_OK : RC_BAD_VALUE;
}

TARGET int DECODE(size_t begin, size_t end, enum rc_ggml_type type, const uint8_t *data, float *x)
{
    float out[NUMBERS];
    if (type == RC_GGML_Q8_0)
        for (size_t r = begin; r < end; r++) {
            const uint8_t *from = data + r * Q8_0_BYTES;
            const float d = scale_of(from);
            for (int p = 0; p < NUMBERS; p++)
                out[p] = d * (float)(int8_t)from[2 + p];
            memcpy(x + r * NUMBERS, out, sizeof out);
        }
    else
        for (size_t r = begin; r < end; r++) {
            const uint8_t *from = data + r * Q4_0_BYTES;
            const float d = scale_of(from);
            for (int p = 0; p < NUMBERS / 2; p++)
                out[p] = d * (float)((from[2 + p] & 15) - 8);
            for (int p = 0; p < NUMBERS / 2; p++)
                out[NUMBERS / 2 + p] = d * (float)((from[2 + p] >> 4) - 8);
            memcpy(x + r * NUMBERS, out, sizeof out);
        }
    return RC_OK;
}
