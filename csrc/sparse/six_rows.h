/* Sparse times one column, by bitmask or relative index and with one scale a row at most: included in avx2.c alone.
 * Where the entries of six rows are, and by codes what they are, is unpacked to buffers. Then it is the product of csr,
 * whose six rows go side by side. Floats by bitmask are multiplied where they stand. */
#include "../csr/six_rows.h"

enum {
    MOST = 16384, /* entries of the rows in the buffers: six rows of 4096 columns, two thirds of them stored */
    BEHIND = 8,   /* entries that a vector writes behind the last one */
};

struct unpacked_rows {
    int32_t column[MOST + BEHIND];
    float value[MOST + BEHIND];
};

/* A function of its own, with all registers for itself. */
static RC_AVX2 __attribute__((noinline)) int unpacked_times_column(const int64_t *indptr, const struct rc_csr *rows,
                                                                   const float *x, float *y)
{
    return six_rows(RC_CSR_F32, indptr, rows, x, y);
}

/* The columns of a row of a bitmask, eight at a time: a table has the numbers of the bits of each byte. The row has
 * `count` entries, and is refused if another thread changed that. */
RC_INLINE RC_AVX2 int columns_of_mask(const struct rc_sparse *a, size_t row, size_t count, int32_t *column)
{
    const uint64_t *const bits = a->bits;
    const size_t width = a->width;
    const uint8_t *mask = a->mask + row * width;
    size_t found = 0, b = 0;
    for (; b + 8 <= width; b += 8) {
        uint64_t word;
        memcpy(&word, mask + b, 8);
        if (found + (size_t)__builtin_popcountll(word) > count)
            return RC_BAD_INDEX;
        RC_UNROLL for (size_t t = 0; t < 8; t++) {
            const uint64_t byte = word >> 8 * t & 255;
            const __m256i near = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(bits + byte)));
            const __m256i from = _mm256_set1_epi32((int)((b + t) * 8));
            _mm256_storeu_si256((void *)(column + found), _mm256_add_epi32(near, from));
            found += (size_t)__builtin_popcountll(byte);
        }
    }
    for (; b < width; b++)
        for (unsigned byte = mask[b]; byte; byte &= byte - 1) {
            if (found == count)
                return RC_BAD_INDEX;
            column[found++] = (int32_t)(b * 8) + __builtin_ctz(byte);
        }
    return found == count ? RC_OK : RC_BAD_INDEX;
}

/* Eight numbers of so many bits, number e the first of them; eight bytes from its own on can be read. */
RC_INLINE RC_AVX2 __m256i eight_packed(const uint8_t *bytes, size_t bits, size_t e)
{
    uint64_t word;
    memcpy(&word, bytes + e * bits / 8, 8);
    const __m256i words = _mm256_set1_epi64x((int64_t)(word >> e * bits % 8)), b = _mm256_set1_epi64x((int64_t)bits);
    const __m256i places = _mm256_mul_epu32(b, _mm256_setr_epi64x(0, 1, 2, 3));
    const __m256i low = _mm256_srlv_epi64(words, places);
    const __m256i high = _mm256_srlv_epi64(words, _mm256_add_epi64(places, _mm256_slli_epi64(b, 2)));
    const __m256 both = _mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), 0x88);
    const __m256i in_order = _mm256_permute4x64_epi64(_mm256_castps_si256(both), 0xd8);
    return _mm256_and_si256(in_order, _mm256_set1_epi32((1 << bits) - 1));
}

/* The sums of the first one, two .. eight numbers. */
RC_INLINE RC_AVX2 __m256i sums_so_far(__m256i v)
{
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
    const __m256i of_low = _mm256_permutevar8x32_epi32(v, _mm256_set1_epi32(3));
    return _mm256_add_epi32(v, _mm256_blend_epi32(_mm256_setzero_si256(), of_low, 0xf0));
}

/* The entries first .. last by relative index: how many store something, their columns and values. A column outside of
 * the row is found where it multiplies. */
RC_INLINE RC_AVX2 size_t entries_of_skips(const struct rc_sparse *a, size_t first, size_t last, int32_t *column,
                                          float *value)
{
    const uint8_t *skips = a->mask, *codes = a->data;
    const float *codebook = a->codebook;
    const size_t skip_bits = a->skip_bits, code_bits = a->code_bits;
    const size_t bits = skip_bits < code_bits ? skip_bits : code_bits;
    /* Entries before which eight bytes can be read in both arrays. */
    const size_t readable = a->nnz * bits / 8 >= 8 ? (a->nnz * bits / 8 - 8) * 8 / bits : 0;
    __m256i before = _mm256_set1_epi32(-1);
    size_t found = 0, e = first;
    for (; e + 8 <= last && e < readable; e += 8) {
        const __m256i skip = eight_packed(skips, skip_bits, e), code = eight_packed(codes, code_bits, e);
        const __m256i at = _mm256_add_epi32(before, sums_so_far(_mm256_add_epi32(skip, _mm256_set1_epi32(1))));
        const __m256i none = _mm256_cmpeq_epi32(code, _mm256_setzero_si256());
        const unsigned stored = ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(none)) & 255;
        const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(a->bits + stored)));
        _mm256_storeu_si256((void *)(column + found), _mm256_permutevar8x32_epi32(at, order));
        _mm256_storeu_ps(value + found, _mm256_permutevar8x32_ps(_mm256_i32gather_ps(codebook, code, 4), order));
        found += (size_t)__builtin_popcount(stored);
        before = _mm256_permutevar8x32_epi32(at, _mm256_set1_epi32(7));
    }
    int32_t next = _mm256_extract_epi32(before, 0) + 1;
    for (; e < last; e++) {
        const unsigned code = packed_at(codes, code_bits, e);
        next += (int32_t)packed_at(skips, skip_bits, e);
        column[found] = next++;
        value[found] = codebook[code];
        found += code != 0;
    }
    return found;
}

/* The rows i .. i + count, of which begin[] says where their entries are. */
static RC_AVX2 int some_rows_of_column(const struct rc_sparse *a, size_t i, size_t count, const size_t *begin,
                                       struct unpacked_rows *rows, int add, const float *x, float *y)
{
    int64_t indptr[ROWS + 1] = {0};
    float sums[ROWS];
    const int in_place = a->values == RC_SPARSE_F32, relative = a->places == RC_SPARSE_RELATIVE;
    for (size_t r = 0; r < ROWS; r++) {
        size_t found = 0;
        if (r < count && relative) {
            found = entries_of_skips(a, begin[r], begin[r + 1], rows->column + indptr[r], rows->value + indptr[r]);
        } else if (r < count) {
            found = begin[r + 1] - begin[r];
            if (columns_of_mask(a, i + r, found, rows->column + indptr[r]))
                return RC_BAD_INDEX;
        }
        indptr[r + 1] = indptr[r] + (int64_t)found;
    }
    if (!relative && !in_place)
        values_of(a, begin[0], (size_t)indptr[ROWS], rows->value);
    const struct rc_csr unpacked = {
        .k = a->k, .nnz = (size_t)indptr[ROWS], .indices = rows->column,
        .data = in_place ? (const float *)a->data + begin[0] : rows->value, .type = RC_CSR_F32};
    if (unpacked_times_column(indptr, &unpacked, x, sums))
        return RC_BAD_INDEX;
    for (size_t r = 0; r < count; r++)
        y[i + r] = fmaf(scale_of(a, i + r, 0), sums[r], add ? y[i + r] + 0.0f : 0.0f);
    return RC_OK;
}

/* A row that has more entries than the buffers hold is left to the caller's function. */
static RC_AVX2 int one_column_unpacked(size_t begin, size_t end, int add, const struct rc_sparse *a, const float *x,
                                       float *y)
{
    struct unpacked_rows rows;
    for (size_t i = begin, count; i < end; i += count) {
        size_t first[ROWS + 1]; /* read once: another thread may write */
        for (count = 0, first[0] = row_begin(a, i); count < rc_min(end - i, ROWS); count++) {
            first[count + 1] = row_begin(a, i + count + 1);
            if (first[count] > first[count + 1] || first[count + 1] > a->nnz)
                return RC_BAD_INDEX;
            if (first[count + 1] - first[0] > MOST)
                break;
        }
        const int bad = count ? some_rows_of_column(a, i, count, first, &rows, add, x, y)
                              : one_column_of_entries(i, i + 1, 1, add, a, x, y);
        if (bad)
            return RC_BAD_INDEX;
        count = count ? count : 1;
    }
    return RC_OK;
}
