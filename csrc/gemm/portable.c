/* Dense products, the bit-level definition: y = x w^T, as the header writes it. */
#include "../kernels.h"
#include <math.h>

RC_INLINE int exact_product(const int is_signed, size_t begin, size_t end, size_t m, size_t n, size_t k, const void *x,
                            const int8_t *w, int32_t *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            int32_t sum = 0;
            for (size_t p = 0; p < k; p++)
                sum += (is_signed ? ((const int8_t *)x)[i * k + p] : ((const uint8_t *)x)[i * k + p]) * w[o * k + p];
            y[i * n + o] = sum;
        }
    }
    return RC_OK;
}

int rc_gemm_s8s8_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                          int32_t *y)
{
    return exact_product(1, begin, end, m, n, k, x, w, y);
}

int rc_gemm_u8s8_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                          int32_t *y)
{
    return exact_product(0, begin, end, m, n, k, x, w, y);
}

/* Sixteen chains: as many as the widest vector has lanes, and enough that none waits for its last sum. README.md draws
 * them. */
enum { CHAINS = 16 };

/* Accumulate the inputs of row o of w, int16_t if wide and else int8_t, into the chains. */
RC_INLINE void accumulate(const int wide, const struct rc_quantized *w, size_t o, const float *x, float *acc)
{
    const size_t k = w->k, group = w->group, scales = o * w->stride;
    const int8_t *values8 = (const int8_t *)w->values + o * k, *zero8 = (const int8_t *)w->zero_point + scales;
    const int16_t *values16 = (const int16_t *)w->values + o * k, *zero16 = (const int16_t *)w->zero_point + scales;
    const float *scale = w->scale + scales;
    for (size_t first = 0, g = 0; first < k; first += group, g++) {
        const size_t count = rc_min(k - first, group);
        const int zero = wide ? zero16[g] : zero8[g];
        float inner[CHAINS] = {0};
        for (size_t p = 0; p < count; p++) {
            const int value = wide ? values16[first + p] : values8[first + p];
            inner[p % CHAINS] = fmaf(x[first + p], (float)(value - zero), inner[p % CHAINS]);
        }
        for (size_t c = 0; c < CHAINS; c++)
            acc[c] = fmaf(scale[g], inner[c], acc[c]);
    }
}

static float reduce(float *acc)
{
    for (size_t half = CHAINS / 2; half > 0; half /= 2)
        for (size_t c = 0; c < half; c++)
            acc[c] += acc[c + half];
    return acc[0] + 0.0f; /* -0.0, of chains that are nothing else, becomes +0.0 */
}

int rc_gemm_f32mixed_portable(size_t begin, size_t end, size_t m, size_t n, const float *x,
                              const struct rc_quantized *w8, const struct rc_quantized *w16, const int64_t *outputs,
                              float *y)
{
    for (size_t i = 0; i < m; i++) {
        const float *input = x + i * (w8->k + w16->k);
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            accumulate(0, w8, o, input, acc);
            accumulate(1, w16, o, input + w8->k, acc);
            y[i * n + (size_t)outputs[o]] = reduce(acc);
        }
    }
    return RC_OK;
}

int rc_gemm_f32f32_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, size_t ldy,
                            int transposed, const float *x, const float *w, float *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            for (size_t p = 0; p < k; p++) {
                if (transposed)
                    acc[0] = fmaf(x[i * ldx + p], w[p * n + o], acc[0]);
                else
                    acc[p % CHAINS] = fmaf(x[i * ldx + p], w[o * k + p], acc[p % CHAINS]);
            }
            y[i * ldy + o] = transposed ? acc[0] : reduce(acc);
        }
    }
    return RC_OK;
}
