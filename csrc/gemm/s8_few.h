/* Template of the integer products of few rows, y = x w^T, with w as it is. Included after these were defined:
 *
 * KERNEL_S8S8, KERNEL_U8S8   the functions' names; in what follows the constant is_signed says which of them it is
 * TARGET               their instruction set
 * VEC, STEP            a vector of int32 sums; how many inputs one `dot` takes
 * MR, NRF              rows of x and of w in a tile: its MR * NRF sums and a few operands must fit the registers
 * BIAS                 `weights` adds it to each weight where x is signed, so BIAS times the sum of a row of x is taken
 *                      off in the end (0: it adds nothing)
 * SOME, some_of(count)   how `inputs` and `weights` are told that count <= STEP are there
 * inputs(is_signed, x, some), weights(is_signed, w, some)   a STEP of x or of w, reading nothing past what is there;
 *                      what stands behind it in x is zero
 * dot(is_signed, acc, x, w)   acc plus the products, each lane the sum of neighbours
 * reduce_four(v, out)  the four sums over the lanes of v[0], .. v[3]
 *
 * The idea: inputs lie across the lanes, so w needs no packing and is read once, in the order in which it lies; the
 * lanes of a sum are added up in the end, which a long k hides. All sums are exact, so the order is free. */
#include "s8_tiles.h"

/* NRF rows of w, so many inputs at a time, stay in L1 while a second tile of rows of x meets them: of bytes 12 KiB. */
enum { PIECE = 32 * STEP, AHEAD = 1024 };

/* A line of w that lies AHEAD bytes further on: of the same row, or where that ends of the row NRF below. */
RC_INLINE const int8_t *far_line(const int8_t *w, size_t p, size_t ldw)
{
    return w + p + AHEAD + (p + AHEAD >= ldw ? (NRF - 1) * ldw : 0);
}

/* Add the products of inputs p .. p + count to the sums of mr rows of x and nr rows of w. */
RC_INLINE TARGET void few_tile(const int is_signed, const size_t mr, const size_t nr, const uint8_t *x, size_t ldx,
                               const int8_t *w, size_t ldw, size_t p, size_t count, VEC *sums)
{
    VEC acc[MR][NRF];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < nr; o++)
            acc[i][o] = sums[i * NRF + o];
    const size_t end = p + count;
    /* One loop for whole steps and the rest: beside a second loop GCC 12 stores all sums in every step of the first. */
    for (; p < end; p += STEP) {
        const SOME some = some_of(rc_min(STEP, end - p));
        VEC input[MR];
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = inputs(is_signed, x + i * ldx + p, some);
        RC_UNROLL for (size_t o = 0; o < nr; o++) {
            const VEC weight = weights(is_signed, w + o * ldw + p, some);
            if (STEP == 64 || p % 64 == 0)
                ask_for(far_line(w + o * ldw, p, ldw));
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                acc[i][o] = dot(is_signed, acc[i][o], input[i], weight);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < nr; o++)
            sums[i * NRF + o] = acc[i][o];
}

/* A function for each size of a tile, as in s8_rows.h. */
typedef void few_function(const uint8_t *x, size_t ldx, const int8_t *w, size_t ldw, size_t p, size_t count, VEC *sums);
#define FEW_TILE(is_signed, mr, nr, name) \
    static TARGET void name(const uint8_t *x, size_t ldx, const int8_t *w, size_t ldw, size_t p, size_t count, \
                            VEC *sums) \
    { \
        few_tile(is_signed, mr, nr, x, ldx, w, ldw, p, count, sums); \
    }
#define FEW_TILES(mr) \
    FEW_TILE(0, mr, 1, one_unsigned_##mr) FEW_TILE(0, mr, NRF, unsigned_##mr) \
    FEW_TILE(1, mr, 1, one_signed_##mr) FEW_TILE(1, mr, NRF, signed_##mr)
FEW_TILES(1)
FEW_TILES(2)
FEW_TILES(3)
#if MR > 3
FEW_TILES(4)
#else
#define one_unsigned_4 one_unsigned_3
#define unsigned_4 unsigned_3
#define one_signed_4 one_signed_3
#define signed_4 signed_3
#endif
static few_function *const few_tiles[2][2][4] = {
    {{one_unsigned_1, one_unsigned_2, one_unsigned_3, one_unsigned_4},
     {unsigned_1, unsigned_2, unsigned_3, unsigned_4}},
    {{one_signed_1, one_signed_2, one_signed_3, one_signed_4}, {signed_1, signed_2, signed_3, signed_4}}};

RC_INLINE TARGET uint32_t sum_of_row(const uint8_t *x, size_t k)
{
    int32_t sum = 0;
    for (size_t p = 0; p < k; p++)
        sum += (int8_t)x[p];
    return (uint32_t)sum;
}

/* m is at most FEW_ROWS. */
RC_INLINE TARGET int few(const int is_signed, size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x,
                         const int8_t *w, int32_t *y)
{
    VEC sums[FEW_ROWS * NRF + 3]; /* by fours, as they are read */
    int32_t totals[FEW_ROWS * NRF + 3];
    uint32_t less[FEW_ROWS] = {0};
    if (BIAS && is_signed)
        for (size_t i = 0; i < m; i++)
            less[i] = BIAS * sum_of_row(x + i * k, k);
    for (size_t o0 = begin, width; o0 < end; o0 += width) {
        const int whole = end - o0 >= NRF;
        width = whole ? NRF : 1;
        memset(sums, 0, (m * NRF + 3) * sizeof *sums);
        for (size_t p = 0; p < k; p += PIECE)
            for (size_t i = 0; i < m; i += MR)
                few_tiles[is_signed][whole][rc_min(MR, m - i) - 1](x + i * k, k, w + o0 * k, k, p, rc_min(PIECE, k - p),
                                                                   sums + i * NRF);
        for (size_t t = 0; t < m * NRF; t += 4)
            reduce_four(sums + t, totals + t);
        for (size_t i = 0; i < m; i++)
            for (size_t o = 0; o < width; o++)
                y[i * n + o0 + o] = (int32_t)((uint32_t)totals[i * NRF + o] - less[i]);
    }
    return RC_OK;
}

TARGET int KERNEL_S8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                       int32_t *y)
{
    return few(1, begin, end, m, n, k, (const uint8_t *)x, w, y);
}

TARGET int KERNEL_U8S8(size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x, const int8_t *w,
                       int32_t *y)
{
    return few(0, begin, end, m, n, k, x, w, y);
}
