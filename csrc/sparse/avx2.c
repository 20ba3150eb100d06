/* What changed since the portable file: eight columns of x at a time, 32 of them in registers; and of one column alone
 * rows of the matrix side by side, six of them without groups (unpacked.h) or four. The product of integers unpacks a
 * strip of weights to bytes, and takes 16 inputs at a time. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"
#include "strips.h"
#include "unpack_avx2.h"

/* strip_entries without a branch for each entry: a table has the columns of the bits of each byte of a mask. */
static RC_AVX2 int strip_by_bytes(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                  uint16_t *index, float *value, size_t *count)
{
    size_t found = 0;
    for (size_t p = first; p < last; p += 64) {
        const uint64_t word = columns_of(a, row, p, last);
        for (size_t b = 0; b < 64; b += 8) {
            const uint64_t byte = word >> b & 255;
            const __m128i columns = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)(a->bits + byte)));
            _mm_storeu_si128((void *)(index + found), _mm_add_epi16(columns, _mm_set1_epi16((int16_t)(p - first + b))));
            found += (size_t)__builtin_popcountll(byte);
        }
    }
    if (at->entry > a->nnz || found > a->nnz - at->entry)
        return RC_BAD_INDEX;
    values_of(a, at->entry, found, value);
    at->entry += found;
    *count = found;
    return RC_OK;
}

#define KERNEL more_columns
#define LINKAGE static
#define ENTRIES(a) ((a)->places == RC_SPARSE_RELATIVE ? strip_of_skips : strip_by_bytes)
#include "columns.h"

#define ONE_COLUMN one_column_of_entries
#include "column.h"

#define CSR_MATMUL rc_csr_matmul_avx2
#include "unpacked.h"

#define BLOCKS blocks
#define BLOCK_SIDE 2
#include "blocks.h"

RC_AVX2 int rc_sparse_matmul_avx2(size_t begin, size_t end, size_t width, size_t n, int add, const struct rc_sparse *a,
                                  const float *x, float *y)
{
    if (a->places == RC_SPARSE_BLOCKS)
        return blocks(begin, end, width, n, add, a, x, y);
    if (a->group >= a->k && n == 1)
        return one_column_unpacked(begin, end, add, a, x, y);
    if (a->group >= a->k && width > 1 && width <= FEW_COLUMNS)
        return few_columns_unpacked(begin, end, width, n, add, a, x, y);
    return width == 1 ? one_column_of_entries(begin, end, n, add, a, x, y)
                      : more_columns(begin, end, width, n, add, a, x, y);
}

/* The weights of the columns p .. last of a row as bytes, at most 64, 0 where none is stored. */
RC_INLINE RC_AVX2 int unpacked(const struct rc_sparse *w, size_t row, size_t p, size_t last, size_t *at, int8_t *bytes)
{
    const int8_t *data = w->data;
    uint64_t word = columns_of(w, row, p, last);
    if (*at > w->nnz || (size_t)__builtin_popcountll(word) > w->nnz - *at)
        return RC_BAD_INDEX;
    memset(bytes, 0, 64);
    for (; word; word &= word - 1)
        bytes[__builtin_ctzll(word)] = data[(*at)++];
    return RC_OK;
}

RC_INLINE RC_AVX2 __m256i as_16_bits(const void *bytes)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes));
}

/* Sixteen inputs, those behind `count` taken as zeros. */
RC_INLINE RC_AVX2 __m256i inputs_of(const int8_t *x, size_t count)
{
    int8_t some[16] = {0};
    if (count >= 16)
        return as_16_bits(x);
    memcpy(some, x, count);
    return as_16_bits(some);
}

RC_INLINE RC_AVX2 int32_t sum_of_8(__m256i v)
{
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(t, _mm_shuffle_epi32(t, 0xb1)));
}

enum { SIDE = 8 }; /* rows of x that a strip of weights meets while it is unpacked */

RC_AVX2 int rc_sparse_s8s8_avx2(size_t begin, size_t end, size_t m, size_t n, const int8_t *x, const float *x_scale,
                                const struct rc_sparse *w, const float *bias, float *y)
{
    int8_t bytes[64];
    for (size_t i0 = 0; i0 < m; i0 += SIDE) {
        const size_t rows = rc_min(m - i0, SIDE);
        for (size_t o = begin; o < end; o++) {
            size_t at = row_begin(w, o);
            double total[SIDE] = {0};
            for (size_t g = 0; g * w->group < w->k; g++) {
                const size_t stop = rc_min(w->k, (g + 1) * w->group);
                __m256i acc[SIDE];
                for (size_t r = 0; r < rows; r++)
                    acc[r] = _mm256_setzero_si256();
                for (size_t p = g * w->group; p < stop; p += 64) {
                    if (unpacked(w, o, p, stop, &at, bytes))
                        return RC_BAD_INDEX;
                    for (size_t q = p; q < rc_min(stop, p + 64); q += 16) {
                        const __m256i weights = as_16_bits(bytes + (q - p));
                        for (size_t r = 0; r < rows; r++)
                            acc[r] = _mm256_add_epi32(
                                acc[r],
                                _mm256_madd_epi16(weights, inputs_of(x + (i0 + r) * w->k + q, w->k - q)));
                    }
                }
                for (size_t r = 0; r < rows; r++)
                    total[r] += (double)sum_of_8(acc[r]) * ((double)x_scale[i0 + r] * (double)scale_of(w, o, g));
            }
            for (size_t r = 0; r < rows; r++)
                y[(i0 + r) * n + o] = (float)(bias ? total[r] + (double)bias[o] : total[r]);
        }
    }
    return RC_OK;
}
#endif
