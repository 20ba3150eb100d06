/* The products of int8 inputs by codes of 4 or 8 bits with scales, over tiles that decode. A part of coded_avx512.c,
 * which has defined before:
 *
 * S8S4, S8LUT4         the kernels' names
 * decode(w, lines, table, out)   lines of 64 bytes of 4-bit codes to twice as many quads of what the table has for them
 * scale_sums(affine, sums, of, x_sum, nv, totals)   add a row's sums of the first group of `of`, less zero times x_sum
 *                      and times the scales, to its totals
 * to_y(totals, x_scale, width, y)   totals times x_scale
 * coded_row(kind, x, of, w, table, x_sums, totals)   the totals of one row and sixteen outputs, from packed codes
 * coded_tile(in_codes, affine, mr, nv, x, ldx, of, panel, ldp, table, x_sums, ldsums, totals)   for each group of a
 *                      panel, the products of mr rows with nv times sixteen outputs, scaled as above and added to
 *                      totals, rows of NR; if in_codes the panel is packed codes, of an even number of quads a group
 *
 * The idea: a tile decodes its codes as it multiplies. For an odd number of quads, codes of NR outputs and about KC
 * inputs are decoded to a panel in L1, once for MC_CODED rows of x. */

typedef void coded_function(const uint8_t *x, size_t ldx, const struct groups *of, const uint8_t *panel, size_t ldp,
                            const uint8_t *table, const int32_t *x_sums, size_t ldsums, float *totals);
#define CODED_TILE(in_codes, affine, mr, nv) \
    static TARGET void NAME(coded_##in_codes##_##affine##_##mr##_##nv)( \
        const uint8_t *x, size_t ldx, const struct groups *of, const uint8_t *panel, size_t ldp, const uint8_t *table, \
        const int32_t *x_sums, size_t ldsums, float *totals) \
    { \
        coded_tile(in_codes, affine, mr, nv, x, ldx, of, panel, ldp, table, x_sums, ldsums, totals); \
    }
#define CODED_TILES(affine, mr) \
    CODED_TILE(0, affine, mr, 1) CODED_TILE(0, affine, mr, 2) CODED_TILE(0, affine, mr, 3) \
    CODED_TILE(1, affine, mr, 1) CODED_TILE(1, affine, mr, 2)
#define CODED_NAMED(affine, mr) \
    {NAME(coded_0_##affine##_##mr##_1), NAME(coded_0_##affine##_##mr##_2), NAME(coded_0_##affine##_##mr##_3), \
     NAME(coded_1_##affine##_##mr##_1), NAME(coded_1_##affine##_##mr##_2)},
ALL_ROWS(CODED_TILES, 0)
ALL_ROWS(CODED_TILES, 1)
static coded_function *const NAME(coded_tiles)[2][MR][NV + 2] = {{ALL_ROWS(CODED_NAMED, 0)},
                                                                 {ALL_ROWS(CODED_NAMED, 1)}};

/* The product of rows with codes, decoded in registers for each tile of rows: faster than a panel that is written and
 * read. The codes of 32 outputs stay in L2 meanwhile, beside the rows. */
RC_INLINE TARGET void in_registers(size_t count, size_t first, size_t stop, const uint8_t *x, size_t ldx,
                                   const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, size_t bytes,
                                   float *y)
{
    const size_t groups = (w->k + w->group - 1) / w->group;
    float totals[MR * NR] __attribute__((aligned(64)));
    for (size_t o = first; o < stop; o += 32) {
        const size_t width = rc_min(stop - o, 32);
        const struct groups of = {groups, (w->group + 3) / 4, groups * 16, bytes, w->scale + o * groups,
                                  w->zero ? w->zero + o * groups : NULL, w->zero_of_all};
        for (size_t i = 0; i < count; i += MR) {
            const size_t mr = rc_min(MR, count - i);
            memset(totals, 0, mr * NR * sizeof *totals);
            if (groups)
                NAME(coded_tiles)[w->zero != NULL][mr - 1][NV + (width > 16)](
                    x + i * ldx, ldx, &of, w->codes + o / 16 * groups * bytes, groups * bytes, w->table,
                    x_sums + i * groups, groups, totals);
            for (size_t r = 0; r < mr; r++)
                to_y(totals + r * NR, x_scale[i + r], width, y + (i + r) * w->n + o);
        }
    }
}

/* The product of one row. */
RC_INLINE TARGET void single_row(const enum kind kind, size_t first, size_t stop, const uint8_t *x,
                                 const int32_t *x_sums, float x_scale, const struct rc_coded *w, size_t bytes, float *y)
{
    const size_t groups = (w->k + w->group - 1) / w->group;
    float totals[16] __attribute__((aligned(64)));
    for (size_t o = first; o < stop; o += 16) {
        const struct groups of = {groups, (w->group + 3) / 4, groups * 16, bytes, w->scale + o * groups,
                                  w->zero ? w->zero + o * groups : NULL, w->zero_of_all};
        coded_row(kind, x, &of, w->codes + o / 16 * groups * bytes, w->table, x_sums, totals);
        to_y(totals, x_scale, rc_min(stop - o, 16), y + o);
    }
}

/* One group of a block of rows, in pieces of KC inputs. */
RC_INLINE TARGET void any_group(const struct rc_coded *w, size_t height, size_t nv, const uint8_t *x, size_t ldx,
                                const struct groups *of, const uint8_t *codes, size_t ldc, uint8_t *bytes,
                                int32_t *sums, const int32_t *x_sums, size_t ldsums, float *totals)
{
    static const uint32_t nothing[MR];
    memset(sums, 0, height * NR * sizeof *sums);
    for (size_t q = 0; q < of->quads; q += KC / 4) {
        const size_t quads = rc_min(KC / 4, of->quads - q);
        const uint8_t *from = w->bits == 4 ? bytes : codes + q * 64;
        for (size_t v = 0; w->bits == 4 && v < nv; v++)
            decode(codes + v * ldc + q * 32, (quads + 1) / 2, w->table, bytes + v * KC * 16);
        for (size_t i = 0; i < height; i += MR) {
            const size_t mr = rc_min(MR, height - i);
            const struct tile t = {.x = x + i * ldx + q * 4, .ldx = ldx, .quads = quads, .panel = from,
                                   .ldp = w->bits == 4 ? KC * 16 : ldc, .from = sums + i * NR, .ldf = NR,
                                   .less = nothing, .to = sums + i * NR, .ldt = NR, .width = 16};
            NAME(tiles)[0][mr - 1][nv - 1](&t);
        }
    }
    for (size_t i = 0; i < height; i++)
        scale_sums(w->zero != NULL, sums + i * NR, of, x_sums[i * ldsums], nv, totals + i * NR);
}

TARGET int S8S4(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                const int32_t *x_sums, const float *x_scale, const struct rc_coded *weights, float *y)
{
    const struct rc_coded w = *weights;
    const size_t groups = (w.k + w.group - 1) / w.group, quads = (w.group + 3) / 4;
    const size_t lines = w.bits == 4 ? (quads + 1) / 2 : quads, ldc = groups * lines * 64;
    uint8_t bytes[NV * KC * 16] __attribute__((aligned(64)));
    int32_t sums[MC_CODED * NR] __attribute__((aligned(64)));
    float totals[MC_CODED * NR] __attribute__((aligned(64)));

    if (end <= begin)
        return RC_OK;
    if (end - begin == 1) {
        const uint8_t *row = (const uint8_t *)x + begin * ldx;
        const int32_t *of_row = x_sums + begin * groups;
        if (w.bits == 8)
            single_row(BYTES, first, stop, row, of_row, x_scale[begin], &w, lines * 64, y + begin * w.n);
        else if (w.identity)
            single_row(NIBBLES, first, stop, row, of_row, x_scale[begin], &w, lines * 64, y + begin * w.n);
        else
            single_row(LOOKUP, first, stop, row, of_row, x_scale[begin], &w, lines * 64, y + begin * w.n);
        return RC_OK;
    }
    if (w.bits == 4 && quads % 2 == 0) {
        for (size_t i = begin; i < end; i += MC_CODED)
            in_registers(rc_min(end - i, MC_CODED), first, stop, (const uint8_t *)x + i * ldx, ldx, x_sums + i * groups,
                         x_scale + i, &w, lines * 64, y + i * w.n);
        return RC_OK;
    }
    /* The groups of a panel: as many as fit, or one that does not. */
    const size_t even = w.bits == 4 ? lines * 2 : quads, at_once = even && even < KC / 4 ? KC / 4 / even : 1;
    for (size_t i0 = begin; i0 < end; i0 += MC_CODED)
        for (size_t o0 = first; o0 < stop; o0 += NR) {
            const size_t height = rc_min(end - i0, MC_CODED), width = rc_min(stop - o0, NR), nv = (width + 15) / 16;
            memset(totals, 0, height * NR * sizeof *totals);
            for (size_t g = 0; g < groups; g += at_once) {
                const struct groups of = {rc_min(at_once, groups - g), quads, groups * 16, even * 64,
                                          w.scale + o0 * groups + g * 16,
                                          w.zero ? w.zero + o0 * groups + g * 16 : NULL, w.zero_of_all};
                const uint8_t *codes = w.codes + (o0 / 16 * groups + g) * lines * 64;
                const uint8_t *row = (const uint8_t *)x + i0 * ldx + g * quads * 4;
                const int32_t *of_rows = x_sums + i0 * groups + g;
                if (quads <= KC / 4 / 2) {
                    if (w.bits == 4)
                        for (size_t v = 0; v < nv; v++)
                            decode(codes + v * ldc, of.count * lines, w.table, bytes + v * KC * 16);
                    for (size_t i = 0; i < height; i += MR)
                        NAME(coded_tiles)[w.zero != NULL][rc_min(MR, height - i) - 1][nv - 1](
                            row + i * ldx, ldx, &of, w.bits == 4 ? bytes : codes, w.bits == 4 ? KC * 16 : ldc, w.table,
                            of_rows + i * groups, groups, totals + i * NR);
                    continue;
                }
                any_group(&w, height, nv, row, ldx, &of, codes, ldc, bytes, sums, of_rows, groups, totals);
            }
            for (size_t i = 0; i < height; i++)
                to_y(totals + i * NR, x_scale[i0 + i], width, y + (i0 + i) * w.n + o0);
        }
    return RC_OK;
}

TARGET int S8LUT4(size_t begin, size_t end, size_t first, size_t stop, size_t ldx, const int8_t *x,
                  const int32_t *x_sums, const float *x_scale, const struct rc_coded *w, float *y)
{
    return S8S4(begin, end, first, stop, ldx, x, x_sums, x_scale, w, y);
}
