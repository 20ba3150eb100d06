/* Products so short that packing their weights would take longer than the work: the weights are read as they lie. The
 * results are those of the kernels. */
#include "../requantize.h"
#include <math.h>

/* Codes of 4 bits in a row, two in a byte or a byte each. */
RC_INLINE unsigned code_at(const struct rc_narrow *w, const uint8_t *row, size_t p)
{
    return (w->nibbles ? row[p / 2] >> p % 2 * 4 : row[p]) & 15;
}

int rc_short_s8s4(size_t m, size_t n, const int8_t *x, const float *x_scale, const struct rc_narrow *w,
                  const int8_t *table, float *y)
{
    for (size_t o = 0; o < n; o++) {
        const uint8_t *row = (const uint8_t *)w->codes + o * w->row;
        const float *scale = (const float *)w->scale + o * w->stride;
        for (size_t i = 0; i < m; i++) {
            float total = 0.0F;
            for (size_t g = 0; g * w->group < w->k; g++) {
                const int zero = w->zero_point ? w->zero_point[o * w->stride + g] : 0;
                int32_t sum = 0;
                for (size_t p = g * w->group; p < rc_min(w->k, (g + 1) * w->group); p++)
                    sum += x[i * w->k + p] * (table[code_at(w, row, p)] - zero);
                total = fmaf((float)sum, scale[g], total);
            }
            y[i * n + o] = total * x_scale[i];
        }
    }
    return RC_OK;
}

int rc_short_s8s8_scaled(size_t m, size_t n, const int8_t *x, const float *x_scale, const struct rc_quantized *w,
                         const float *bias, float *y)
{
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
    return RC_OK;
}

int rc_short_s8s8_requantized(size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w, const int32_t *bias,
                              const int32_t *multiplier, const int32_t *shift, int zero_point, int lowest, int highest,
                              int8_t *y)
{
    const struct rc_to_s8 to = {bias, multiplier, shift, zero_point, lowest, highest};
    for (size_t i = 0; i < m; i++)
        for (size_t o = 0; o < n; o++) {
            int32_t sum = bias[o];
            for (size_t p = 0; p < k; p++)
                sum += x[i * k + p] * w[o * k + p];
            y[i * n + o] = rc_to_s8_one(sum, &to, o);
        }
    return RC_OK;
}
