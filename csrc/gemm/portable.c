/* Dense products with int8 weights, the bit-level definition: y = x w^T, as the header writes it. */
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

int rc_gemm_f32s8_portable(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t group, size_t stride,
                           const float *x, const int8_t *w, const float *scale, const int8_t *zero_point, float *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            for (size_t first = 0, g = 0; first < k; first += group, g++) {
                const size_t count = k - first < group ? k - first : group;
                const float *input = x + i * k + first;
                const int8_t *weight = w + o * k + first;
                const int zero = zero_point[o * stride + g];
                float inner[CHAINS] = {0};
                for (size_t p = 0; p < count; p++)
                    inner[p % CHAINS] = fmaf(input[p], (float)(weight[p] - zero), inner[p % CHAINS]);
                for (size_t c = 0; c < CHAINS; c++)
                    acc[c] = fmaf(scale[o * stride + g], inner[c], acc[c]);
            }
            for (size_t half = CHAINS / 2; half > 0; half /= 2)
                for (size_t c = 0; c < half; c++)
                    acc[c] += acc[c + half];
            y[i * n + o] = acc[0];
        }
    }
    return RC_OK;
}
