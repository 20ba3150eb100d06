/* Products with narrow weights, the bit-level definition: the sixteen chains of gemm_f32f32 (README.md draws them), and
 * each weight is decoded where it is used. */
#include "narrow.h"
#include <math.h>

enum { CHAINS = 16 };

RC_INLINE int products(const enum operation op, size_t begin, size_t end, size_t m, size_t ldx, size_t ldy,
                       const float *x, const struct rc_narrow *w, float *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            float acc[CHAINS] = {0};
            if (scales_sums(op, w)) {
                const int8_t *values = (const int8_t *)w->codes + o * w->row;
                const int zero = w->zero_point[o * w->stride];
                for (size_t p = 0; p < w->k; p++)
                    acc[p % CHAINS] = fmaf(x[i * ldx + p], (float)(values[p] - zero), acc[p % CHAINS]);
                for (size_t c = 0; c < CHAINS; c++)
                    acc[c] *= ((const float *)w->scale)[o * w->stride];
            } else {
                for (size_t p = 0; p < w->k; p++)
                    acc[p % CHAINS] = fmaf(x[i * ldx + p], weight_of(op, w, o, p), acc[p % CHAINS]);
            }
            for (size_t half = CHAINS / 2; half > 0; half /= 2)
                for (size_t c = 0; c < half; c++)
                    acc[c] += acc[c + half];
            y[i * ldy + o] = acc[0] + 0.0f; /* -0.0, of chains that are nothing else, becomes +0.0 */
        }
    }
    return RC_OK;
}

#define KERNEL(function, op) \
    int function(size_t begin, size_t end, size_t m, size_t ldx, size_t ldy, const float *x, \
                 const struct rc_narrow *w, float *y) \
    { \
        return products(op, begin, end, m, ldx, ldy, x, w, y); \
    }
KERNEL(rc_gemm_f32s8_portable, S8)
KERNEL(rc_gemm_f32s4_portable, S4)
KERNEL(rc_gemm_f32f16_portable, F16)
KERNEL(rc_gemm_f32bf16_portable, BF16)
KERNEL(rc_gemm_f32fp8_portable, FP8)
KERNEL(rc_gemm_f32lut4_portable, LUT4)
KERNEL(rc_gemm_f32lut8_portable, LUT8)
KERNEL(rc_gemm_f32nf4_portable, NF4)
KERNEL(rc_gemm_f32mx_portable, MX)
KERNEL(rc_gemm_f32nvfp4_portable, NVFP4)
