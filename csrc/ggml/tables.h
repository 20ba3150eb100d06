/* Blocks whose codes are numbers of a table of 16, and blocks of -1, 0 and 1, decoded: a part of the template blocks.h.
 * formats/ggml/tables.py and ternary.py say where the bits lie. */
#ifndef RC_GGML_TABLES_H
#define RC_GGML_TABLES_H
#include "plain.h"

static const int8_t IQ4_TABLE[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t TWICE_E2M1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

#ifndef LOOK_UP
#define LOOK_UP(table, codes, numbers) \
    for (int p_ = 0; p_ < 16; p_++) \
        (numbers)[p_] = (table)[(codes)[p_]]
#endif

/* 16 numbers of a table by their codes, times d. */
RC_INLINE TARGET void looked_up(const int8_t *table, const uint8_t *codes, float d, float *out)
{
    int8_t numbers[16];
    LOOK_UP(table, codes, numbers);
    for (int p = 0; p < 16; p++)
        out[p] = d * (float)numbers[p];
}

/* Of 16 bytes 32 numbers: those of the low halves first. */
RC_INLINE TARGET void looked_up_halves(const int8_t *table, const uint8_t *bytes, float d, float *out)
{
    uint8_t codes[32];
    for (int p = 0; p < 16; p++)
        codes[p] = bytes[p] & 15;
    for (int p = 0; p < 16; p++)
        codes[16 + p] = (uint8_t)(bytes[p] >> 4);
    looked_up(table, codes, d, out);
    looked_up(table, codes + 16, d, out + 16);
}

RC_INLINE TARGET void decode_iq4_nl(const uint8_t *data, float *out)
{
    looked_up_halves(IQ4_TABLE, data + 2, half_of(data), out);
}

RC_INLINE TARGET void decode_iq4_xs(const uint8_t *data, float *out)
{
    const uint8_t *high = data + 2, *low = data + 4, *q = data + 8;
    const float d = half_of(data);
    RC_UNROLL for (int run = 0; run < 8; run++) {
        const int scale = (low[run / 2] >> 4 * (run % 2) & 15) | (high[run / 4] >> 2 * (run % 4) & 3) << 4;
        looked_up_halves(IQ4_TABLE, q + 16 * run, d * (float)(scale - 32), out + 32 * run);
    }
}

RC_INLINE TARGET void decode_mxfp4(const uint8_t *data, float *out)
{
    const int e = data[0]; /* 2^(e - 128): of 0 and 1 a subnormal number */
    const float d = float_of(e < 2 ? 1 << (21 + e) : (e - 1) << 23);
    looked_up_halves(TWICE_E2M1, data + 1, d, out);
}

/* Half of an unsigned FP8 E4M3: 127 is 0, and 255, whose sign is passed over, 240. */
RC_INLINE TARGET float half_of_e4m3(int code)
{
    const int exponent = code >> 3 & 15, fraction = code & 7;
    const int normal = exponent > 0;
    const float power = float_of((exponent + !normal + 127 - 11) << 23);
    return code == 0x7F ? 0.0f : (float)(fraction + 8 * normal) * power;
}

/* Two runs of 16 numbers at a time: the 8 bytes of a run hold numbers 0 to 7 in their low halves. */
RC_INLINE TARGET void decode_nvfp4(const uint8_t *data, float *out)
{
    RC_UNROLL for (int run = 0; run < 4; run += 2) {
        const uint8_t *bytes = data + 4 + 8 * run;
        const float d0 = half_of_e4m3(data[run]), d1 = half_of_e4m3(data[run + 1]);
        RC_UNROLL for (int half = 0; half < 2; half++) {
            uint8_t codes[16];
            int8_t numbers[16];
            for (int p = 0; p < 16; p++)
                codes[p] = (uint8_t)(bytes[p] >> 4 * half & 15);
            LOOK_UP(TWICE_E2M1, codes, numbers);
            for (int p = 0; p < 8; p++)
                out[16 * run + 8 * half + p] = d0 * (float)numbers[p];
            for (int p = 0; p < 8; p++)
                out[16 * run + 16 + 8 * half + p] = d1 * (float)numbers[8 + p];
        }
    }
}

/* A byte of TQ1_0 is a fraction in base 3: three times it, modulo 256, moves the next digit to the front. */
RC_INLINE TARGET void digits(const uint8_t *bytes, const int count, const int places, float d, float *out)
{
    RC_UNROLL for (int place = 0, power = 1; place < places; place++, power *= 3)
        for (int p = 0; p < count; p++) {
            const int moved = (bytes[p] * power & 255) * 3 >> 8;
            out[place * count + p] = d * (float)(moved - 1);
        }
}

RC_INLINE TARGET void decode_tq1_0(const uint8_t *data, float *out)
{
    const float d = half_of(data + 52);
    digits(data, 32, 5, d, out);
    digits(data + 32, 16, 5, d, out + 160);
    digits(data + 48, 4, 4, d, out + 240);
}

RC_INLINE TARGET void decode_tq2_0(const uint8_t *data, float *out)
{
    const float d = half_of(data + 64);
    RC_UNROLL for (int field = 0; field < 8; field++)
        for (int p = 0; p < 32; p++)
            out[32 * field + p] = d * (float)((data[32 * (field / 4) + p] >> 2 * (field % 4) & 3) - 1);
}
#endif
