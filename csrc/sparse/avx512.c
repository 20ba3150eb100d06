/* What changed since AVX2: an instruction puts 64 packed bytes where a mask says (vpexpandb), and another packs the
 * numbers of a mask's bits. So a strip of a row is unpacked in a few cycles, whatever its density. */
#include "../kernels.h"
#if RC_X86
#include "bytes_avx512.h"
#include "column_avx512.h"

/* Sixteen bytes of the entries as floats. */
RC_INLINE RC_AVX512 __m512 as_floats(const struct rc_sparse *a, const int codes, __m128i bytes)
{
    if (codes)
        return _mm512_i32gather_ps(_mm512_cvtepu8_epi32(bytes), a->codebook, 4);
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

/* strip_entries by vectors. */
RC_INLINE RC_AVX512 int entries_of_bytes(const struct rc_sparse *a, const int codes, size_t row, size_t first,
                                         size_t last, struct place *at, uint16_t *index, float *value, size_t *count)
{
    const __m512i numbers = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    size_t found = 0;
    for (size_t p = first; p < last; p += 64) {
        const uint64_t word = columns_of(a, row, p, last);
        const size_t some = (size_t)__builtin_popcountll(word);
        __m512i bytes;
        if (next_bytes(a, some, &at->entry, &bytes))
            return RC_BAD_INDEX;
        const __m512i columns = _mm512_maskz_compress_epi8(word, numbers);
        const __m512i from = _mm512_set1_epi16((int16_t)(p - first));
        const __m512i near = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(columns));
        _mm512_storeu_si512(index + found, _mm512_add_epi16(from, near));
        _mm512_storeu_ps(value + found, as_floats(a, codes, _mm512_castsi512_si128(bytes)));
        if (some > 16)
            _mm512_storeu_ps(value + found + 16, as_floats(a, codes, _mm512_extracti32x4_epi32(bytes, 1)));
        if (some > 32) {
            _mm512_storeu_si512(index + found + 32, _mm512_add_epi16(from, _mm512_cvtepu8_epi16(
                _mm512_extracti64x4_epi64(columns, 1))));
            _mm512_storeu_ps(value + found + 32, as_floats(a, codes, _mm512_extracti32x4_epi32(bytes, 2)));
            _mm512_storeu_ps(value + found + 48, as_floats(a, codes, _mm512_extracti32x4_epi32(bytes, 3)));
        }
        found += some;
    }
    *count = found;
    return RC_OK;
}

static RC_AVX512 int strip_of_s8(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                 uint16_t *index, float *value, size_t *count)
{
    return entries_of_bytes(a, 0, row, first, last, at, index, value, count);
}

static RC_AVX512 int strip_of_codes(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                    uint16_t *index, float *value, size_t *count)
{
    return entries_of_bytes(a, 1, row, first, last, at, index, value, count);
}

/* The next `count` floats of the entries, at most 16; nothing behind the last entry is read. */
RC_INLINE RC_AVX512 int next_floats(const struct rc_sparse *a, size_t count, size_t *at, __m512 *floats)
{
    const float *data = (const float *)a->data + *at;
    if (a->nnz >= 16 && *at <= a->nnz - 16) {
        *floats = _mm512_loadu_ps(data);
    } else {
        if (*at > a->nnz || count > a->nnz - *at)
            return RC_BAD_INDEX;
        *floats = _mm512_maskz_loadu_ps((__mmask16)first_64(a->nnz - *at), data);
    }
    *at += count;
    return RC_OK;
}

static RC_AVX512 int strip_of_floats(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                     uint16_t *index, float *value, size_t *count)
{
    const __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    size_t found = 0;
    for (size_t p = first; p < last; p += 64) {
        uint64_t word = columns_of(a, row, p, last);
        for (size_t q = p; word; q += 16, word >>= 16) {
            const size_t some = (size_t)__builtin_popcountll(word & 0xffff);
            __m512 floats;
            if (next_floats(a, some, &at->entry, &floats))
                return RC_BAD_INDEX;
            const __m512i columns = _mm512_maskz_compress_epi32((__mmask16)word, numbers);
            _mm256_storeu_si256((void *)(index + found), _mm512_cvtepi32_epi16(
                _mm512_add_epi32(_mm512_set1_epi32((int)(q - first)), columns)));
            _mm512_storeu_ps(value + found, floats);
            found += some;
        }
    }
    *count = found;
    return RC_OK;
}

RC_INLINE entries_function *unpacking(const struct rc_sparse *a)
{
    if (a->places == RC_SPARSE_RELATIVE)
        return strip_of_skips;
    return a->values == RC_SPARSE_F32 ? strip_of_floats : a->values == RC_SPARSE_S8 ? strip_of_s8 : strip_of_codes;
}

#define KERNEL more_columns
#define LINKAGE static
#define ENTRIES(a) unpacking(a)
#include "columns.h"

#define BLOCKS blocks
#define BLOCK_SIDE 4
#include "blocks.h"

RC_AVX512 int rc_sparse_matmul_avx512(size_t begin, size_t end, size_t width, size_t n, int add,
                                      const struct rc_sparse *a, const float *x, float *y)
{
    if (a->places == RC_SPARSE_BLOCKS)
        return blocks(begin, end, width, n, add, a, x, y);
    const int few = a->values == RC_SPARSE_S8 || (a->values == RC_SPARSE_CODES && a->codes <= 32);
    if (n == 1 && a->places == RC_SPARSE_BITMASK && few && are_ordinary(x, a->k)) {
        if (a->values == RC_SPARSE_S8)
            return one_column(INTEGERS, begin, end, add, a, x, y);
        return a->codes <= 16 ? one_column(CODES_16, begin, end, add, a, x, y)
                              : one_column(CODES_32, begin, end, add, a, x, y);
    }
    return width <= 8 ? rc_sparse_matmul_avx2(begin, end, width, n, add, a, x, y)
                      : more_columns(begin, end, width, n, add, a, x, y);
}
#endif
