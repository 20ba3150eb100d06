/* Products so short that packing their weights would take longer than the work: the weights are read as they lie. The
 * results are those of the kernels. */
#include "../mode.h"
#include "../requantize.h"
#include <float.h>
#include <math.h>

enum { MOST = 1 << 13 };     /* multiply-adds of a product */
enum { MOST_SHIFT = 31 }; /* of a multiplier: reference/quantize/requantization.py says why */

/* Codes of 4 bits in a row, two in a byte or a byte each. */
RC_INLINE unsigned code_at(const struct rc_narrow *w, const uint8_t *row, size_t p)
{
    return (w->nibbles ? row[p / 2] >> p % 2 * 4 : row[p]) & 15;
}

int rc_short_s8s4(size_t m, size_t n, const int8_t *x, const float *x_scale, const struct rc_narrow *w,
                  const int8_t *table, float *y)
{
    int16_t steps[MOST];
    if (!rc_all_within_f32(m, x_scale, FLT_MIN, FLT_MAX))
        return RC_BAD_VALUE;
    if (m == 0)
        return RC_OK;
    uint64_t mode = rc_enter();
    for (size_t o = 0; o < n; o++) {
        const uint8_t *row = (const uint8_t *)w->codes + o * w->row;
        const float *scale = (const float *)w->scale + o * w->stride;
        for (size_t p = 0, g = 0, end; p < w->k; g++) {
            const int8_t *values = table + (o * w->stride + g) * w->entries;
            const int zero = w->zero_point ? w->zero_point[o * w->stride + g] : 0;
            for (end = rc_min(w->k, p + w->group); p < end; p++)
                steps[p] = (int16_t)(values[code_at(w, row, p)] - zero);
        }
        for (size_t i = 0; i < m; i++) {
            float total = 0.0F;
            for (size_t p = 0, g = 0, end; p < w->k; g++) {
                int32_t sum = 0;
                for (end = rc_min(w->k, p + w->group); p < end; p++)
                    sum += x[i * w->k + p] * steps[p];
                total = fmaf((float)sum, scale[g], total);
            }
            y[i * n + o] = total * x_scale[i];
        }
    }
    return rc_leave(mode, RC_OK);
}

int rc_short_s8s8_scaled(size_t m, size_t n, const int8_t *x, const float *x_scale, const struct rc_quantized *w,
                         const float *bias, float *y)
{
    if (!rc_all_within_f32(m, x_scale, FLT_MIN, FLT_MAX))
        return RC_BAD_VALUE;
    uint64_t mode = rc_enter();
    for (size_t o = 0; o < n; o++) {
        const int8_t *row = (const int8_t *)w->values + o * w->k;
        for (size_t i = 0; i < m; i++) {
            double total = 0.0;
            for (size_t g = 0; g * w->group < w->k; g++) {
                const int zero = ((const int8_t *)w->zero_point)[o * w->stride + g];
                int32_t sum = 0;
                for (size_t p = g * w->group; p < rc_min(w->k, (g + 1) * w->group); p++)
                    sum += x[i * w->k + p] * (row[p] - zero);
                total += sum * ((double)x_scale[i] * (double)w->scale[o * w->stride + g]);
            }
            y[i * n + o] = (float)(bias ? total + (double)bias[o] : total);
        }
    }
    return rc_leave(mode, RC_OK);
}

int rc_short_s8s8_requantized(rc_gemm_s8s8 *kernel, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                              const int32_t *bias, const int32_t *multiplier, const int32_t *shift, int zero_point,
                              int lowest, int highest, int8_t *y)
{
    const struct rc_to_s8 to = {bias, multiplier, shift, zero_point, lowest, highest};
    const int32_t most = INT32_MAX - (int32_t)k * (1 << 14); /* no sum leaves int32 */
    int32_t sums[MOST];
    if ((n > 0 && ((uintptr_t)bias | (uintptr_t)multiplier | (uintptr_t)shift) % sizeof *bias) ||
        !rc_all_within_s32(n, bias, -most, most) || !rc_all_within_s32(n, multiplier, 0, INT32_MAX) ||
        !rc_all_within_s32(n, shift, 1 - MOST_SHIFT, MOST_SHIFT))
        return RC_BAD_VALUE;
    if (m == 0 || n == 0)
        return RC_OK;
    int status = kernel(0, n, m, n, k, x, w, sums);
    for (size_t i = 0; i < m; i++)
        for (size_t o = 0; o < n; o++)
            y[i * n + o] = rc_to_s8_one(sums[i * n + o] + bias[o], &to, o);
    return status;
}
