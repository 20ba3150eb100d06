/* Products of weights as they are, by kernels of packed ones: some outputs at a time are packed and multiplied. What is
 * packed stays in L2, where a whole matrix of it would go to memory and come back. For few rows of x packing takes
 * longer than to multiply: there the sums are those of gemm_s8s8, which reads the weights where they lie. */
#include "../requantize.h"

int rc_few_s8s8_requantized(rc_gemm_s8s8 *product, const int8_t *raw, size_t at_once, int32_t *room, size_t first,
                            size_t stop, size_t m, const int8_t *x, const struct rc_packed_s8 *w,
                            const struct rc_to_s8 *to, int8_t *y)
{
    int status = RC_OK;
    for (size_t o0 = first, count; o0 < stop && status == RC_OK; o0 += count) {
        count = rc_min(at_once, stop - o0);
        status = product(0, count, m, count, w->k, x, raw + o0 * w->k, room);
        for (size_t i = 0; i < m; i++)
            for (size_t o = 0; o < count; o++)
                y[i * w->n + o0 + o] =
                    rc_to_s8_one((int32_t)((uint32_t)room[i * count + o] + (uint32_t)to->bias[o0 + o]), to, o0 + o);
    }
    return status;
}

int rc_few_s8s8_scaled(rc_gemm_s8s8 *product, const int8_t *raw, size_t at_once, int32_t *room, size_t first,
                       size_t stop, size_t m, const int8_t *x, const float *x_scale, const struct rc_packed_s8 *w,
                       const float *w_scale, const float *bias, float *y)
{
    int status = RC_OK;
    for (size_t o0 = first, count; o0 < stop && status == RC_OK; o0 += count) {
        count = rc_min(at_once, stop - o0);
        status = product(0, count, m, count, w->k, x, raw + o0 * w->k, room);
        for (size_t i = 0; i < m; i++)
            for (size_t o = 0; o < count; o++) {
                const double sum = room[i * count + o] * ((double)x_scale[i] * (double)w_scale[o0 + o]);
                y[i * w->n + o0 + o] = (float)(bias ? sum + (double)bias[o0 + o] : sum);
            }
    }
    return status;
}

int rc_plain_s8s8_requantized(rc_gemm_s8_pack *pack, const int8_t *raw, size_t at_once, uint8_t *room,
                              rc_gemm_s8s8_requantized *kernel, size_t first, size_t stop, size_t m, size_t ldx,
                              const int8_t *x, const struct rc_packed_s8 *w, const struct rc_to_s8 *to, int8_t *y)
{
    int status = RC_OK;
    for (size_t o = first, count; o < stop && status == RC_OK; o += count) {
        count = rc_min(at_once, stop - o);
        const struct rc_packed_s8 some = {w->n, w->k, w->group, room, NULL};
        const struct rc_to_s8 of = {to->bias + o, to->multiplier + o, to->shift + o, to->zero_point, to->lowest,
                                    to->highest};
        status = pack(0, (count + 15) / 16, count, w->k, w->group, raw + o * w->k, 128, room);
        if (status == RC_OK)
            status = kernel(0, m, 0, count, ldx, x, &some, &of, y + o);
    }
    return status;
}

int rc_plain_s8s8_scaled(rc_gemm_s8_pack *pack, const int8_t *raw, size_t at_once, uint8_t *room,
                         rc_gemm_s8s8_scaled *kernel, size_t first, size_t stop, size_t m, size_t ldx, const int8_t *x,
                         const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale, const float *bias,
                         float *y)
{
    const size_t groups = (w->k + w->group - 1) / w->group;
    int status = RC_OK;
    for (size_t o = first, count; o < stop && status == RC_OK; o += count) {
        count = rc_min(at_once, stop - o);
        const struct rc_packed_s8 some = {w->n, w->k, w->group, room,
                                          w->zero_point ? w->zero_point + o * groups : NULL};
        status = pack(0, (count + 15) / 16, count, w->k, w->group, raw + o * w->k, 128, room);
        if (status == RC_OK)
            status =
                kernel(0, m, 0, count, ldx, x, x_scale, &some, w_scale + o * groups, bias ? bias + o : NULL, y + o);
    }
    return status;
}

int rc_plain_s8s4(rc_gemm_coded_pack *pack, size_t bits, const uint8_t *codes, size_t ldc, uint8_t flip, size_t at_once,
                  uint8_t *room, rc_gemm_s8s4 *kernel, size_t first, size_t stop, size_t m, size_t ldx, const int8_t *x,
                  const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y)
{
    const size_t groups = (w->k + w->group - 1) / w->group;
    int status = RC_OK;
    for (size_t o = first, count; o < stop && status == RC_OK; o += count) {
        struct rc_coded some = *w;
        count = rc_min(at_once, stop - o);
        some.codes = room;
        some.scale += o * groups;
        some.zero = w->zero ? w->zero + o * groups : NULL;
        status = pack(0, (count + 15) / 16, count, w->k, w->group, bits, codes + o * ldc, ldc, flip, room);
        if (status == RC_OK)
            status = kernel(0, m, 0, count, ldx, x, x_sums, x_scale, &some, y + o);
    }
    return status;
}
