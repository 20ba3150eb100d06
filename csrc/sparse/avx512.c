/* What changed since AVX2: an instruction puts 64 packed bytes where a mask says (vpexpandb), and another packs the
 * numbers of a mask's bits. So a strip of a row is unpacked in a few cycles, whatever its density. */
#include "../kernels.h"
#if RC_X86
#include "bytes_avx512.h"
#include "column_avx512.h"
#include "unpack_avx512.h"

enum { THIN = 10 }; /* places, of which one holds an entry */

/* The floats of a strip: `count` of the entries from `at` on. Nothing behind the last one is read. */
RC_INLINE RC_AVX512 void floats_of(const struct rc_sparse *a, size_t at, size_t count, float *value)
{
    const float *data = (const float *)a->data + at;
    for (size_t s = 0; s < count; s += 16)
        _mm512_storeu_ps(value + s, _mm512_maskz_loadu_ps((__mmask16)first_64(rc_min(count - s, 16)), data + s));
}

/* strip_entries by vectors. */
static RC_AVX512 int strip_by_words(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                    uint16_t *index, float *value, size_t *count)
{
    size_t found = 0;
    for (size_t p = first; p < last; p += 64) {
        const uint64_t word = columns_of(a, row, p, last);
        const size_t some = (size_t)__builtin_popcountll(word);
        const __m512i columns = compressed(word, byte_numbers()), from = _mm512_set1_epi16((int16_t)(p - first));
        const __m512i near = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(columns));
        _mm512_storeu_si512(index + found, _mm512_add_epi16(from, near));
        if (some > 32)
            _mm512_storeu_si512(index + found + 32, _mm512_add_epi16(from, _mm512_cvtepu8_epi16(
                _mm512_extracti64x4_epi64(columns, 1))));
        found += some;
    }
    if (at->entry > a->nnz || found > a->nnz - at->entry)
        return RC_BAD_INDEX;
    if (a->values == RC_SPARSE_F32)
        floats_of(a, at->entry, found, value);
    else
        values_of(a, at->entry, found, value);
    at->entry += found;
    *count = found;
    return RC_OK;
}

#define KERNEL more_columns
#define LINKAGE static
#define ENTRIES(a) ((a)->places == RC_SPARSE_RELATIVE ? strip_of_skips : strip_by_words)
#include "columns.h"

#define ONE_COLUMN one_column_of_entries
#include "column.h"

#define CSR_MATMUL rc_csr_matmul_avx512
#include "unpacked.h"

#define BLOCKS blocks
#define BLOCK_SIDE 4
#include "blocks.h"

/* Whether so few places hold an entry that unpacking these takes less time than multiplying all. */
RC_INLINE int is_thin(size_t begin, size_t end, const struct rc_sparse *a)
{
    const size_t entries = row_begin(a, end) - row_begin(a, begin);
    return entries < (end - begin) * a->k / THIN;
}

RC_AVX512 int rc_sparse_matmul_avx512(size_t begin, size_t end, size_t width, size_t n, int add,
                                      const struct rc_sparse *a, const float *x, float *y)
{
    if (a->places == RC_SPARSE_BLOCKS)
        return blocks(begin, end, width, n, add, a, x, y);
    const enum kind kind = kind_of(a);
    const int few = a->places == RC_SPARSE_BITMASK && a->values != RC_SPARSE_F32 && kind != CODES;
    const int one_scale = a->group >= a->k;
    if (n == 1 && few && !(one_scale && is_thin(begin, end, a)) && are_ordinary(x, a->k))
        return kind == INTEGERS   ? one_column(INTEGERS, begin, end, add, a, x, y)
               : kind == CODES_16 ? one_column(CODES_16, begin, end, add, a, x, y)
                                  : one_column(CODES_32, begin, end, add, a, x, y);
    if (one_scale && n == 1)
        return one_column_unpacked(begin, end, add, a, x, y);
    if (one_scale && width > 1 && width <= FEW_COLUMNS)
        return few_columns_unpacked(begin, end, width, n, add, a, x, y);
    return width == 1 ? one_column_of_entries(begin, end, n, add, a, x, y)
                      : more_columns(begin, end, width, n, add, a, x, y);
}
#endif
