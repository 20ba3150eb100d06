/* Products of int8 inputs by codes with scales, the bit-level definition, as the header writes it. */
#include "../kernels.h"
#include <math.h>
#include <string.h>

int rc_gemm_s8s4_portable(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                          const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y)
{
    const size_t groups = (w->k + w->group - 1) / w->group, quads = (w->group + 3) / 4;
    const size_t lines = w->bits == 4 ? (quads + 1) / 2 : quads;
    for (size_t i = begin; i < end; i++)
        for (size_t o = first; o < stop; o++) {
            float total = 0.0F;
            for (size_t g = 0; g < groups; g++) {
                const uint8_t *codes = w->codes + (o / 16 * groups + g) * lines * 64 + o % 16 * 4;
                const int8_t *inputs = x + i * ldx + g * quads * 4;
                const size_t at = (o / 16 * groups + g) * 16 + o % 16;
                int32_t sum = 0;
                for (size_t p = 0; p < quads * 4; p++) {
                    const size_t q = p / 4;
                    const int value = w->bits == 8 ? codes[q * 64 + p % 4]
                                                   : w->table[codes[q / 2 * 64 + p % 4] >> q % 2 * 4 & 15];
                    sum += inputs[p] * value;
                }
                const uint32_t less =
                    (uint32_t)(w->zero ? w->zero[at] : w->zero_of_all) * (uint32_t)x_sums[i * groups + g];
                total = fmaf((float)(int32_t)((uint32_t)sum - less), w->scale[at], total);
            }
            y[i * w->n + o] = total * x_scale[i];
        }
    return RC_OK;
}

int rc_gemm_s8lut4_portable(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                            const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y)
{
    return rc_gemm_s8s4_portable(begin, end, first, stop, ldx, x, x_sums, x_scale, w, y);
}

int rc_gemm_coded_pack_portable(size_t begin, size_t end, size_t n, size_t k, size_t group, size_t bits,
                                const uint8_t *codes, size_t ldc, uint8_t flip, uint8_t *packed)
{
    const size_t groups = (k + group - 1) / group, lines = ((group + 3) / 4 + 1) / 2;
    memset(packed + begin * groups * lines * 64, 0, (end - begin) * groups * lines * 64);
    for (size_t o = begin * 16; o < rc_min(end * 16, n); o++)
        for (size_t p = 0; p < k; p++) {
            const unsigned code = bits == 8 ? codes[o * ldc + p] : codes[o * ldc + p / 2] >> p % 2 * 4 & 15;
            const size_t g = p / group, q = p % group / 4;
            uint8_t *to = packed + ((o / 16 * groups + g) * lines + q / 2) * 64 + o % 16 * 4 + p % group % 4;
            *to = (uint8_t)(*to | (code ^ flip) << q % 2 * 4);
        }
    return RC_OK;
}

int rc_gemm_s8_lay_portable(size_t begin, size_t end, size_t k, size_t group, size_t ldx, const int8_t *x, size_t ldl,
                            int8_t *laid, int32_t *sums)
{
    const size_t groups = (k + group - 1) / group, padded = (group + 3) / 4 * 4;
    for (size_t i = begin; i < end; i++)
        for (size_t g = 0; g < groups; g++) {
            const int8_t *from = x + i * ldx + g * group;
            const size_t count = rc_min(group, k - g * group);
            int32_t sum = 0;
            for (size_t p = 0; p < count; p++)
                sum += from[p];
            sums[i * groups + g] = sum;
            if (laid) {
                memcpy(laid + i * ldl + g * padded, from, count);
                memset(laid + i * ldl + g * padded + count, 0, padded - count);
            }
        }
    return RC_OK;
}
