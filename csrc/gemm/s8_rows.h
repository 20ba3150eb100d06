/* Template of the products of rows with packed int8 weights, and of what follows them. Included after these were
 * defined:
 *
 * KERNEL_REQUANTIZED, KERNEL_SCALED   the functions' names
 * PORTABLE_SCALED      the function for weights with zero points
 * TARGET               their instruction set
 * INPUT, XBYTES        the type in which an input is laid ready, and the bytes that all of them may take on the stack
 * MR                   rows of x in a tile; a tile has NR = 64 outputs, or 16, 32 or 48
 * BIAS                 added to each input, so BIAS times the sum of the weights is taken off (0: it adds nothing)
 * lay(x, count, out)   write count inputs, and zeros up to a multiple of 64 (of values that meet zeros of w)
 * tile(fresh, mr, nv, x, ldx, quads, w, ldw, start, sums)   the products of mr rows with nv times sixteen outputs,
 *                      added to sums, rows of NR, or if fresh to start, one row; ldw from sixteen outputs to the next
 * to_s8(sums, scale, zero_point, lowest, highest, width, y)   a row of NR sums to int8, in double
 * scaled(sums, x_scale, w_scale, nv, totals)   add a row's sums, scaled, to its totals
 * to_floats(totals, bias, width, y)   a row of NR totals, with the bias if it is not NULL, rounded to float
 * scaled_to_floats(sums, x_scale, w_scale, bias, width, y)   all of this for the sums of a single group
 *
 * The idea: outputs lie across the lanes, so a short k costs nothing at the end of a sum; four inputs of a row meet
 * four weights of each output in an instruction. A block of rows is laid ready once, and meets all weights; the sums of
 * a tile go through the stack, where what follows reads them from L1. */
#include "../requantize.h"
#include <string.h>

enum { NR = 64, XCOUNT = XBYTES / sizeof(INPUT), MOST_ROWS = 32 * MR };

/* What of the weights the loops need. */
struct shape {
    size_t groups, quads; /* of four inputs, in a group */
    size_t ldx;           /* from a row that is laid ready to the next: all groups, each in whole 64s */
    size_t of_group;      /* in it, from a group to the next */
    size_t ldw;           /* bytes from sixteen outputs to the next */
};

RC_INLINE struct shape shape_of(const struct rc_packed_s8 *w)
{
    const size_t groups = (w->k + w->group - 1) / w->group, quads = (w->group + 3) / 4;
    const size_t of_group = (w->group + 63) / 64 * 64;
    return (struct shape){groups, quads, groups * of_group, of_group, groups * quads * 64};
}

RC_INLINE TARGET void lay_rows(const int8_t *x, size_t count, const struct rc_packed_s8 *w, const struct shape *s,
                               INPUT *ready)
{
    for (size_t i = 0; i < count; i++)
        for (size_t g = 0; g < s->groups; g++) {
            const size_t first = g * w->group;
            lay(x + i * w->k + first, rc_min(w->group, w->k - first), ready + i * s->ldx + g * s->of_group);
        }
}

RC_INLINE TARGET void any_tile(const int fresh, size_t count, size_t nv, const INPUT *x, size_t ldx, size_t quads,
                               const int8_t *w, size_t ldw, const int32_t *start, int32_t *sums)
{
    if (count == 1) {
        switch (nv) {
        case 1: tile(fresh, 1, 1, x, ldx, quads, w, ldw, start, sums); break;
        case 2: tile(fresh, 1, 2, x, ldx, quads, w, ldw, start, sums); break;
        case 3: tile(fresh, 1, 3, x, ldx, quads, w, ldw, start, sums); break;
        default: tile(fresh, 1, 4, x, ldx, quads, w, ldw, start, sums);
        }
    } else if (MR > 2 && count == 2) { /* what 32, 128 and 512 leave of six */
        switch (nv) {
        case 1: tile(fresh, 2, 1, x, ldx, quads, w, ldw, start, sums); break;
        case 2: tile(fresh, 2, 2, x, ldx, quads, w, ldw, start, sums); break;
        case 3: tile(fresh, 2, 3, x, ldx, quads, w, ldw, start, sums); break;
        default: tile(fresh, 2, 4, x, ldx, quads, w, ldw, start, sums);
        }
    } else { /* rows past the last hold what came before, and nobody reads their sums */
        switch (nv) {
        case 1: tile(fresh, MR, 1, x, ldx, quads, w, ldw, start, sums); break;
        case 2: tile(fresh, MR, 2, x, ldx, quads, w, ldw, start, sums); break;
        case 3: tile(fresh, MR, 3, x, ldx, quads, w, ldw, start, sums); break;
        default: tile(fresh, MR, 4, x, ldx, quads, w, ldw, start, sums);
        }
    }
}

/* The sums of group g: of rows that are laid ready, or if they are too long for that of x itself, a piece at a time. */
RC_INLINE TARGET void sums_of_group(size_t count, size_t nv, size_t o0, size_t g, const int8_t *x, INPUT *ready,
                                    const int in_pieces, const struct rc_packed_s8 *w, const struct shape *s,
                                    const int32_t *start, int32_t *sums)
{
    const int8_t *packed = w->w + o0 / 16 * s->ldw + g * s->quads * 64;
    if (!in_pieces) {
        any_tile(1, count, nv, ready + g * s->of_group, s->ldx, s->quads, packed, s->ldw, start, sums);
        return;
    }
    const size_t piece = XCOUNT / MR / 64 * 64, first = g * w->group, all = rc_min(w->group, w->k - first);
    for (size_t p = 0; p < all; p += piece) {
        const size_t length = rc_min(piece, all - p);
        for (size_t i = 0; i < count; i++)
            lay(x + i * w->k + first + p, length, ready + i * piece);
        if (p == 0)
            any_tile(1, count, nv, ready, piece, (length + 3) / 4, packed, s->ldw, start, sums);
        else
            any_tile(0, count, nv, ready, piece, (length + 3) / 4, packed + p * 16, s->ldw, start, sums);
    }
}

RC_INLINE size_t rows_ready(const struct shape *s, int *in_pieces)
{
    *in_pieces = s->ldx * MR > XCOUNT;
    return *in_pieces || !s->ldx ? MR : rc_min(XCOUNT / s->ldx / MR * MR, MOST_ROWS);
}

TARGET int KERNEL_REQUANTIZED(size_t begin, size_t end, size_t first, size_t stop, const int8_t *x,
                              const struct rc_packed_s8 *weights, const struct rc_to_s8 *how, int8_t *y)
{
    const struct rc_packed_s8 w = *weights;
    const struct rc_to_s8 to = *how;
    const struct shape s = shape_of(&w);
    INPUT ready[XCOUNT] __attribute__((aligned(64)));
    int32_t sums[MR * NR] __attribute__((aligned(64))), bias[NR] __attribute__((aligned(64)));
    double scale[NR] __attribute__((aligned(64)));
    int in_pieces;
    const size_t rows = rows_ready(&s, &in_pieces);

    for (size_t i0 = begin; i0 < end; i0 += rows) {
        const size_t height = rc_min(end - i0, rows);
        if (!in_pieces)
            lay_rows(x + i0 * w.k, height, &w, &s, ready);
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            const size_t width = rc_min(stop - o0, NR), nv = (width + 15) / 16;
            int in_double = 1;
            for (size_t o = 0; o < NR; o++) { /* outputs past the range repeat its last one, and drop the results */
                const size_t at = o0 + rc_min(o, width - 1);
                const int64_t most = (int64_t)w.k << 14, b = to.bias[at];
                in_double &= rc_exact_in_double(&to, at, most + (b < 0 ? -b : b));
                bias[o] = (int32_t)((uint32_t)to.bias[at] - (w.k ? BIAS * (uint32_t)w.sums[at] : 0));
                scale[o] = rc_scale_of(to.multiplier[at], to.shift[at]);
            }
            for (size_t i = 0; i < height; i += MR) {
                const size_t count = rc_min(MR, height - i);
                if (w.k)
                    sums_of_group(count, nv, o0, 0, x + (i0 + i) * w.k, ready + (in_pieces ? 0 : i * s.ldx), in_pieces,
                                  &w, &s, bias, sums);
                else
                    for (size_t r = 0; r < count; r++)
                        memcpy(sums + r * NR, bias, sizeof bias);
                for (size_t r = 0; r < count; r++) {
                    int8_t *to_row = y + (i0 + i + r) * w.n + o0;
                    if (in_double)
                        to_s8(sums + r * NR, scale, to.zero_point, to.lowest, to.highest, width, to_row);
                    else
                        for (size_t o = 0; o < width; o++)
                            to_row[o] = rc_to_s8_one(sums[r * NR + o], &to, o0 + o);
                }
            }
        }
    }
    return RC_OK;
}

/* Rows of a single group: no totals wait for others. */
RC_INLINE TARGET void one_group(size_t begin, size_t end, size_t first, size_t stop, const int8_t *x,
                                const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale,
                                const float *bias, float *y)
{
    const struct shape s = shape_of(w);
    INPUT ready[XCOUNT] __attribute__((aligned(64)));
    int32_t sums[MR * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64)));
    double scale[NR] __attribute__((aligned(64))), added[NR] __attribute__((aligned(64)));
    int in_pieces;
    const size_t rows = rows_ready(&s, &in_pieces);

    for (size_t i0 = begin; i0 < end; i0 += rows) {
        const size_t height = rc_min(end - i0, rows);
        if (!in_pieces)
            lay_rows(x + i0 * w->k, height, w, &s, ready);
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            const size_t width = rc_min(stop - o0, NR), nv = (width + 15) / 16;
            for (size_t o = 0; o < NR; o++) { /* outputs past the range repeat its last one, and drop the results */
                const size_t at = o0 + rc_min(o, width - 1);
                scale[o] = (double)w_scale[at];
                added[o] = bias ? (double)bias[at] : 0.0; /* no sum is -0.0, so nothing is changed */
                start[o] = (int32_t)(0 - BIAS * (uint32_t)w->sums[at]);
            }
            for (size_t i = 0; i < height; i += MR) {
                const size_t count = rc_min(MR, height - i);
                sums_of_group(count, nv, o0, 0, x + (i0 + i) * w->k, ready + (in_pieces ? 0 : i * s.ldx), in_pieces, w,
                              &s, start, sums);
                for (size_t r = 0; r < count; r++)
                    scaled_to_floats(sums + r * NR, x_scale[i0 + i + r], scale, added, width,
                                     y + (i0 + i + r) * w->n + o0);
            }
        }
    }
}

TARGET int KERNEL_SCALED(size_t begin, size_t end, size_t first, size_t stop, const int8_t *x, const float *x_scale,
                         const struct rc_packed_s8 *weights, const float *w_scale, const float *bias, float *y)
{
    const struct rc_packed_s8 w = *weights;
    const struct shape s = shape_of(&w);
    if (w.zero_point)
        return PORTABLE_SCALED(begin, end, first, stop, x, x_scale, weights, w_scale, bias, y);
    if (s.groups == 1) {
        one_group(begin, end, first, stop, x, x_scale, &w, w_scale, bias, y);
        return RC_OK;
    }
    INPUT ready[XCOUNT] __attribute__((aligned(64)));
    int32_t sums[MR * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64)));
    double totals[MR * NR] __attribute__((aligned(64)));
    float scale[NR] __attribute__((aligned(64)));
    int in_pieces;
    const size_t rows = rows_ready(&s, &in_pieces);
    memset(scale, 0, sizeof scale);
    memset(start, 0, sizeof start);

    for (size_t i0 = begin; i0 < end; i0 += rows) {
        const size_t height = rc_min(end - i0, rows);
        if (!in_pieces)
            lay_rows(x + i0 * w.k, height, &w, &s, ready);
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            const size_t width = rc_min(stop - o0, NR), nv = (width + 15) / 16;
            for (size_t i = 0; i < height; i += MR) {
                const size_t count = rc_min(MR, height - i);
                memset(totals, 0, count * NR * sizeof *totals);
                for (size_t g = 0; g < s.groups; g++) {
                    for (size_t o = 0; o < width; o++) {
                        scale[o] = w_scale[(o0 + o) * s.groups + g];
                        start[o] = (int32_t)(0 - BIAS * (uint32_t)w.sums[(o0 + o) * s.groups + g]);
                    }
                    sums_of_group(count, nv, o0, g, x + (i0 + i) * w.k, ready + (in_pieces ? 0 : i * s.ldx), in_pieces,
                                  &w, &s, start, sums);
                    for (size_t r = 0; r < count; r++)
                        scaled(sums + r * NR, x_scale[i0 + i + r], scale, nv, totals + r * NR);
                }
                for (size_t r = 0; r < count; r++)
                    to_floats(totals + r * NR, bias ? bias + o0 : NULL, width, y + (i0 + i + r) * w.n + o0);
            }
        }
    }
    return RC_OK;
}
