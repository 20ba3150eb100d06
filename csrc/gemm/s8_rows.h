/* Template of the integer products. Included after a file of tiles and after these were defined, beside what s8_block.h
 * asks for:
 *
 * S8S8, U8S8, S8S8_PACKED, U8S8_PACKED, REQUANTIZED, SCALED   the kernels' names
 * FEW_S8S8, FEW_U8S8   the kernels of few rows (s8_few_avx2.c)
 *
 * What a block does stands in s8_block.h; here are blocks after blocks, and what they are begun with. */
#include "s8_block.h"

/* What is multiplied, for all kernels of one group. */
struct job {
    size_t begin, end, first, stop, n, k, ldx;
    const void *x, *packed; /* NULL: from raw */
    const int8_t *raw;
};

/* The whole of a job; results : of output 0 and row 0. */
RC_INLINE TARGET int product(const int x_unsigned, const int raw, const enum follow follow, const struct job *j,
                             const struct results *of)
{
    uint8_t panel[raw ? OF_PANEL : 1] __attribute__((aligned(64)));
    LAID ready[READY] __attribute__((aligned(64))), laid[IN_PLACE ? 1 : MOST_LAID] __attribute__((aligned(64)));
    int32_t sums[MC_ROWS * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64))) = {0};
    double scale[NR] __attribute__((aligned(64))), added[NR] __attribute__((aligned(64)));
    union { /* the sums of rows, and FLIP times them */
        int32_t sums[MOST_ROWS];
        uint32_t less[MOST_ROWS];
    } x;
    int32_t rest[MOST_ROWS];
    const size_t ldw = (j->k + 3) / 4 * 64, ldl = (j->k + 63) / 32 * 32, k = j->k ? j->k : 1;
    const size_t rows = k > (raw ? KC : KC_PACKED)
                            ? MC_ROWS : rc_min(MOST_ROWS, L2 / 2 / k < MC_ROWS ? MC_ROWS : L2 / 2 / k / MR * MR);

    memset(&x, 0, sizeof x);
    for (size_t i0 = j->begin; i0 < j->end; i0 += rows) {
        struct block b = {.height = rc_min(j->end - i0, rows), .k = j->k, .x = (const uint8_t *)j->x + i0 * j->ldx,
                          .ldx = j->ldx, .less = x.less, .rest = rest, .start = start, .ldw = ldw, .ldraw = j->k};
        if (FLIP(x_unsigned)) {
            sums_of_rows(&b, x.sums);
            for (size_t i = 0; i < b.height; i++)
                x.less[i] *= FLIP(x_unsigned);
        }
        rests_of_rows(&b, rest);
        if (!IN_PLACE && b.height * ldl <= MOST_LAID) {
            for (size_t i = 0; i < b.height; i++)
                lay(x_unsigned, b.x + i * b.ldx, b.k, laid + i * ldl);
            b.laid = laid, b.ldl = ldl;
        }
        for (size_t o0 = j->first; o0 < j->stop; o0 += NR) {
            struct results r = *of;
            b.width = rc_min(j->stop - o0, NR);
            if (raw)
                b.raw = j->raw + o0 * j->k;
            else
                b.packed = (const uint8_t *)j->packed + o0 / 16 * ldw;
            if (follow == TO_S32)
                r.y = (int32_t *)of->y + i0 * j->n + o0;
            for (size_t o = 0; follow != TO_S32 && o < NR; o++) {
                /* Outputs past the range repeat its last one, and drop the results. */
                const size_t at = o0 + rc_min(o, b.width - 1);
                if (follow == TO_S8) {
                    start[o] = of->to->bias[at];
                    scale[o] = rc_scale_of(of->to->multiplier[at], of->to->shift[at]);
                    r.in_double &= rc_exact_by_fma(of->to, at);
                } else {
                    scale[o] = (double)of->w_scale[at];
                    added[o] = of->bias_of_outputs ? (double)of->bias_of_outputs[at] : 0.0; /* no sum is -0.0 */
                }
            }
            r.scale = scale, r.bias = added, r.first = o0;
            if (follow == TO_S8)
                r.y = (int8_t *)of->y + i0 * j->n + o0;
            if (follow == TO_FLOATS)
                r.y = (float *)of->y + i0 * j->n + o0, r.x_scale = of->x_scale + i0;
            block_product(x_unsigned, raw, follow, &b, &r, panel, ready, sums);
        }
    }
    return RC_OK;
}

TARGET int S8S8_PACKED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                       const struct rc_packed_s8 *w, int32_t *y)
{
    return product(0, 0, TO_S32, &(struct job){begin, end, first, stop, w->n, w->k, ldx, x, w->w, NULL},
                   &(struct results){.ldy = w->n, .y = y});
}

TARGET int U8S8_PACKED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const uint8_t *x,
                       const struct rc_packed_s8 *w, int32_t *y)
{
    return product(1, 0, TO_S32, &(struct job){begin, end, first, stop, w->n, w->k, ldx, x, w->w, NULL},
                   &(struct results){.ldy = w->n, .y = y});
}

/* Weights as they are: for many rows of x they are packed on the way. For few, that takes longer than to multiply them
 * where they are, inputs across the lanes, and to add up the lanes of each sum. */
TARGET int S8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w, int32_t *y)
{
    if (m <= rc_min(FEW(k), FEW_ROWS))
        return FEW_S8S8(begin, end, m, n, k, x, w, y);
    return product(0, 1, TO_S32, &(struct job){0, m, begin, end, n, k, k, x, NULL, w},
                   &(struct results){.ldy = n, .y = y});
}

TARGET int U8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w, int32_t *y)
{
    if (m <= rc_min(FEW(k), FEW_ROWS))
        return FEW_U8S8(begin, end, m, n, k, x, w, y);
    return product(1, 1, TO_S32, &(struct job){0, m, begin, end, n, k, k, x, NULL, w},
                   &(struct results){.ldy = n, .y = y});
}

TARGET int REQUANTIZED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                       const struct rc_packed_s8 *w, const struct rc_to_s8 *to, int8_t *y)
{
    return product(0, 0, TO_S8, &(struct job){begin, end, first, stop, w->n, w->k, ldx, x, w->w, NULL},
                   &(struct results){.ldy = w->n, .y = y, .to = to, .in_double = 1});
}

TARGET int SCALED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                  const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale, const float *bias, float *y)
{
    const size_t n = w->n, k = w->k, group = w->group, groups = (k + group - 1) / group, quads = (group + 3) / 4;
    if (groups == 1 && !w->zero_point)
        return product(0, 0, TO_FLOATS, &(struct job){begin, end, first, stop, n, k, ldx, x, w->w, NULL},
                       &(struct results){.ldy = n, .y = y, .x_scale = x_scale, .w_scale = w_scale,
                                         .bias_of_outputs = bias});

    LAID ready[READY] __attribute__((aligned(64)));
    int32_t sums[MC_ROWS * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64))) = {0};
    double totals[MC_GROUPED * NR] __attribute__((aligned(64)));
    float scale[NR] __attribute__((aligned(64))) = {0};
    int32_t zero[NR] __attribute__((aligned(64))) = {0}, x_sums[GROUP_SUMS], rest[MC_GROUPED];
    uint32_t less[MC_GROUPED] = {0};
    /* The sums of inputs are kept for all outputs, unless there are too many groups. */
    const int needed = FLIP(0) || w->zero_point, kept = groups <= GROUP_SUMS / MC_GROUPED;

    for (size_t i0 = begin; i0 < end; i0 += MC_GROUPED)
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            struct block b = {.height = rc_min(end - i0, MC_GROUPED), .width = rc_min(stop - o0, NR), .ldx = ldx,
                              .less = less, .rest = rest, .start = start, .ldw = groups * quads * 64};
            memset(totals, 0, b.height * NR * sizeof *totals);
            for (size_t g = 0; g < groups; g++) {
                int32_t *of_group = x_sums + (kept ? g * MC_GROUPED : 0);
                b.k = rc_min(group, k - g * group);
                b.x = (const uint8_t *)x + i0 * ldx + g * group;
                b.packed = w->w + (o0 / 16 * groups + g) * quads * 64;
                for (size_t o = 0; o < b.width; o++) {
                    scale[o] = w_scale[(o0 + o) * groups + g];
                    zero[o] = w->zero_point ? w->zero_point[(o0 + o) * groups + g] : 0;
                }
                if (needed && !(kept && o0 > first))
                    sums_of_rows(&b, of_group);
                for (size_t i = 0; FLIP(0) && i < b.height; i++)
                    less[i] = FLIP(0) * (uint32_t)of_group[i];
                rests_of_rows(&b, rest);
                block_product(0, 0, TO_TOTALS, &b,
                              &(struct results){.ldy = NR, .y = totals, .x_scale = x_scale + i0, .w_scale = scale,
                                                .zero = w->zero_point ? zero : NULL, .x_sums = of_group},
                              NULL, ready, sums);
            }
            for (size_t i = 0; i < b.height; i++)
                to_floats(totals + i * NR, bias ? bias + o0 : NULL, b.width, y + (i0 + i) * n + o0);
        }
    return RC_OK;
}
