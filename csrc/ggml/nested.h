/* Blocks of 256 whose scales are quantized again, decoded: a part of the template blocks.h. formats/ggml/nested.py says
 * where the bits lie. Numbers that are neighbours lie in the same field of neighbouring bytes, so a loop is a run of 16
 * or 32 numbers, and all around it is unrolled: shifts are constants. */
#ifndef RC_GGML_NESTED_H
#define RC_GGML_NESTED_H
#include "plain.h"

RC_INLINE TARGET void decode_q2_k(const uint8_t *data, float *out)
{
    const uint8_t *scales = data, *q = data + 16;
    const float d = half_of(data + 80), dmin = half_of(data + 82);
    RC_UNROLL for (int run = 0; run < 16; run++) {
        const float scale = d * (float)(scales[run] & 15), offset = dmin * (float)(scales[run] >> 4);
        const uint8_t *own = q + 32 * (run / 8) + 16 * (run % 2);
        for (int p = 0; p < 16; p++)
            out[16 * run + p] = scale * (float)(own[p] >> 2 * (run / 2 % 4) & 3) - offset;
    }
}

RC_INLINE TARGET void decode_q3_k(const uint8_t *data, float *out)
{
    const uint8_t *high = data, *low = data + 32, *scales = data + 96, *tops = data + 104;
    const float d = half_of(data + 108);
    RC_UNROLL for (int run = 0; run < 16; run++) {
        const int bits = (scales[run % 8] >> 4 * (run / 8) & 15) | (tops[run % 4] >> 2 * (run / 4) & 3) << 4;
        const float scale = d * (float)(bits - 32);
        const uint8_t *own = low + 32 * (run / 8) + 16 * (run % 2), *third = high + 16 * (run % 2);
        for (int p = 0; p < 16; p++) {
            const int code = (own[p] >> 2 * (run / 2 % 4) & 3) | (third[p] >> run / 2 & 1) << 2;
            out[16 * run + p] = scale * (float)(code - 4);
        }
    }
}

/* Scale and offset of run r, of 6 bits, from 12 bytes. */
RC_INLINE TARGET void scale_and_offset(const uint8_t *bits, int r, float *scale, float *offset)
{
    const int s = bits[r % 4], o = bits[4 + r % 4], last = bits[8 + r % 4];
    *scale = (float)(r < 4 ? s & 63 : (last & 15) | s >> 6 << 4);
    *offset = (float)(r < 4 ? o & 63 : last >> 4 | o >> 6 << 4);
}

RC_INLINE TARGET void decode_q4_k(const uint8_t *data, float *out)
{
    const float d = half_of(data), dmin = half_of(data + 2);
    RC_UNROLL for (int run = 0; run < 8; run++) {
        float scale, offset;
        scale_and_offset(data + 4, run, &scale, &offset);
        scale *= d;
        offset *= dmin;
        const uint8_t *own = data + 16 + 32 * (run / 2);
        for (int p = 0; p < 32; p++)
            out[32 * run + p] = scale * (float)(own[p] >> 4 * (run % 2) & 15) - offset;
    }
}

RC_INLINE TARGET void decode_q5_k(const uint8_t *data, float *out)
{
    const float d = half_of(data), dmin = half_of(data + 2);
    const uint8_t *fifth = data + 16;
    RC_UNROLL for (int run = 0; run < 8; run++) {
        float scale, offset;
        scale_and_offset(data + 4, run, &scale, &offset);
        scale *= d;
        offset *= dmin;
        const uint8_t *own = data + 48 + 32 * (run / 2);
        for (int p = 0; p < 32; p++) {
            const int code = (own[p] >> 4 * (run % 2) & 15) | (fifth[p] >> run & 1) << 4;
            out[32 * run + p] = scale * (float)code - offset;
        }
    }
}

RC_INLINE TARGET void decode_q6_k(const uint8_t *data, float *out)
{
    const uint8_t *low = data, *high = data + 128, *scales = data + 192;
    const float d = half_of(data + 208);
    RC_UNROLL for (int run = 0; run < 16; run++) {
        const float scale = d * (float)(int8_t)scales[run];
        const uint8_t *own = low + 64 * (run / 8) + 16 * (run % 4), *top = high + 32 * (run / 8) + 16 * (run % 2);
        for (int p = 0; p < 16; p++) {
            const int code = (own[p] >> 4 * (run / 4 % 2) & 15) | (top[p] >> 2 * (run / 2 % 4) & 3) << 4;
            out[16 * run + p] = scale * (float)(code - 32);
        }
    }
}
#endif
