/* What changed since AVX2: 64 weights are unpacked by one instruction, and multiply 64 inputs by another (VNNI), four
 * rows of the matrix by four of x at a time. The instruction takes unsigned numbers by signed ones: an input comes with
 * 128 added, so 128 times the sum of the weights comes off. That sum needs no unpacking: the weights that are stored
 * stand side by side. */
#include "../kernels.h"
#if RC_X86
#include "bytes_avx512.h"

/* Columns between two looks ahead: those of a cache line of the mask. */
enum { LOOK = 512 };

/* 64 unpacked weights by 64 inputs each of some rows of x. */
RC_INLINE RC_AVX512 void multiply_word(const size_t rows, uint64_t word, __m512i bytes, const __m512i *input,
                                       __m512i *acc)
{
    const __m512i weights = expanded(word, bytes);
    RC_UNROLL for (size_t r = 0; r < rows; r++)
        acc[r] = _mm512_dpbusd_epi32(acc[r], input[r], weights);
}

/* `side` rows of w and `rows` rows of x, whole words of 64 inputs from p on up to stop. So many entries can be read
 * behind each at[]: as many as there are columns, and 64 more. */
RC_INLINE RC_AVX512 void whole_words(const size_t side, const size_t rows, size_t p, size_t stop, size_t o,
                                     const int8_t *x, const struct rc_sparse *w, size_t *at, __m512i (*acc)[4])
{
    const __m512i high = _mm512_set1_epi8(-128);
    const uint8_t *const data = w->data, *mask = w->mask + o * w->width;
    const size_t width = w->width, k = w->k, ahead = side > 1 ? at[side - 1] - at[0] + (at[1] - at[0]) : 256;
    for (size_t look = rc_min(stop, p + LOOK); p < stop; look = rc_min(stop, look + LOOK)) {
        size_t from[4];
        /* The rows that come next are near in memory, but short: the processor's own prefetcher knows no row before its
         * second line. */
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            __builtin_prefetch(mask + (s + side) * width + p / 8, 0, 3);
            from[s] = at[s];
        }
        for (; p < look; p += 64) {
            __m512i input[4];
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                input[r] = _mm512_xor_si512(_mm512_loadu_si512(x + r * k + p), high);
            RC_UNROLL for (size_t s = 0; s < side; s++) {
                uint64_t word = mask_word(mask + s * width + p / 8, 8);
                __asm__("" : "+r"(word)); /* once from memory: another thread may write */
                multiply_word(rows, word, _mm512_loadu_si512(data + at[s]), input, acc[s]);
                at[s] += (size_t)__builtin_popcountll(word);
            }
        }
        RC_UNROLL for (size_t s = 0; s < side; s++)
            for (size_t e = from[s]; e < at[s]; e += 64)
                __builtin_prefetch(data + e + ahead, 0, 3);
    }
}

/* The same with a look at the end of the entries and of the columns. */
RC_INLINE RC_AVX512 int last_words(const size_t side, const size_t rows, size_t p, size_t stop, size_t o,
                                   const int8_t *x, const struct rc_sparse *w, size_t *at, __m512i (*acc)[4])
{
    const __m512i high = _mm512_set1_epi8(-128);
    for (; p < stop; p += 64) {
        __m512i input[4];
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            input[r] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(first_64(stop - p), x + r * w->k + p), high);
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            const uint64_t word = columns_of(w, o + s, p, stop);
            __m512i bytes;
            if (next_bytes(w, (size_t)__builtin_popcountll(word), at + s, &bytes))
                return RC_BAD_INDEX;
            multiply_word(rows, word, bytes, input, acc[s]);
        }
    }
    return RC_OK;
}

/* In each lane a part of 128 times the sum of the weights that are stored at first .. last. */
RC_INLINE RC_AVX512 __m512i sum_of_weights(const int8_t *data, size_t first, size_t last)
{
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    size_t e = first;
    for (; e + 64 <= last; e += 64)
        sum = _mm512_dpbusd_epi32(sum, ones, _mm512_loadu_si512(data + e));
    sum = _mm512_dpbusd_epi32(sum, ones, _mm512_maskz_loadu_epi8(first_64(last - e), data + e));
    return _mm512_slli_epi32(sum, 7);
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
        const size_t first = g * w->group, stop = rc_min(w->k, first + w->group), whole = (stop - first) / 64 * 64;
        size_t from[4];
        int inside = w->nnz >= whole + 64;
        __m512i acc[4][4];
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            from[s] = at[s];
            inside = inside && at[s] <= w->nnz - whole - 64;
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                acc[s][r] = _mm512_setzero_si512();
        }
        if (inside)
            whole_words(side, rows, first, first + whole, o, x, w, at, acc);
        if (last_words(side, rows, inside ? first + whole : first, stop, o, x, w, at, acc))
            return RC_BAD_INDEX;
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            const __m512i off = sum_of_weights(w->data, from[s], at[s]);
            RC_UNROLL for (size_t r = 0; r < rows; r++)
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
