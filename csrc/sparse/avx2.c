/* What changed since the portable file: eight columns of x at a time, 64 of them in registers; and of one column alone
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
    const uint8_t *const mask = a->mask + row * a->width + first / 8;
    const size_t columns = last - first;
    size_t found = 0;
    for (size_t p = 0; p < columns; p += 8) {
        size_t byte = mask[p / 8];
        if (columns - p < 8) /* what another thread sets behind the last column is not there */
            byte &= ((size_t)1 << (columns - p)) - 1;
        const __m128i near = _mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)(a->bits + byte)));
        _mm_storeu_si128((void *)(index + found), _mm_add_epi16(near, _mm_set1_epi16((int16_t)p)));
        found += bits_of(byte);
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
