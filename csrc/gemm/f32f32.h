/* Template of the products of float32 matrices, y = x w^T and y = x w. Included after these were defined:
 *
 * KERNEL               the function's name
 * TARGET               its instruction set
 * VEC, LANES           a vector of floats; its length, 16 or a divisor of it
 * MR, NR               rows of x and of w in a tile of x w^T: MR * NR vectors and a few operands must fit the registers
 * TM, TK               rows of x and of w in a tile of x w: TM * TK factors, TK vectors of w and a sum must fit them
 * load(x), store(y, v), set1(a), fma(a, b, c)
 * load_some(x, count), store_some(y, count, v)   the first count lanes; nothing is read or written past them
 *
 * Memory gives a thread some tenth of the floats that it could multiply, so with few rows of x every float of w must be on its way
 * before it is needed: each pass of a tile over a block asks for some rows of the next block, and all passes for all of them.
 */
#include "tree.h"

enum { BLOCK = 512, ROWS = 60 }; /* floats of a row that stay in L1, 2 KiB, beside those of some rows more; rows of x at once */

RC_INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Ask for the block at `ahead` of `count` rows, `stride` apart. */
#define ASK(at) \
    for (size_t q = 0; q < count; q++) \
        __builtin_prefetch(ahead + q * stride + (at), 0, 3);

/* x w^T: carry on the chains of a tile, those from `lane` on, over `length` inputs. */
RC_INLINE TARGET void tile(const size_t mr, const size_t lane, const float *x, size_t across, const float *const *w, size_t length,
                           const float *ahead, size_t count, size_t stride, float *acc)
{
    VEC v[MR][NR], input[MR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = load(acc + (i * NR + o) * 16 + lane);
    size_t p = 0;
    for (; p + 16 <= length; p += 16) {
        ASK(p)
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = load(x + i * across + p + lane);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = load(w[o] + p + lane);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = fma(input[i], weight, v[i][o]);
        }
    }
    if (p + lane < length) { /* a lane without an input would add 0 * 0, which changes no chain: none is ever -0.0 */
        const size_t some = least(length - p - lane, LANES);
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = load_some(x + i * across + p + lane, some);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = load_some(w[o] + p + lane, some);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = fma(input[i], weight, v[i][o]);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            store(acc + (i * NR + o) * 16 + lane, v[i][o]);
}

RC_INLINE TARGET void sixteen_chains(size_t begin, size_t end, size_t m, size_t k, size_t across, size_t apart, const float *x,
                                     const float *w, float *y)
{
    float acc[ROWS * NR * 16] __attribute__((aligned(64))), totals[ROWS * NR];
    for (size_t i0 = 0; i0 < m; i0 += ROWS) {
        const size_t height = least(m - i0, ROWS), used = (height + 3) / 4 * 4 * NR * 16 * sizeof *acc;
        const size_t groups = (height + MR - 1) / MR, share = (NR + groups - 1) / groups;
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = least(end - o0, NR);
            memset(acc, 0, used);
            for (size_t p = 0; p < k; p += BLOCK) {
                const size_t length = least(k - p, BLOCK);
                const float *row[NR]; /* a tile past the range repeats its first row, and drops the results */
                for (size_t o = 0; o < NR; o++)
                    row[o] = w + (o0 + (o < width ? o : 0)) * k + p;
                /* The next block of these rows, or the first one of the next rows. */
                const int same = p + BLOCK < k;
                const float *next = same ? w + o0 * k + p + BLOCK : w + (o0 + NR) * k;
                const size_t there = same ? width : least(NR, end - o0 - width);
                for (size_t g = 0; g < groups; g++) {
                    const size_t from = least(g * share, there), count = least(share, there - from);
                    const float *first = x + (i0 + g * MR) * across + p, *ahead = next + from * k;
                    float *chains = acc + g * MR * NR * 16;
                    RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
                        switch (height - g * MR) {
                        case 1: tile(1, lane, first, across, row, length, ahead, count, k, chains); break;
                        case 2: tile(2, lane, first, across, row, length, ahead, count, k, chains); break;
                        case 3: tile(3, lane, first, across, row, length, ahead, count, k, chains); break;
                        default: tile(MR, lane, first, across, row, length, ahead, count, k, chains);
                        }
                    }
                }
            }
            for (size_t t = 0; t < height * NR; t += 4)
                tree4(acc + t * 16, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * apart + o0 + o] = totals[i * NR + o];
        }
    }
}

/* x w: add to `rows` rows of sums the products of `inputs` rows of w. */
RC_INLINE TARGET void add_products(const size_t rows, const size_t inputs, size_t width, size_t stride, size_t across, size_t apart,
                                   const float *x, const float *w, const float *ahead, size_t count, float *y)
{
    VEC factor[TM][TK], column[TK];
    RC_UNROLL for (size_t i = 0; i < rows; i++)
        RC_UNROLL for (size_t p = 0; p < inputs; p++)
            factor[i][p] = set1(x[i * across + p]);
    size_t j = 0;
    for (; j + LANES <= width; j += LANES) {
        ASK(j)
        RC_UNROLL for (size_t p = 0; p < inputs; p++)
            column[p] = load(w + p * stride + j);
        RC_UNROLL for (size_t i = 0; i < rows; i++) {
            VEC sum = load(y + i * apart + j);
            RC_UNROLL for (size_t p = 0; p < inputs; p++)
                sum = fma(factor[i][p], column[p], sum);
            store(y + i * apart + j, sum);
        }
    }
    if (j < width) {
        RC_UNROLL for (size_t p = 0; p < inputs; p++)
            column[p] = load_some(w + p * stride + j, width - j);
        RC_UNROLL for (size_t i = 0; i < rows; i++) {
            VEC sum = load_some(y + i * apart + j, width - j);
            RC_UNROLL for (size_t p = 0; p < inputs; p++)
                sum = fma(factor[i][p], column[p], sum);
            store_some(y + i * apart + j, width - j, sum);
        }
    }
}

/* TK rows of w at a time pass under TM of x, so sums are loaded and stored once in TK products; for LAYERS times TK rows of w these
 * sums, a block of columns long, stay in L1, and the rows of w in L2, until all rows of x have passed over them. */
enum { LAYERS = 4 };

RC_INLINE TARGET void one_chain(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t across, size_t apart,
                                const float *x, const float *w, float *y)
{
    const size_t groups = (m + TM - 1) / TM, share = groups ? (LAYERS * TK + groups * LAYERS - 1) / (groups * LAYERS) : 0;
    for (size_t j = begin; j < end; j += BLOCK) {
        const size_t width = least(end - j, BLOCK);
        for (size_t i = 0; i < m; i++)
            memset(y + i * apart + j, 0, width * sizeof *y);
        for (size_t p0 = 0; p0 < k; p0 += LAYERS * TK) {
            const size_t p1 = least(k, p0 + LAYERS * TK), there = least(k - p1, LAYERS * TK);
            const float *next = w + p1 * n + j;
            size_t asked = 0;
            for (size_t g = 0; g < groups; g++) {
                float *sums = y + g * TM * apart + j;
                for (size_t p = p0, inputs; p < p1; p += inputs) {
                    inputs = p1 - p < TK ? 1 : TK;
                    const size_t count = least(share, there - asked);
                    const float *factors = x + g * TM * across + p, *rows = w + p * n + j, *ahead = next + asked * n;
                    asked += count;
#define ROWS_OF(count_of) \
    if (inputs == 1) \
        add_products(count_of, 1, width, n, across, apart, factors, rows, ahead, count, sums); \
    else \
        add_products(count_of, TK, width, n, across, apart, factors, rows, ahead, count, sums);
                    switch (m - g * TM) {
                    case 1: ROWS_OF(1) break;
                    case 2: ROWS_OF(2) break;
                    case 3: ROWS_OF(3) break;
                    default: ROWS_OF(TM)
                    }
#undef ROWS_OF
                }
            }
        }
    }
}
#undef ASK

TARGET int KERNEL(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t across, size_t apart, int transposed,
                  const float *x, const float *w, float *y)
{
    if (transposed)
        one_chain(begin, end, m, n, k, across, apart, x, w, y);
    else
        sixteen_chains(begin, end, m, k, across, apart, x, w, y);
    return RC_OK;
}
