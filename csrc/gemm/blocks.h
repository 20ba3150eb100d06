/* What the dense products share: how many rows and inputs make a block, and how a block that lies ahead is asked for.
 *
 * The letters are those of Goto and of BLIS. MR x NR: the rows of x and of w in a tile, whose sums stay in registers.
 * KC: the inputs of a block, so that NR rows of w (packed) and MR rows of x stay in L1 while a tile passes over them.
 * MC: the rows of x that a block of w meets, which stay in L2.
 */
#ifndef RC_BLOCKS_H
#define RC_BLOCKS_H
#include "../kernels.h"

/* MC: a row of w is packed once for MC rows of x, so that packing is a few per cent of the work; and it is a multiple
 * of both MR, 3 and 4, so that no tile but the last is cut. At most 24 KiB of sums wait on the stack: MC * NR = 60 * 6
 * vectors of 64 bytes. L2: of 512 KiB, which processors with AVX2 have or (some older ones) have half of. */
enum { MC = 60, L2 = 512 << 10 };

/* The rows of x at a time, of `bytes` bytes each: MC, or as many tiles' as fill half of L2, but never less than two
 * tiles'. */
RC_INLINE size_t rows_at_a_time(size_t bytes, const size_t mr)
{
    const size_t fitting = bytes ? L2 / 2 / bytes / mr * mr : MC;
    return fitting > MC ? MC : fitting > 2 * mr ? fitting : 2 * mr;
}

/* Memory is far: ask L2 for the next block of w, `bytes` bytes of each of `rows` rows, while this one is multiplied. */
RC_INLINE void prefetch_block(const void *w, size_t rows, size_t row_bytes, size_t bytes)
{
    for (size_t o = 0; o < rows; o++)
        for (size_t p = 0; p < bytes; p += 64)
            __builtin_prefetch((const char *)w + o * row_bytes + p, 0, 2);
}

/* x w^T in float32 of MANY_ROWS rows of x and more, by packed blocks of w (f32f32_many.h): the results of the tiles of
 * f32f32.h. Packing costs as much as the tiles of some rows of x, and each tile is then some per cent faster: measured
 * from 300 x 784 to 4096 x 4096 on a Zen 4, packing pays from 32 to 64 rows on with AVX-512, and from 16 to 32 with
 * AVX2. */
enum { MANY_ROWS = 64 };
typedef void rc_f32f32_many(size_t begin, size_t end, size_t m, size_t k, size_t ldx, size_t ldy, const float *x,
                            const float *w, float *y);
rc_f32f32_many rc_f32f32_avx2_many, rc_f32f32_avx512_many;
#endif
