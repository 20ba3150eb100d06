/* Blocks of small numbers: the bit-level definition. */
#include "../quantize/places.h"
#include "number.h"

#define TARGET
#define MX_ENCODE rc_floats_mx_encode_portable
#define MX_DECODE rc_floats_mx_decode_portable
#define NF4_ENCODE rc_floats_nf4_encode_portable
#define NF4_DECODE rc_floats_nf4_decode_portable
#define MAXIMA rc_floats_maxima_portable
#define NVFP4_ENCODE rc_floats_nvfp4_encode_portable
#define NVFP4_DECODE rc_floats_nvfp4_decode_portable

/* The largest float that is at most boundary * s; the product is exact. */
static float round_down(double boundary, float s)
{
    const double exact = boundary * (double)s;
    const float t = (float)exact;
    const int32_t bits = bits_of(t);
    return float_of((double)t > exact ? bits + (bits < 0 ? 1 : -1) : bits);
}

RC_INLINE void mx_codes(const struct format f, float power, const float *x, uint8_t *codes)
{
    const int32_t sign = 1 << (f.exponent + f.mantissa);
    for (int p = 0; p < 32; p++) {
        const float ratio = x[p] * power;
        if (f.exponent) {
            const int32_t code = code_of(ratio, f, sign - 1 - f.specials);
            codes[p] = (uint8_t)select_int(code == sign, 0, code); /* -0.0 */
        } else {
            float steps = ratio * 64.0f;
            steps = steps > -127.0f ? steps : -127.0f;
            steps = steps < 127.0f ? steps : 127.0f;
            codes[p] = (uint8_t)(int32_t)nearest(steps);
        }
    }
}

#define LIMITS struct limits
struct limits {
    float limit[16];
};

static LIMITS limits_of(const double *boundaries, float s)
{
    LIMITS limits;
    for (int i = 0; i < 16; i++)
        limits.limit[i] = round_down(boundaries[i], s);
    return limits;
}

RC_INLINE void level_codes(LIMITS limits, const float *x, uint8_t *codes)
{
    int32_t code[16] = {0};
    for (int i = 0; i < 15; i++)
        for (int p = 0; p < 16; p++)
            code[p] += x[p] > limits.limit[i];
    for (int p = 0; p < 16; p++)
        codes[p] = (uint8_t)code[p];
}

#define STEPS struct steps
struct steps {
    float limit[7];
};

static STEPS steps_of(const double *boundaries, float s)
{
    STEPS steps;
    for (int i = 0; i < 7; i++)
        steps.limit[i] = round_down(boundaries[i], s);
    return steps;
}

RC_INLINE void step_codes(STEPS steps, const float *x, uint8_t *codes)
{
    int32_t code[16] = {0};
    for (int i = 0; i < 7; i++)
        for (int p = 0; p < 16; p++)
            code[p] += float_of(bits_of(x[p]) & INT32_MAX) > steps.limit[i];
    for (int p = 0; p < 16; p++)
        codes[p] = (uint8_t)(code[p] | (x[p] < 0.0f && code[p] ? 8 : 0));
}

RC_INLINE void level_values(const float *levels, float s, const uint8_t *codes, float *x)
{
    for (int p = 0; p < 16; p++)
        x[p] = levels[codes[p] & 15] * s;
}

RC_INLINE void e2m1_values(float s, const uint8_t *codes, float *x)
{
    float out[16];
    for (int p = 0; p < 16; p++)
        out[p] = number_of(codes[p], FP4_E2M1) * s;
    memcpy(x, out, sizeof out);
}

RC_INLINE void sixteen_maxima(const size_t pieces, const float *x, int32_t *most)
{
    for (size_t i = 0; i < 16; i++) {
        int32_t m = 0;
        for (size_t p = 0; p < 16 * pieces; p++) {
            const int32_t magnitude = bits_of(x[16 * pieces * i + p]) & INT32_MAX;
            m = magnitude > m ? magnitude : m;
        }
        most[i] = m;
    }
}

#include "blocks.h"
