/* Template of the integer products. Included after these were defined:
 *
 * S8S8, U8S8, S8S8_PACKED, U8S8_PACKED, REQUANTIZED, SCALED   the kernels' names
 * FEW_S8S8, FEW_U8S8   the kernels of s8_few.h
 * NAME(what)           the name of a function of this file
 * TARGET               the instruction set
 * FEW(k)               rows of x, of k inputs, for which s8_few.h is faster than packing on the way
 * MR, ALL_ROWS(what, x_unsigned)   rows of x in a tile, and what(x_unsigned, rows) for 1 to MR of them; a tile has NR
 *                      = 48 outputs, or 16 or 32
 * PANEL                the type in which a packed byte of w is multiplied
 * LAID                 the type in which an input is multiplied
 * IN_PLACE             whether whole quads of x are read where they are; else, and always at a tail, they are laid ready
 * FLIP(x_unsigned)     what is added to each byte of w, so it times the sum of a row of x is taken off: 128, or 0
 * lay(as, x, count, out)         write count inputs, and zeros up to the next quad
 * sum_of(x_unsigned, x, count)   the sum of inputs, modulo 2^32
 * fill_packed(w, quads, out)     sixteen outputs of packed bytes as a panel (where PANEL is no byte)
 * fill_raw(flip, w, ldw, rows, count, out)   the same from up to sixteen rows of w, which begin ldw bytes apart
 * tile(x_unsigned, mr, nv, x, ldx, quads, panel, ldp, ahead, sums)   add to sums, rows of NR, the products of mr rows
 *                      of x with nv times sixteen outputs; ldp from sixteen outputs to the next, in elements; ask for
 *                      what lies `ahead` bytes behind each line of the panel
 * stream(x, quads, w, sums)      the same for one row and sixteen outputs (where PANEL is a byte)
 * finish(sums, start, less, nv)  sums + start - less, in place
 * to_s32(sums, width, y), to_s8(...), scaled(...), to_floats(...), scaled_to_floats(...)   as they say below
 *
 * The idea: outputs lie across the lanes, so a short k costs nothing at the end of a sum; four inputs of a row meet
 * four weights of each output in an instruction. NR outputs of w, KC inputs at a time, are a panel, which stays in L1
 * while MC rows of x meet it; the sums wait in L2, on the stack. Of the two operands of vpdpbusd one must be unsigned:
 * it is w, as w + 128, and 128 times the sum of a row of x is taken off in the end. So x is read as it is. */
/* A product of `height` rows of x with `width` outputs: where they are. */
struct block {
    size_t height, width, k; /* inputs */
    const uint8_t *x;
    size_t ldx;
    const uint8_t *packed; /* NULL: from raw */
    size_t ldw;            /* bytes from sixteen outputs to the next */
    ptrdiff_t next;        /* bytes from packed to what is read after it */
    const int8_t *raw;
    size_t ldraw;
};

/* block_sums of one row and packed w: outputs by sixteens, so that w is read in the order in which it lies. */
RC_INLINE TARGET void one_row(const enum as as, const int in_place, const struct block *b, size_t nv, LAID *ready,
                              int32_t *sums)
{
    const size_t whole = in_place ? b->k / 4 * 4 : 0;
    for (size_t v = 0; v < nv; v++) {
        const uint8_t *w = b->packed + v * b->ldw;
        stream((const LAID *)b->x, whole / 4, (const PANEL *)w, sums + v * 16);
        for (size_t p = whole; p < b->k; p += KC) {
            const size_t count = rc_min(KC, b->k - p);
            lay(as, b->x + p, count, ready);
            stream(ready, (count + 3) / 4, (const PANEL *)(w + p * 16), sums + v * 16);
        }
    }
}

/* The products of a block, in sums, rows of NR: of w + FLIP. */
RC_INLINE TARGET void block_sums(const enum as as, const int raw, const struct block *b, PANEL *panel, LAID *ready,
                                 int32_t *sums)
{
    const int x_unsigned = as == UNSIGNED, in_place = IN_PLACE && as != UNSIGNED_LESS_128;
    const size_t nv = (b->width + 15) / 16, ldr = KC + 64 / sizeof(LAID);
    memset(sums, 0, b->height * NR * sizeof *sums);
    if (b->height == 1 && !raw && sizeof(PANEL) == 1) {
        one_row(as, in_place, b, nv, ready, sums);
        return;
    }
    for (size_t p = 0; p < b->k; p += KC) {
        const size_t count = rc_min(KC, b->k - p), quads = (count + 3) / 4;
        const PANEL *from = panel;
        size_t ldp = KC * 16;
        ptrdiff_t ahead = 0;
        if (raw) {
            for (size_t v = 0; v < nv; v++)
                fill_raw(FLIP(x_unsigned), b->raw + v * 16 * b->ldraw + p, b->ldraw, rc_min(16, b->width - v * 16),
                         count, panel + v * ldp);
            if (p + count < b->k)
                prefetch_block(b->raw + p + count, b->width, b->ldraw, rc_min(KC, b->k - p - count));
        } else if (sizeof(PANEL) == 1) {
            from = (const PANEL *)(b->packed + p * 16);
            ldp = b->ldw;
            ahead = p + count < b->k ? (ptrdiff_t)count * 16 : b->next - (ptrdiff_t)(p * 16);
        } else {
            for (size_t v = 0; v < nv; v++)
                fill_packed(b->packed + v * b->ldw + p * 16, quads, panel + v * ldp);
        }
        for (size_t i = 0; i < b->height; i += MR) {
            const size_t mr = rc_min(MR, b->height - i);
            const uint8_t *x = b->x + i * b->ldx + p;
            const LAID *rows = (const LAID *)x;
            size_t ldx = b->ldx;
            if (!in_place || count % 4) {
                for (size_t r = 0; r < mr; r++)
                    lay(as, x + r * b->ldx, count, ready + r * ldr);
                rows = ready;
                ldx = ldr;
            }
            NAME(tiles)[x_unsigned][mr - 1][nv - 1](rows, ldx, quads, from, ldp, ahead, sums + i * NR);
            ahead = 0;
        }
    }
}

/* What is multiplied, for all kernels of one group. */
struct job {
    size_t begin, end, first, stop, n, k, ldx;
    const uint8_t *x;
    const struct rc_packed_s8 *packed; /* NULL: from raw */
    const int8_t *raw;
};
enum { READY = MR * (KC + 64 / sizeof(LAID)), OF_PANEL = NV * KC * 16 };

/* The block of rows i0 and outputs o0 of a job. */
RC_INLINE struct block block_of(const int raw, const struct job *j, size_t i0, size_t o0)
{
    const size_t ldw = (j->k + 3) / 4 * 64;
    struct block b = {.height = rc_min(j->end - i0, MC_ROWS), .width = rc_min(j->stop - o0, NR), .k = j->k,
                      .x = j->x + i0 * j->ldx, .ldx = j->ldx, .ldw = ldw, .next = NV * (ptrdiff_t)ldw};
    if (raw)
        b.raw = j->raw + o0 * j->k, b.ldraw = j->k;
    else
        b.packed = (const uint8_t *)j->packed->w + o0 / 16 * ldw;
    return b;
}

/* FLIP times the sums of the rows of a block. */
RC_INLINE TARGET void sums_of_rows(const enum as as, const struct block *b, uint32_t *less)
{
    for (size_t i = 0; i < b->height; i++) {
        uint32_t sum = FLIP(as == UNSIGNED) ? sum_of(as != SIGNED, b->x + i * b->ldx, b->k) : 0;
        if (as == UNSIGNED_LESS_128)
            sum -= 128 * (uint32_t)b->k;
        less[i] = FLIP(as == UNSIGNED) * sum;
    }
}

RC_INLINE TARGET int exact(const enum as as, const int raw, const struct job *j, int32_t *y)
{
    PANEL panel[raw || sizeof(PANEL) > 1 ? OF_PANEL : 1] __attribute__((aligned(64)));
    LAID ready[READY] __attribute__((aligned(64)));
    int32_t sums[MC_ROWS * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64))) = {0};
    uint32_t less[MC_ROWS];

    for (size_t i0 = j->begin; i0 < j->end; i0 += MC_ROWS)
        for (size_t o0 = j->first; o0 < j->stop; o0 += NR) {
            const struct block b = block_of(raw, j, i0, o0);
            if (o0 == j->first)
                sums_of_rows(as, &b, less);
            block_sums(as, raw, &b, panel, ready, sums);
            if (as == UNSIGNED_LESS_128)
                for (size_t o = 0; o < b.width; o++)
                    start[o] = (int32_t)(128 * (uint32_t)j->packed->sums[o0 + o]);
            for (size_t i = 0; i < b.height; i++) {
                finish(sums + i * NR, start, less[i], (b.width + 15) / 16);
                to_s32(sums + i * NR, b.width, y + (i0 + i) * j->n + o0);
            }
        }
    return RC_OK;
}

TARGET int S8S8_PACKED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                  const struct rc_packed_s8 *w, int32_t *y)
{
    return exact(SIGNED, 0, &(struct job){begin, end, first, stop, w->n, w->k, ldx, (const uint8_t *)x, w, NULL}, y);
}

TARGET int U8S8_PACKED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const uint8_t *x,
                                  const struct rc_packed_s8 *w, int32_t *y)
{
    return exact(UNSIGNED_LESS_128, 0, &(struct job){begin, end, first, stop, w->n, w->k, ldx, x, w, NULL}, y);
}

/* Weights as they are: for many rows of x they are packed on the way. For few, that takes longer than to multiply them
 * where they are, inputs across the lanes, and to add up the lanes of each sum. */
TARGET int S8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                           int32_t *y)
{
    if (m <= rc_min(FEW(k), FEW_ROWS))
        return FEW_S8S8(begin, end, m, n, k, x, w, y);
    return exact(SIGNED, 1, &(struct job){0, m, begin, end, n, k, k, (const uint8_t *)x, NULL, w}, y);
}

TARGET int U8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                           int32_t *y)
{
    if (m <= rc_min(FEW(k), FEW_ROWS))
        return FEW_U8S8(begin, end, m, n, k, x, w, y);
    return exact(UNSIGNED, 1, &(struct job){0, m, begin, end, n, k, k, x, NULL, w}, y);
}

TARGET int REQUANTIZED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                       const struct rc_packed_s8 *w, const struct rc_to_s8 *how, int8_t *y)
{
    const struct rc_to_s8 to = *how;
    const struct job j = {begin, end, first, stop, w->n, w->k, ldx, (const uint8_t *)x, w, NULL};
    PANEL panel[sizeof(PANEL) > 1 ? OF_PANEL : 1] __attribute__((aligned(64)));
    LAID ready[READY] __attribute__((aligned(64)));
    int32_t sums[MC_ROWS * NR] __attribute__((aligned(64))), bias[NR] __attribute__((aligned(64)));
    double scale[NR] __attribute__((aligned(64)));
    uint32_t less[MC_ROWS];

    for (size_t i0 = begin; i0 < end; i0 += MC_ROWS)
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            const struct block b = block_of(0, &j, i0, o0);
            int in_double = 1;
            if (o0 == first)
                sums_of_rows(SIGNED, &b, less);
            for (size_t o = 0; o < NR; o++) { /* outputs past the range repeat its last one, and drop the results */
                const size_t at = o0 + rc_min(o, b.width - 1);
                const int64_t most = (int64_t)j.k << 14, of_output = to.bias[at];
                in_double &= rc_exact_in_double(&to, at, most + (of_output < 0 ? -of_output : of_output));
                bias[o] = to.bias[at];
                scale[o] = rc_scale_of(to.multiplier[at], to.shift[at]);
            }
            block_sums(SIGNED, 0, &b, panel, ready, sums);
            for (size_t i = 0; i < b.height; i++) {
                int8_t *to_row = y + (i0 + i) * j.n + o0;
                finish(sums + i * NR, bias, less[i], NV);
                if (in_double)
                    to_s8(sums + i * NR, scale, to.zero_point, to.lowest, to.highest, b.width, to_row);
                else
                    for (size_t o = 0; o < b.width; o++)
                        to_row[o] = rc_to_s8_one(sums[i * NR + o], &to, o0 + o);
            }
        }
    return RC_OK;
}

/* Rows of a single group: no totals wait for others. */
static TARGET __attribute__((noinline)) void NAME(one_group)(const struct job *j, const float *x_scale,
                                                             const float *w_scale, const float *bias, float *y)
{
    PANEL panel[sizeof(PANEL) > 1 ? OF_PANEL : 1] __attribute__((aligned(64)));
    LAID ready[READY] __attribute__((aligned(64)));
    int32_t sums[MC_ROWS * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64))) = {0};
    double scale[NR] __attribute__((aligned(64))), added[NR] __attribute__((aligned(64)));
    uint32_t less[MC_ROWS];

    for (size_t i0 = j->begin; i0 < j->end; i0 += MC_ROWS)
        for (size_t o0 = j->first; o0 < j->stop; o0 += NR) {
            const struct block b = block_of(0, j, i0, o0);
            if (o0 == j->first)
                sums_of_rows(SIGNED, &b, less);
            for (size_t o = 0; o < NR; o++) { /* outputs past the range repeat its last one, and drop the results */
                const size_t at = o0 + rc_min(o, b.width - 1);
                scale[o] = (double)w_scale[at];
                added[o] = bias ? (double)bias[at] : 0.0; /* no sum is -0.0, so nothing is changed */
            }
            block_sums(SIGNED, 0, &b, panel, ready, sums);
            for (size_t i = 0; i < b.height; i++) {
                finish(sums + i * NR, start, less[i], NV);
                scaled_to_floats(sums + i * NR, x_scale[i0 + i], scale, added, b.width, y + (i0 + i) * j->n + o0);
            }
        }
}

TARGET int SCALED(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                                  const float *x_scale, const struct rc_packed_s8 *w, const float *w_scale,
                                  const float *bias, float *y)
{
    const size_t n = w->n, k = w->k, group = w->group, groups = (k + group - 1) / group, quads = (group + 3) / 4;
    if (w->zero_point)
        return rc_gemm_s8s8_scaled_portable(begin, end, first, stop, ldx, x, x_scale, w, w_scale, bias, y);
    if (groups == 1) {
        NAME(one_group)(&(struct job){begin, end, first, stop, n, k, ldx, (const uint8_t *)x, w, NULL}, x_scale, w_scale,
                        bias, y);
        return RC_OK;
    }
    PANEL panel[sizeof(PANEL) > 1 ? OF_PANEL : 1] __attribute__((aligned(64)));
    LAID ready[READY] __attribute__((aligned(64)));
    int32_t sums[MC_GROUPED * NR] __attribute__((aligned(64))), start[NR] __attribute__((aligned(64))) = {0};
    double totals[MC_GROUPED * NR] __attribute__((aligned(64)));
    float scale[NR] __attribute__((aligned(64))) = {0};
    uint32_t less[MC_GROUPED];

    for (size_t i0 = begin; i0 < end; i0 += MC_GROUPED)
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            const size_t height = rc_min(end - i0, MC_GROUPED), width = rc_min(stop - o0, NR), nv = (width + 15) / 16;
            memset(totals, 0, height * NR * sizeof *totals);
            for (size_t g = 0; g < groups; g++) {
                const struct block b = {.height = height, .width = width, .k = rc_min(group, k - g * group),
                                        .x = (const uint8_t *)x + i0 * ldx + g * group, .ldx = ldx,
                                        .packed = (const uint8_t *)w->w + (o0 / 16 * groups + g) * quads * 64,
                                        .ldw = groups * quads * 64, .next = (ptrdiff_t)quads * 64};
                for (size_t o = 0; o < width; o++)
                    scale[o] = w_scale[(o0 + o) * groups + g];
                sums_of_rows(SIGNED, &b, less);
                block_sums(SIGNED, 0, &b, panel, ready, sums);
                for (size_t i = 0; i < height; i++) {
                    finish(sums + i * NR, start, less[i], nv);
                    scaled(sums + i * NR, x_scale[i0 + i], scale, nv, totals + i * NR);
                }
            }
            for (size_t i = 0; i < height; i++)
                to_floats(totals + i * NR, bias ? bias + o0 : NULL, width, y + (i0 + i) * n + o0);
        }
    return RC_OK;
}
