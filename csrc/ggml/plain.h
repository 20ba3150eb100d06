/* Blocks of 32 integers and a scale, decoded: a part of the template blocks.h. Byte j of the codes of 4 bits holds
 * number j in its low half and number j + 16 in its high half; the fifth bit of number j is bit j of a word. */
#ifndef RC_GGML_PLAIN_H
#define RC_GGML_PLAIN_H

RC_INLINE TARGET float half_of(const uint8_t *data)
{
    return number_of(data[0] | data[1] << 8, FLOAT16);
}

/* Each product is exact. */
RC_INLINE TARGET void decode_q4_0(const uint8_t *data, float *out)
{
    const float d = half_of(data);
    for (int p = 0; p < 16; p++)
        out[p] = d * (float)((data[2 + p] & 15) - 8);
    for (int p = 0; p < 16; p++)
        out[16 + p] = d * (float)((data[2 + p] >> 4) - 8);
}

RC_INLINE TARGET void decode_q4_1(const uint8_t *data, float *out)
{
    const float d = half_of(data), m = half_of(data + 2);
    for (int p = 0; p < 16; p++)
        out[p] = d * (float)(data[4 + p] & 15) + m;
    for (int p = 0; p < 16; p++)
        out[16 + p] = d * (float)(data[4 + p] >> 4) + m;
}

/* 16 where a bit is 1, else 0. */
RC_INLINE TARGET void fifth_bits(const uint8_t *bits, int32_t *high)
{
    const uint32_t word =
        (uint32_t)bits[0] | (uint32_t)bits[1] << 8 | (uint32_t)bits[2] << 16 | (uint32_t)bits[3] << 24;
    static const uint32_t bit[32] = {
        1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,  1u << 8,  1u << 9,  1u << 10,
        1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15, 1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21,
        1u << 22, 1u << 23, 1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31,
    };
    for (int p = 0; p < 32; p++)
        high[p] = -(int32_t)((word & bit[p]) == bit[p]) & 16;
}

RC_INLINE TARGET void decode_q5_0(const uint8_t *data, float *out)
{
    const float d = half_of(data);
    int32_t high[32];
    fifth_bits(data + 2, high);
    for (int p = 0; p < 16; p++)
        out[p] = d * (float)((data[6 + p] & 15) + high[p] - 16);
    for (int p = 0; p < 16; p++)
        out[16 + p] = d * (float)((data[6 + p] >> 4) + high[16 + p] - 16);
}

RC_INLINE TARGET void decode_q5_1(const uint8_t *data, float *out)
{
    const float d = half_of(data), m = half_of(data + 2);
    int32_t high[32];
    fifth_bits(data + 4, high);
    for (int p = 0; p < 16; p++)
        out[p] = d * (float)((data[8 + p] & 15) + high[p]) + m;
    for (int p = 0; p < 16; p++)
        out[16 + p] = d * (float)((data[8 + p] >> 4) + high[16 + p]) + m;
}

RC_INLINE TARGET void decode_q8_0(const uint8_t *data, float *out)
{
    const float d = half_of(data);
    for (int p = 0; p < 32; p++)
        out[p] = d * (float)(int8_t)data[2 + p];
}
#endif
