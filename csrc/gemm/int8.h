/* Template of the exact int8 products, y = x w^T. Included after these were defined:
 *
 * KERNEL_S8S8, KERNEL_U8S8   the functions' names; in what follows the constant is_signed says which of them it is
 * TARGET               their instruction set
 * VEC, STEP            a vector of int32 sums; how many inputs one `dot` takes
 * MR, NR               rows of x and of w in a tile: its MR * NR sums and a few operands must fit the registers
 * PACKED               the type in which an input of w is packed
 * load(is_signed, x), load_some(is_signed, x, count)   a STEP of x; its first count < STEP, zeros behind, reading
 * nothing past them
 * pack(is_signed, w, count, out)   write a STEP of w of which count <= STEP are there (what stands behind them meets
 * zeros of x)
 * dot(is_signed, acc, x, w)   acc plus the products, each lane the sum of neighbours
 * reduce_four(v, out)  the four sums over the lanes of v[0], .. v[3]
 * BIAS                 `pack` adds it to each weight where x is signed, so BIAS times the sum of x is taken off in the
 * end (0: it
 *                      adds nothing)
 *
 * The idea: NR rows of w are packed, KC inputs at a time, and serve MC rows of x before the next KC; the sums wait on
 * the stack meanwhile. So a weight is widened once per block of x rows and not once per row, and every load of the tile
 * comes from L1 (w) or L2 (x). All sums are exact, so the order is free.
 */
#include "blocks.h"

/* A tile's sums are loaded and stored once for 32 steps, which hides that. NR packed rows and MR rows of x then take 20
 * KiB (AVX-512) or 5.5 KiB (AVX2) of L1's 32. */
enum { KC = 32 * STEP };

/* Add the products of `count` inputs to the sums of mr rows of x and NR packed rows of w. */
RC_INLINE TARGET void tile(const int is_signed, const size_t mr, const uint8_t *x, size_t ldx, size_t count,
                           const PACKED *w, VEC *sums)
{
    VEC acc[MR][NR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            acc[i][o] = sums[i * NR + o];
    VEC input[MR];
    /* One loop for whole steps and the rest: beside a second loop GCC 12 stores all sums in every step of the first. */
    for (size_t p = 0; p < count; p += STEP, w += NR * STEP) {
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = p + STEP <= count ? load(is_signed, x + i * ldx + p)
                                         : load_some(is_signed, x + i * ldx + p, count - p);
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                acc[i][o] = dot(is_signed, acc[i][o], input[i], w + o * STEP);
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            sums[i * NR + o] = acc[i][o];
}

/* The sum of a row of x, modulo 2^32: its product with ones. */
RC_INLINE TARGET uint32_t sum_of_row(const int is_signed, const uint8_t *x, size_t k)
{
    PACKED ones[STEP] __attribute__((aligned(64)));
    for (size_t p = 0; p < STEP; p++)
        ones[p] = 1;
    VEC v[4];
    memset(v, 0, sizeof v);
    size_t p = 0;
    for (; p + STEP <= k; p += STEP)
        v[0] = dot(is_signed, v[0], load(is_signed, x + p), ones);
    if (p < k)
        v[0] = dot(is_signed, v[0], load_some(is_signed, x + p, k - p), ones);
    int32_t totals[4];
    reduce_four(v, totals);
    return (uint32_t)totals[0];
}

/* Pack `count` inputs of NR rows of w: a STEP of each row, and then the next STEP of each. A tile past the range, of
 * which only `width` rows are there, repeats its first row, and drops the results. */
RC_INLINE TARGET void pack_block(const int is_signed, const int8_t *w, size_t ldw, size_t width, size_t count,
                                 PACKED *packed)
{
    for (size_t o = 0; o < NR; o++) {
        const int8_t *row = w + (o < width ? o : 0) * ldw;
        size_t p = 0;
        for (; p + STEP <= count; p += STEP)
            pack(is_signed, row + p, STEP, packed + p * NR + o * STEP);
        if (p < count)
            pack(is_signed, row + p, count - p, packed + p * NR + o * STEP);
    }
}

/* Add the products of a packed block and `height` rows of x to their sums. */
RC_INLINE TARGET void multiply_block(const int is_signed, size_t height, const uint8_t *x, size_t ldx, size_t count,
                                     const PACKED *packed, VEC *sums)
{
    for (size_t i = 0; i < height; i += MR) {
        const uint8_t *rows = x + i * ldx;
        VEC *acc = sums + i * NR;
        switch (height - i) {
        case 1: tile(is_signed, 1, rows, ldx, count, packed, acc); break;
        case 2: tile(is_signed, 2, rows, ldx, count, packed, acc); break;
        case 3: tile(is_signed, 3, rows, ldx, count, packed, acc); break;
        default: tile(is_signed, MR, rows, ldx, count, packed, acc);
        }
    }
}

RC_INLINE TARGET int product(const int is_signed, size_t begin, size_t end, size_t m, size_t n, size_t k,
                             const uint8_t *x, const int8_t *w, int32_t *y)
{
    const size_t rows = rows_at_a_time(k, MR);
    VEC sums[MC * NR];
    PACKED packed[NR * KC] __attribute__((aligned(64)));
    int32_t totals[MC * NR];
    uint32_t excess[MC] = {0};

    for (size_t i0 = 0; i0 < m; i0 += rows) {
        const size_t height = rc_min(m - i0, rows);
        if (BIAS && is_signed)
            for (size_t i = 0; i < height; i++)
                excess[i] = BIAS * sum_of_row(is_signed, x + (i0 + i) * k, k);
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = rc_min(end - o0, NR);
            memset(sums, 0, (height * NR + 3) / 4 * 4 * sizeof *sums); /* by fours, as they are read */
            for (size_t p0 = 0; p0 < k; p0 += KC) {
                const size_t count = rc_min(k - p0, KC);
                pack_block(is_signed, w + o0 * k + p0, k, width, count, packed);
                if (p0 + count < k)
                    prefetch_block(w + o0 * k + p0 + count, width, k, count);
                else
                    prefetch_block(w + (o0 + NR) * k, rc_min(end - o0 - width, NR), k, count);
                multiply_block(is_signed, height, x + i0 * k + p0, k, count, packed, sums);
            }
            for (size_t t = 0; t < height * NR; t += 4)
                reduce_four(sums + t, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * n + o0 + o] = (int32_t)((uint32_t)totals[i * NR + o] - excess[i]);
        }
    }
    return RC_OK;
}

TARGET int KERNEL_S8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                       int32_t *y)
{
    return product(1, begin, end, m, n, k, (const uint8_t *)x, w, y);
}

TARGET int KERNEL_U8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                       int32_t *y)
{
    return product(0, begin, end, m, n, k, x, w, y);
}
