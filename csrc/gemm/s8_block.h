/* Template of a block of the integer products: rows of x and up to NR outputs. Included by s8_rows.h after a file of
 * tiles, and after what follows the sums was defined:
 *
 * to_s8(sums, rows, scale, zero_point, lowest, highest, width, y, ldy)   rows of sums to int8
 * scaled(sums, x_scale, w_scale, nv, totals)   add a row's sums, scaled, to its totals
 * to_floats(totals, bias, width, y)   a row of totals, with the bias if it is not NULL, rounded to float
 * scaled_to_floats(sums, x_scale, w_scale, bias, width, y)   all of this for the sums of a single group
 *
 * The file of tiles has defined:
 *
 * NAME(what)           the name of a function of this file
 * TARGET               the instruction set
 * FEW(k)               rows of x, of k inputs, for which s8_few_avx2.c, or its like, is faster than packing on the way
 * MR, ALL_ROWS(what, x_unsigned)   rows of x in a tile, and what(x_unsigned, rows) for 1 to MR of them; a tile has NR
 *                      = 48 outputs, or 16 or 32
 * LAID                 the type in which an input is multiplied
 * IN_PLACE             whether inputs are read where they are; else they are laid ready
 * KC_PACKED            inputs of a panel that is read where it is
 * FAR                  how many bytes ahead such a panel is asked for
 * FLIP(x_unsigned)     what is added to each byte of w, so it times the sum of a row of x is taken off: 128, or 0
 * lay(x_unsigned, x, count, out)   write count inputs, and zeros up to the next 32
 * sums_of_four(x, ldx, rows, count, out)   the sums of up to four rows of count int8 inputs, modulo 2^32
 * fill_raw(flip, w, ldw, rows, count, out)   sixteen outputs as a panel, from up to sixteen rows of w, which begin ldw
 *                      bytes apart, as w + flip
 * NAME(tiles)          the tiles, as s8_tile_table.h has them
 * stream(x_unsigned, t, w)      a tile of one row and sixteen outputs, of packed bytes
 *
 * The idea: outputs lie across the lanes, so a short k costs nothing at the end of a sum; four inputs of a row meet
 * four weights of each output in an instruction. A tile's sums stay in registers for KC_PACKED inputs, nearly always
 * all that there are, while w comes from L2, where it stays for a block of rows of x; what follows a sum reads it from
 * L1, or nothing follows it and it is written where it belongs. Of the two operands of vpdpbusd one must be unsigned:
 * x, or if that is signed w, as w + 128, and 128 times the sum of a row of x is taken off. So x is read as it is. */
/* A block of rows of x takes at most half of L2, beside a panel, and its sums, where they are not done with a panel, 24
 * KiB on the stack; where groups have scales, the totals take more. */
enum { MOST_ROWS = 512, MC_ROWS = 128, MC_GROUPED = 32, GROUP_SUMS = 8192 };
enum { READY = MR * (KC + 64 / sizeof(LAID)), OF_PANEL = NV * KC * 16 };
/* Inputs that are laid once for all outputs: eight rows of 4,096 and 32, for rows some pages apart meet in L1. */
enum { MOST_LAID = 33 << 10 };
enum follow { TO_S32, TO_S8, TO_FLOATS, TO_TOTALS };

/* A product of `height` rows of x with `width` outputs: where they are. */
struct block {
    size_t height, width, k; /* inputs */
    const uint8_t *x;
    size_t ldx;
    const LAID *laid; /* the inputs laid ready, rows of ldl, or NULL */
    size_t ldl;
    const uint32_t *less; /* of each row: FLIP times the sum of its inputs */
    const int32_t *rest;  /* of each row: the last inputs, where k is no multiple of 4 */
    const int32_t *start; /* of each output: what its sums begin with */
    const uint8_t *packed; /* NULL: from raw */
    size_t ldw;            /* bytes from sixteen outputs to the next */
    const int8_t *raw;
    size_t ldraw;
};

/* What follows the sums of a block: where the results are, rows of ldy, and by the kind of what follows how they are
 * made. */
struct results {
    size_t ldy;
    void *y;
    const struct rc_to_s8 *to;
    size_t first; /* output */
    int in_double;
    const double *scale, *bias;
    const float *x_scale, *w_scale, *bias_of_outputs;
    const int32_t *zero; /* of each output, or NULL: times x_sums it is taken off */
    const int32_t *x_sums;
};

/* What follows the sums of rows i to i + rows. */
RC_INLINE TARGET void finish(const enum follow follow, const struct block *b, const struct results *r, size_t i,
                             size_t rows, int32_t *sums)
{
    if (follow == TO_S8 && r->in_double) {
        to_s8(sums, rows, r->scale, r->to->zero_point, r->to->lowest, r->to->highest, b->width,
              (int8_t *)r->y + i * r->ldy, r->ldy);
        return;
    }
    for (size_t end = i + rows; follow != TO_S32 && i < end; i++, sums += NR) {
        if (follow == TO_S8)
            for (size_t o = 0; o < b->width; o++)
                ((int8_t *)r->y)[i * r->ldy + o] = rc_to_s8_one(sums[o], r->to, r->first + o);
        if (follow == TO_FLOATS)
            scaled_to_floats(sums, r->x_scale[i], r->scale, r->bias, b->width, (float *)r->y + i * r->ldy);
        if (follow == TO_TOTALS) {
            if (r->zero)
                for (size_t o = 0; o < NR; o++)
                    sums[o] = (int32_t)((uint32_t)sums[o] - (uint32_t)r->zero[o] * (uint32_t)r->x_sums[i]);
            scaled(sums, r->x_scale[i], r->w_scale, (b->width + 15) / 16, (double *)r->y + i * r->ldy);
        }
    }
}

/* The product of one row, and packed w: outputs by sixteens, so that w is read in the order in which it lies. */
RC_INLINE TARGET void one_row(const int x_unsigned, const struct block *b, int32_t *y, size_t last_width)
{
    const size_t nv = (b->width + 15) / 16;
    for (size_t v = 0; v < nv; v++) {
        const struct tile t = {.x = IN_PLACE ? (const void *)b->x : b->laid,
                               .quads = IN_PLACE ? b->k / 4 : (b->k + 3) / 4,
                               .rest = IN_PLACE && b->k % 4 ? b->rest : NULL, .from = b->start + v * 16,
                               .less = b->less, .to = y + v * 16, .width = v + 1 == nv ? last_width : 16};
        stream(x_unsigned, &t, b->packed + v * b->ldw);
    }
}

RC_INLINE TARGET void block_product(const int x_unsigned, const int raw, const enum follow follow,
                                    const struct block *b, const struct results *r, uint8_t *panel, LAID *ready,
                                    int32_t *sums)
{
    const size_t most = raw ? KC : KC_PACKED, ldr = KC + 64 / sizeof(LAID), nv = (b->width + 15) / 16;
    const size_t last_width = follow == TO_S32 ? b->width - (nv - 1) * 16 : 16;
    static const uint32_t nothing[MR];
    if (b->height == 1 && !raw && (IN_PLACE || b->laid)) {
        one_row(x_unsigned, b, follow == TO_S32 ? r->y : sums, last_width);
        finish(follow, b, r, 0, 1, sums);
        return;
    }
    struct tile t = {.ldp = raw ? KC * 16 : b->ldw, .panel = panel, .x = ready, .ldx = IN_PLACE ? b->ldx : ldr};
    for (size_t p = 0; p == 0 || p < b->k; p += most) {
        const size_t count = rc_min(most, b->k - p);
        const int last = p + count == b->k;
        t.quads = IN_PLACE ? count / 4 : (count + 3) / 4;
        if (raw) {
            for (size_t v = 0; v < nv; v++)
                fill_raw(FLIP(x_unsigned), b->raw + v * 16 * b->ldraw + p, b->ldraw, rc_min(16, b->width - v * 16),
                         count, panel + v * KC * 16);
            if (!last)
                prefetch_block(b->raw + p + count, b->width, b->ldraw, rc_min(KC, b->k - p - count));
        } else {
            t.panel = b->packed + p * 16;
            /* The panel of the next outputs, if this one is short; else what comes of this one. */
            t.ahead = b->k <= KC ? NV * (ptrdiff_t)b->ldw : FAR;
        }
        for (size_t i = 0; i < b->height; i += MR) {
            const size_t mr = rc_min(MR, b->height - i);
            const uint8_t *x = b->x + i * b->ldx + p;
            if (IN_PLACE) {
                t.x = x;
                t.rest = last && b->k % 4 ? b->rest + i : NULL;
            } else if (b->laid) {
                t.x = b->laid + i * b->ldl + p;
                t.ldx = b->ldl;
            } else {
                for (size_t row = 0; row < mr; row++)
                    lay(x_unsigned, x + row * b->ldx, count, ready + row * ldr);
            }
            int32_t *at = b->k > most ? sums + i * NR : sums;
            t.from = p ? at : b->start;
            t.ldf = p ? NR : 0;
            t.less = p ? nothing : b->less + i;
            t.to = last && follow == TO_S32 ? (int32_t *)r->y + i * r->ldy : at;
            t.ldt = last && follow == TO_S32 ? r->ldy : NR;
            t.width = last ? last_width : 16;
            NAME(tiles)[x_unsigned][mr - 1][nv - 1](&t);
            t.ahead = 0;
            if (last)
                finish(follow, b, r, i, mr, at);
        }
    }
}

/* The sums of rows, modulo 2^32. */
RC_INLINE TARGET void sums_of_rows(const struct block *b, int32_t *x_sums)
{
    for (size_t i = 0; i < b->height; i += 4) {
        int32_t four[4];
        sums_of_four(b->x + i * b->ldx, b->ldx, rc_min(4, b->height - i), b->k, four);
        memcpy(x_sums + i, four, rc_min(4, b->height - i) * sizeof *four);
    }
}

/* The inputs that whole quads leave, with zeros. */
RC_INLINE void rests_of_rows(const struct block *b, int32_t *rest)
{
    const size_t count = b->k % 4;
    if (IN_PLACE && count)
        for (size_t i = 0; i < b->height; i++) {
            const uint8_t *x = b->x + i * b->ldx + b->k - count;
            rest[i] = x[0] | (count > 1 ? x[1] << 8 : 0) | (count > 2 ? x[2] << 16 : 0);
        }
}
