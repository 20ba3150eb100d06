/* Template of the products of float32 matrices, y = x w^T and y = x w. Included after these were defined:
 *
 * KERNEL, MANY         the function's name, and that of the one for many rows of x
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 * MR, NR               rows of x and of w in a tile of x w^T: MR * NR vectors and a few operands must fit the registers
 * TM, TK               rows of x and of w in a tile of x w: TM * TK factors, TK vectors of w and a sum must fit them
 *
 * From memory come about a tenth of the floats that one core can multiply, so with few rows of x every float of w must
 * be on its way before it is needed: each pass of a tile over a block asks for some rows of the next block, and all
 * passes for all of them.
 */
#include "blocks.h"
#include "chains.h"

/* KC inputs of x w^T, or columns of x w, are a block: 2 KiB of a row, so that MR + NR rows, at most 20 KiB, stay in
 * L1. */
enum { KC = 512 };

/* One row of x passes over w once, and memory sets the pace. The processor itself looks ahead, along a row: so rows are
 * read in whole, or in long pieces, and the ones that follow are asked for, to L2, which holds them. Of a w that is not
 * LONG floats, 16 MiB, most may lie in a cache, where asking only costs. */
enum { LONG = 1 << 22, PIECE = 4096 };

/* Ask L1, or L2 where it is `far`, for the line at `p` of each of `count` rows: past the end too, it is a hint. */
RC_INLINE void prefetch_lines(const int far, const float *rows, size_t count, size_t stride, size_t p)
{
    for (size_t q = 0; q < count; q++) {
        const char *line = (const char *)((uintptr_t)rows + (q * stride + p) * sizeof *rows);
        if (far)
            __builtin_prefetch(line, 0, 2);
        else
            __builtin_prefetch(line, 0, 3);
    }
}

/* x w^T of one row of x: all chains of NR rows of w in registers, from their first input to the last. */
RC_INLINE TARGET void one_row(const int far, size_t begin, size_t end, size_t k, const float *x, const float *w,
                              float *y)
{
    enum { HALVES = 16 / LANES, FOURS = (NR + 3) / 4 * 4 };
    float acc[FOURS * 16] __attribute__((aligned(64))) = {0}, totals[FOURS];
    for (size_t o0 = begin; o0 < end; o0 += NR) {
        const size_t width = rc_min(end - o0, NR);
        const float *row[NR]; /* what lies past the range repeats the first row, and drops the results */
        VEC sum[NR][HALVES];
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            row[o] = w + (o0 + (o < width ? o : 0)) * k;
            RC_UNROLL for (size_t h = 0; h < HALVES; h++)
                sum[o][h] = v_zero();
        }
        size_t p = 0;
        for (; p + 16 <= k; p += 16) {
            if (far)
                RC_UNROLL for (size_t o = 0; o < NR; o++)
                    prefetch_lines(1, row[o], 1, 0, p + NR * k);
            RC_UNROLL for (size_t h = 0; h < HALVES; h++) {
                const VEC input = v_load(x + p + h * LANES);
                RC_UNROLL for (size_t o = 0; o < NR; o++)
                    sum[o][h] = v_fma(input, v_load(row[o] + p + h * LANES), sum[o][h]);
            }
        }
        RC_UNROLL for (size_t h = 0; h < HALVES; h++) {
            if (p + h * LANES < k) { /* a lane without an input adds 0 * 0, which changes no sum: README.md says why */
                const size_t at = p + h * LANES;
                const MASK some = v_mask(rc_min(k - at, LANES));
                const VEC input = v_load_some(x + at, some);
                RC_UNROLL for (size_t o = 0; o < NR; o++)
                    sum[o][h] = v_fma(input, v_load_some(row[o] + at, some), sum[o][h]);
            }
        }
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            RC_UNROLL for (size_t h = 0; h < HALVES; h++)
                v_store(acc + o * 16 + h * LANES, sum[o][h]);
        for (size_t t = 0; t < FOURS; t += 4)
            reduce_four(acc + t * 16, totals + t);
        memcpy(y + o0, totals, width * sizeof *y);
    }
}

/* x w^T: accumulate `length` inputs into the chains of a tile, those from `lane` on. */
RC_INLINE TARGET void tile(const size_t mr, const size_t lane, const float *x, size_t ldx, const float *const *w,
                           size_t length, const float *ahead, size_t count, size_t stride, float *acc)
{
    VEC v[MR][NR], input[MR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = v_load(acc + (i * NR + o) * 16 + lane);
    size_t p = 0;
    for (; p + 16 <= length; p += 16) {
        prefetch_lines(0, ahead, count, stride, p);
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = v_load(x + i * ldx + p + lane);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = v_load(w[o] + p + lane);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = v_fma(input[i], weight, v[i][o]);
        }
    }
    if (p + lane < length) { /* a lane without an input adds 0 * 0, which changes no sum: README.md says why */
        const MASK some = v_mask(rc_min(length - p - lane, LANES));
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = v_load_some(x + i * ldx + p + lane, some);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = v_load_some(w[o] + p + lane, some);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = v_fma(input[i], weight, v[i][o]);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v_store(acc + (i * NR + o) * 16 + lane, v[i][o]);
}

/* Accumulate a block of `length` inputs into the chains of `height` rows of x; each tile asks for its share of the
 * `there` rows of the block that comes next. */
RC_INLINE TARGET void multiply_block(size_t height, const float *x, size_t ldx, const float *const *w, size_t length,
                                     const float *next, size_t there, size_t stride, float *acc)
{
    const size_t tiles = (height + MR - 1) / MR, share = (NR + tiles - 1) / tiles;
    for (size_t t = 0; t < tiles; t++) {
        const size_t from = rc_min(t * share, there), count = rc_min(share, there - from);
        const float *rows = x + t * MR * ldx, *ahead = next + from * stride;
        float *chains = acc + t * MR * NR * 16;
        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
            switch (height - t * MR) {
            case 1: tile(1, lane, rows, ldx, w, length, ahead, count, stride, chains); break;
            case 2: tile(2, lane, rows, ldx, w, length, ahead, count, stride, chains); break;
            case 3: tile(3, lane, rows, ldx, w, length, ahead, count, stride, chains); break;
            default: tile(MR, lane, rows, ldx, w, length, ahead, count, stride, chains);
            }
        }
    }
}

RC_INLINE TARGET void sixteen_chains(size_t begin, size_t end, size_t m, size_t k, size_t ldx, size_t ldy,
                                     const float *x, const float *w, float *y)
{
    float acc[MC * NR * 16] __attribute__((aligned(64))), totals[MC * NR];
    for (size_t i0 = 0; i0 < m; i0 += MC) {
        const size_t height = rc_min(m - i0, MC), used = (height + 3) / 4 * 4 * NR * 16 * sizeof *acc;
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = rc_min(end - o0, NR);
            memset(acc, 0, used);
            for (size_t p = 0; p < k; p += KC) {
                const float *row[NR]; /* a tile past the range repeats its first row, and drops the results */
                for (size_t o = 0; o < NR; o++)
                    row[o] = w + (o0 + (o < width ? o : 0)) * k + p;
                /* The next block of these rows, or the first one of the next rows. */
                const int same = p + KC < k;
                const float *next = same ? w + o0 * k + p + KC : w + (o0 + NR) * k;
                const size_t there = same ? width : rc_min(NR, end - o0 - width);
                multiply_block(height, x + i0 * ldx + p, ldx, row, rc_min(k - p, KC), next, there, k, acc);
            }
            for (size_t t = 0; t < height * NR; t += 4)
                reduce_four(acc + t * 16, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * ldy + o0 + o] = totals[i * NR + o];
        }
    }
}

/* x w: add to `rows` rows of sums the products of `inputs` rows of w. */
RC_INLINE TARGET void add_products(const int far, const size_t rows, const size_t inputs, size_t width, size_t ldw,
                                   size_t ldx, size_t ldy, const float *x, const float *w, const float *ahead,
                                   size_t count, float *y)
{
    VEC factor[TM][TK], column[TK];
    RC_UNROLL for (size_t i = 0; i < rows; i++)
        RC_UNROLL for (size_t p = 0; p < inputs; p++)
            factor[i][p] = v_set1(x[i * ldx + p]);
    size_t j = 0;
    for (; j + LANES <= width; j += LANES) {
        prefetch_lines(far, ahead, count, ldw, j);
        RC_UNROLL for (size_t p = 0; p < inputs; p++)
            column[p] = v_load(w + p * ldw + j);
        RC_UNROLL for (size_t i = 0; i < rows; i++) {
            VEC sum = v_load(y + i * ldy + j);
            RC_UNROLL for (size_t p = 0; p < inputs; p++)
                sum = v_fma(factor[i][p], column[p], sum);
            v_store(y + i * ldy + j, sum);
        }
    }
    if (j < width) {
        const MASK some = v_mask(width - j);
        RC_UNROLL for (size_t p = 0; p < inputs; p++)
            column[p] = v_load_some(w + p * ldw + j, some);
        RC_UNROLL for (size_t i = 0; i < rows; i++) {
            VEC sum = v_load_some(y + i * ldy + j, some);
            RC_UNROLL for (size_t p = 0; p < inputs; p++)
                sum = v_fma(factor[i][p], column[p], sum);
            v_store_some(y + i * ldy + j, some, sum);
        }
    }
}

/* The same for TK rows of w, or for one. */
RC_INLINE TARGET void add_some_products(const int far, const size_t rows, size_t inputs, size_t width, size_t ldw,
                                        size_t ldx, size_t ldy, const float *x, const float *w, const float *ahead,
                                        size_t count, float *y)
{
    if (inputs == 1)
        add_products(far, rows, 1, width, ldw, ldx, ldy, x, w, ahead, count, y);
    else
        add_products(far, rows, TK, width, ldw, ldx, ldy, x, w, ahead, count, y);
}

/* TK rows of w at a time pass under TM of x, so sums are loaded and stored once in TK products; for LAYERS times TK
 * rows of w these sums, a block of columns long, stay in L1, and the rows of w in L2, until all rows of x have passed
 * over them. */
enum { LAYERS = 4 };

RC_INLINE TARGET void one_chain(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, size_t ldy,
                                const float *x, const float *w, float *y)
{
    const size_t tiles = (m + TM - 1) / TM, share = tiles ? (LAYERS * TK + tiles * LAYERS - 1) / (tiles * LAYERS) : 0;
    const size_t columns = m == 1 ? PIECE : KC;
    for (size_t j = begin; j < end; j += columns) {
        const size_t width = rc_min(end - j, columns);
        for (size_t i = 0; i < m; i++)
            memset(y + i * ldy + j, 0, width * sizeof *y);
        for (size_t p0 = 0; p0 < k; p0 += LAYERS * TK) {
            const size_t p1 = rc_min(k, p0 + LAYERS * TK), there = rc_min(k - p1, LAYERS * TK);
            const float *next = w + p1 * n + j;
            size_t asked = 0;
            for (size_t t = 0; t < tiles; t++) {
                float *to = y + t * TM * ldy + j;
                for (size_t p = p0, inputs; p < p1; p += inputs) {
                    inputs = p1 - p < TK ? 1 : TK;
                    const size_t count = rc_min(share, there - asked);
                    const float *factors = x + t * TM * ldx + p, *rows = w + p * n + j, *ahead = next + asked * n;
                    asked += count;
                    switch (m - t * TM) {
                    case 1:
                        if (m == 1) /* and not the last of more rows */
                            add_some_products(1, 1, inputs, width, n, ldx, ldy, factors, rows, ahead, count, to);
                        else
                            add_some_products(0, 1, inputs, width, n, ldx, ldy, factors, rows, ahead, count, to);
                        break;
                    case 2: add_some_products(0, 2, inputs, width, n, ldx, ldy, factors, rows, ahead, count, to); break;
                    case 3: add_some_products(0, 3, inputs, width, n, ldx, ldy, factors, rows, ahead, count, to); break;
                    default: add_some_products(0, TM, inputs, width, n, ldx, ldy, factors, rows, ahead, count, to);
                    }
                }
            }
        }
    }
}

TARGET int KERNEL(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, size_t ldy, int transposed,
                  const float *x, const float *w, float *y)
{
    if (transposed)
        one_chain(begin, end, m, n, k, ldx, ldy, x, w, y);
    else if (m >= MANY_ROWS)
        MANY(begin, end, m, k, ldx, ldy, x, w, y);
    else if (m == 1 && n * k >= LONG)
        one_row(1, begin, end, k, x, w, y);
    else if (m == 1)
        one_row(0, begin, end, k, x, w, y);
    else
        sixteen_chains(begin, end, m, k, ldx, ldy, x, w, y);
    return RC_OK;
}
