/* The ends of the sixteen chains of a tile (README.md draws them), where its vectors still are registers. */
#ifndef RC_SUMS_AVX512_H
#define RC_SUMS_AVX512_H
#include "../kernels.h"
#include <string.h>

/* MR x NR: rows of x and of w in a tile; 24 vectors of chains leave registers for 4 vectors of x and one of w. */
enum { MR = 4, NR = 6 };

/* The trees of four chains each of `a` and `b`, two at a time: of rows of 16 to 8 (a in the lower half), of 8 to 4,
 * ... */
RC_INLINE RC_AVX512 __m512 halves(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}

RC_INLINE RC_AVX512 __m512 quarters(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
}

/* The trees of the chains of four rows of x with one of w, down to 4: row i in the part i of 128 bits. */
RC_INLINE RC_AVX512 __m512 four_of(__m512 a, __m512 b, __m512 c, __m512 d)
{
    return quarters(halves(a, b), halves(c, d));
}

/* Two such trees down to 2, side by side in each part. */
RC_INLINE RC_AVX512 __m512 two_of(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xEE));
}

RC_INLINE RC_AVX512 __m512 one_of(__m512 a, __m512 b)
{
    const __m512 sums = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xDD));
    return _mm512_add_ps(sums, _mm512_setzero_ps()); /* a zero is +0.0 */
}

/* The sums of a tile: of row i four in part i of `low`, two in that of `high`. */
RC_INLINE RC_AVX512 void store_sums(const size_t mr, __m512 v[MR][NR], size_t width, size_t n, float *y)
{
    __m512 tree[NR];
    RC_UNROLL for (size_t o = 0; o < NR; o++)
        tree[o] = four_of(v[0][o], v[1][o], v[2][o], v[3][o]);
    const __m512 low = one_of(two_of(tree[0], tree[1]), two_of(tree[2], tree[3]));
    const __m512 rest = two_of(tree[4], tree[5]), high = one_of(rest, rest);
    float sums[MR][8] __attribute__((aligned(64)));
    _mm512_store_ps(sums[0], _mm512_shuffle_f32x4(low, high, 0x44)); /* parts 0 and 1 of both */
    _mm512_store_ps(sums[2], _mm512_shuffle_f32x4(low, high, 0xEE));
    for (size_t i = 0; i < mr; i++) {
        const float *row = sums[i / 2 * 2] + i % 2 * 4;
        if (width == NR) {
            memcpy(y + i * n, row, 4 * sizeof *y);
            memcpy(y + i * n + 4, row + 8, 2 * sizeof *y);
        } else {
            for (size_t o = 0; o < width; o++)
                y[i * n + o] = row[o < 4 ? o : o + 4];
        }
    }
}
#endif
