/* What changed since the portable file: eight columns of x at a time, 32 of them in registers; and of one column alone
 * rows of the matrix side by side, six of them without groups (unpacked.h) or four. */
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
#endif
