/* What changed since AVX2: 64 weights are unpacked by one instruction, and multiply 64 inputs by another (VNNI), four
 * rows of the matrix by four of x at a time. */
#include "../kernels.h"
#if RC_X86
#include "bytes_avx512.h"

/* `side` rows of w and `rows` rows of x, words of 64 inputs from p on, or the last ones of a group. A weight comes
 * with 128 added, also where none is stored: so 128 times the sum of the inputs comes off. */
RC_INLINE RC_AVX512 int words_of_integers(const size_t side, const size_t rows, const int whole, size_t o, size_t p,
                                          size_t stop, const int8_t *x, const struct rc_sparse *w, size_t *at,
                                          __m512i (*acc)[4], __m512i *sum)
{
    const __m512i ones = _mm512_set1_epi8(1), high = _mm512_set1_epi8(-128);
    const uint8_t *mask = w->mask + o * w->width, *data = w->data;
    const size_t ahead = side > 1 ? at[side - 1] - at[0] + (at[1] - at[0]) : 256;
    for (; whole ? p + 64 <= stop : p < stop; p += 64) {
        __m512i input[4];
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            input[r] = whole ? _mm512_loadu_si512(x + r * w->k + p)
                             : _mm512_maskz_loadu_epi8(first_64(stop - p), x + r * w->k + p);
            sum[r] = _mm512_dpbusd_epi32(sum[r], ones, input[r]);
        }
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            const uint64_t word = whole ? mask_word(mask + s * w->width + p / 8, 8) : columns_of(w, o + s, p, stop);
            const size_t count = (size_t)__builtin_popcountll(word);
            __m512i bytes;
            if (whole && at[s] + 64 <= w->nnz) {
                bytes = _mm512_loadu_si512(data + at[s]);
                at[s] += count;
            } else if (next_bytes(w, count, at + s, &bytes)) {
                return RC_BAD_INDEX;
            }
            /* The rows that come next are near in memory, but short: the processor's own prefetcher knows no row before
             * its second line. */
            __builtin_prefetch(mask + (s + side) * w->width + p / 8, 0, 3);
            __builtin_prefetch(data + at[s] + ahead, 0, 3);
            bytes = _mm512_mask_expand_epi8(high, word, _mm512_xor_si512(bytes, high));
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                acc[s][r] = _mm512_dpbusd_epi32(acc[s][r], bytes, input[r]);
        }
    }
    return RC_OK;
}

RC_INLINE RC_AVX512 int integers(const size_t side, const size_t rows, size_t o, size_t i, size_t n, const int8_t *x,
                                 const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t at[4];
    double total[4][4];
    x += i * w->k;
    RC_UNROLL for (size_t s = 0; s < side; s++) {
        at[s] = row_begin(w, o + s);
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            total[s][r] = 0.0;
    }
    for (size_t g = 0; g * w->group < w->k; g++) {
        const size_t first = g * w->group, stop = rc_min(w->k, first + w->group);
        __m512i acc[4][4], sum[4];
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            sum[r] = _mm512_setzero_si512();
            RC_UNROLL for (size_t s = 0; s < side; s++)
                acc[s][r] = _mm512_setzero_si512();
        }
        if (words_of_integers(side, rows, 1, o, first, stop, x, w, at, acc, sum) ||
            words_of_integers(side, rows, 0, o, first + (stop - first) / 64 * 64, stop, x, w, at, acc, sum))
            return RC_BAD_INDEX;
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            const __m512i off = _mm512_slli_epi32(sum[r], 7);
            RC_UNROLL for (size_t s = 0; s < side; s++)
                total[s][r] += (double)_mm512_reduce_add_epi32(_mm512_sub_epi32(acc[s][r], off)) *
                               ((double)x_scale[i + r] * (double)scale_of(w, o + s, g));
        }
    }
    RC_UNROLL for (size_t s = 0; s < side; s++)
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            y[(i + r) * n + o + s] = (float)(bias ? total[s][r] + (double)bias[o + s] : total[s][r]);
    return RC_OK;
}

RC_INLINE RC_AVX512 int integer_rows(const size_t rows, size_t begin, size_t end, size_t i, size_t n, const int8_t *x,
                                     const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t o = begin;
    for (; o + 4 <= end; o += 4)
        if (integers(4, rows, o, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    for (; o < end; o++)
        if (integers(1, rows, o, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    return RC_OK;
}

RC_AVX512 int rc_sparse_s8s8_avx512(size_t begin, size_t end, size_t m, size_t n, const int8_t *x,
                                    const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t i = 0;
    for (; i + 4 <= m; i += 4)
        if (integer_rows(4, begin, end, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    for (; i < m; i++)
        if (integer_rows(1, begin, end, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    return RC_OK;
}
#endif
