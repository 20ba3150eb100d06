/* Dense products, the bit-level definition: y = x w^T, as the header writes it. */
#include "../kernels.h"
#include <math.h>

int rc_gemm_s8s8_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                          int32_t *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            int32_t sum = 0;
            for (size_t p = 0; p < k; p++)
                sum += x[i * k + p] * w[o * k + p];
            y[i * n + o] = sum;
        }
    }
    return RC_OK;
}

int rc_gemm_u8s8_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                          int32_t *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            int32_t sum = 0;
            for (size_t p = 0; p < k; p++)
                sum += x[i * k + p] * w[o * k + p];
            y[i * n + o] = sum;
        }
    }
    return RC_OK;
}

/* Sixteen chains: as many as the widest vector has lanes, and enough that none waits for its last sum. */
enum { CHAINS = 16 };

/* Carry acc on over one row's k inputs of one width. */
#define CARRY_ON(NAME, INTEGER)                                                                                       \
    static void NAME(size_t k, size_t group, const float *x, const INTEGER *w, const float *scale,                    \
                     const INTEGER *zero_point, float *acc)                                                           \
    {                                                                                                                 \
        for (size_t first = 0, g = 0; first < k; first += group, g++) {                                               \
            const size_t count = k - first < group ? k - first : group;                                               \
            const int zero = zero_point[g];                                                                           \
            float inner[CHAINS] = {0};                                                                                \
            for (size_t p = 0; p < count; p++)                                                                        \
                inner[p % CHAINS] = fmaf(x[first + p], (float)(w[first + p] - zero), inner[p % CHAINS]);              \
            for (size_t c = 0; c < CHAINS; c++)                                                                       \
                acc[c] = fmaf(scale[g], inner[c], acc[c]);                                                            \
        }                                                                                                             \
    }

CARRY_ON(carry_on_8, int8_t)
CARRY_ON(carry_on_16, int16_t)

static float tree(float *acc)
{
    for (size_t half = CHAINS / 2; half > 0; half /= 2)
        for (size_t c = 0; c < half; c++)
            acc[c] += acc[c + half];
    return acc[0];
}

int rc_gemm_f32s8_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t group, size_t stride,
                           const float *x, const int8_t *w, const float *scale, const int8_t *zero_point, float *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            carry_on_8(k, group, x + i * k, w + o * k, scale + o * stride, zero_point + o * stride, acc);
            y[i * n + o] = tree(acc);
        }
    }
    return RC_OK;
}

int rc_gemm_f32mixed_portable(size_t begin, size_t end, size_t m, size_t n, size_t k8, size_t group8, size_t stride8,
                              size_t k16, size_t group16, size_t stride16, const float *x, const int8_t *w8,
                              const float *scale8, const int8_t *zero8, const int16_t *w16, const float *scale16,
                              const int16_t *zero16, const int64_t *place, float *y)
{
    for (size_t i = 0; i < m; i++) {
        const float *input = x + i * (k8 + k16);
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            carry_on_8(k8, group8, input, w8 + o * k8, scale8 + o * stride8, zero8 + o * stride8, acc);
            carry_on_16(k16, group16, input + k8, w16 + o * k16, scale16 + o * stride16, zero16 + o * stride16, acc);
            y[i * n + (size_t)place[o]] = tree(acc);
        }
    }
    return RC_OK;
}

int rc_gemm_f32f32_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t across, size_t apart, int transposed,
                            const float *x, const float *w, float *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            for (size_t p = 0; p < k; p++) {
                if (transposed)
                    acc[0] = fmaf(x[i * across + p], w[p * n + o], acc[0]);
                else
                    acc[p % CHAINS] = fmaf(x[i * across + p], w[o * k + p], acc[p % CHAINS]);
            }
            y[i * apart + o] = transposed ? acc[0] : tree(acc);
        }
    }
    return RC_OK;
}
