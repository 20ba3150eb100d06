/* Products of packed int8 weights, the bit-level definition, as the header writes it. What a user may rely on:
 * spec/gemm.md, GEMM-4 and GEMM-5. */
#include "../requantize.h"

/* The sum of group g: modulo 2^32 on the way, and in the end what no int32 is too small for. */
static int32_t sum_of_group(const int8_t *x, const struct rc_packed_s8 *w, size_t o, size_t g)
{
    const size_t groups = w->group ? (w->k + w->group - 1) / w->group : 1, quads = (w->group + 3) / 4;
    const uint8_t *packed = w->w + ((o / 16 * groups + g) * quads) * 64 + o % 16 * 4;
    const size_t first = g * w->group, count = rc_min(w->group, w->k - first);
    const int zero = w->zero_point ? w->zero_point[o * groups + g] : 0;
    int32_t sum = 0;
    for (size_t p = 0; p < count; p++)
        sum += x[first + p] * (packed[p / 4 * 64 + p % 4] - 128 - zero);
    return sum;
}

int rc_gemm_s8_pack_portable(size_t begin, size_t end, size_t n, size_t k, size_t group, const int8_t *w,
                             uint8_t flip, uint8_t *packed)
{
    const size_t groups = (k + group - 1) / group, quads = (group + 3) / 4;
    for (size_t o = begin * 16; o < rc_min(end * 16, n); o++)
        for (size_t g = 0; g < groups; g++) {
            const size_t count = rc_min(group, k - g * group);
            const int8_t *from = w + o * k + g * group;
            uint8_t *to = packed + (o / 16 * groups + g) * quads * 64 + o % 16 * 4;
            for (size_t p = 0; p < count; p++)
                to[p / 4 * 64 + p % 4] = (uint8_t)from[p] ^ flip;
        }
    return RC_OK;
}

int rc_gemm_s8s8_packed_portable(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                 const struct rc_packed_s8 *w, int32_t *y)
{
    for (size_t i = begin; i < end; i++)
        for (size_t o = first; o < stop; o++)
            y[i * w->n + o] = w->k ? sum_of_group(x + i * ldx, w, o, 0) : 0;
    return RC_OK;
}

int rc_gemm_u8s8_packed_portable(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const uint8_t *x,
                                 const struct rc_packed_s8 *w, int32_t *y)
{
    const size_t quads = (w->k + 3) / 4;
    for (size_t i = begin; i < end; i++)
        for (size_t o = first; o < stop; o++) {
            const uint8_t *packed = w->w + o / 16 * quads * 64 + o % 16 * 4;
            int32_t sum = 0;
            for (size_t p = 0; p < w->k; p++)
                sum += x[i * ldx + p] * (int8_t)packed[p / 4 * 64 + p % 4];
            y[i * w->n + o] = sum;
        }
    return RC_OK;
}

int rc_gemm_s8s8_requantized_portable(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                      const struct rc_packed_s8 *w, const struct rc_to_s8 *to, int8_t *y)
{
    for (size_t i = begin; i < end; i++)
        for (size_t o = first; o < stop; o++) {
            const int32_t sum = w->k ? sum_of_group(x + i * ldx, w, o, 0) : 0;
            y[i * w->n + o] = rc_to_s8_one(sum + to->bias[o], to, o);
        }
    return RC_OK;
}

int rc_gemm_s8s8_scaled_portable(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                 const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale,
                                 const float *bias, float *y)
{
    const size_t groups = (w->k + w->group - 1) / w->group;
    for (size_t i = begin; i < end; i++)
        for (size_t o = first; o < stop; o++) {
            double sum = 0.0;
            for (size_t g = 0; g < groups; g++) {
                const double scale = (double)x_scale[i] * (double)w_scale[o * groups + g];
                sum += sum_of_group(x + i * ldx, w, o, g) * scale;
            }
            y[i * w->n + o] = (float)(bias ? sum + (double)bias[o] : sum);
        }
    return RC_OK;
}
