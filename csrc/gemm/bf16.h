/* Template of gemm_bf16bf16. Included after these were defined:
 *
 * KERNEL               the function's name
 * TARGET, VEC, LANES, v_load, v_store   vectors of floats, as vec_avx2.h has them
 * PAIRS, p_load, p_load_some, v_pairs   vectors of pairs of bfloat16, 2 * LANES numbers; and the two steps of a chain
 * MR, NR               rows of x and of w in a tile: MR * NR vectors and a few operands must fit the registers
 * FLUSHED(statement)   the statement, in a mode that flushes subnormals as the chains do
 *
 * The blocks are those of f32f32.h; a line of 64 bytes has 32 inputs, two for each of the 16 chains.
 */
#include "blocks.h"
#include "chains.h"

/* KC inputs are a block: 2 KiB of a row, so that MR + NR rows, at most 20 KiB, stay in L1. A multiple of 32. */
enum { KC = 1024, INPUTS = 32 };

/* Accumulate `length` inputs into the chains of a tile, those from `lane` on. A last block of fewer than 32 inputs is
 * filled up with zeros. */
RC_INLINE TARGET void tile(const size_t mr, const size_t lane, const uint16_t *x, size_t ldx, size_t k,
                           const uint16_t *const *w, size_t length, const uint16_t *ahead, size_t count, float *acc)
{
    VEC v[MR][NR];
    PAIRS input[MR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = v_load(acc + (i * NR + o) * 16 + lane);
    size_t p = 0;
    for (; p + INPUTS <= length; p += INPUTS) {
        for (size_t q = 0; q < count; q++)
            __builtin_prefetch(ahead + q * k + p, 0, 3);
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = p_load(x + i * ldx + p + 2 * lane);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const PAIRS weight = p_load(w[o] + p + 2 * lane);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = v_pairs(v[i][o], input[i], weight);
        }
    }
    if (p < length) {
        const size_t rest = length - p > 2 * lane ? rc_min(length - p - 2 * lane, 2 * LANES) : 0;
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = p_load_some(x + i * ldx + p + 2 * lane, rest);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const PAIRS weight = p_load_some(w[o] + p + 2 * lane, rest);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = v_pairs(v[i][o], input[i], weight);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v_store(acc + (i * NR + o) * 16 + lane, v[i][o]);
}

/* Fill the chains of `height` rows of x and `width` rows of w, `left` rows of which are left. Not inlined: where a mode
 * is set around it, no operation may be moved out of it. */
static __attribute__((noinline)) TARGET void chains_of(size_t height, size_t width, size_t left, size_t k,
                                                       size_t ldx, const uint16_t *x, const uint16_t *w, float *acc)
{
    const size_t tiles = (height + MR - 1) / MR, share = (NR + tiles - 1) / tiles;
    for (size_t p = 0; p < k; p += KC) {
        const uint16_t *row[NR]; /* a tile past the range repeats its first row, and drops the results */
        for (size_t o = 0; o < NR; o++)
            row[o] = w + (o < width ? o : 0) * k + p;
        /* The next block of these rows, or the first one of the next rows: each tile asks for its share. */
        const int same = p + KC < k;
        const uint16_t *next = same ? w + p + KC : w + NR * k;
        const size_t there = same ? width : rc_min(NR, left - width), length = rc_min(k - p, KC);
        for (size_t t = 0; t < tiles; t++) {
            const size_t from = rc_min(t * share, there), count = rc_min(share, there - from);
            const uint16_t *rows = x + t * MR * ldx + p, *ahead = next + from * k;
            float *chains = acc + t * MR * NR * 16;
            RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
                switch (rc_min(height - t * MR, MR)) {
                case 1: tile(1, lane, rows, ldx, k, row, length, ahead, count, chains); break;
#if MR > 2
                case 2: tile(2, lane, rows, ldx, k, row, length, ahead, count, chains); break;
                case 3: tile(3, lane, rows, ldx, k, row, length, ahead, count, chains); break;
#endif
                default: tile(MR, lane, rows, ldx, k, row, length, ahead, count, chains);
                }
            }
        }
    }
}

TARGET int KERNEL(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx, const uint16_t *x,
                  const uint16_t *w, float *y)
{
    float acc[MC * NR * 16] __attribute__((aligned(64))), totals[MC * NR];
    for (size_t i0 = 0; i0 < m; i0 += MC) {
        const size_t height = rc_min(m - i0, MC), used = (height + 3) / 4 * 4 * NR * 16 * sizeof *acc;
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = rc_min(end - o0, NR);
            memset(acc, 0, used);
            FLUSHED(chains_of(height, width, end - o0, k, ldx, x + i0 * ldx, w + o0 * k, acc));
            for (size_t t = 0; t < height * NR; t += 4)
                reduce_four(acc + t * 16, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * n + o0 + o] = totals[i * NR + o];
        }
    }
    return RC_OK;
}
