/* Sparse times dense, the bit-level definition: one chain of fused multiply-adds an element, in storage order. */
#include "../kernels.h"
#include <math.h>

/* Columns are taken in blocks, so that the rows of x that a block touches stay in a 1 MiB second-level cache while all
 * rows of the matrix pass: 256 columns of float32 are 1 KiB, and 1024 rows of them fill it. */
enum { BLOCK = 256 };

int rc_csr_matmul_portable(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz,
                           const int64_t *indptr, const int32_t *indices, const float *data, const float *x, float *y)
{
    for (size_t j0 = 0; j0 < width; j0 += BLOCK) {
        const size_t columns = rc_min(width - j0, BLOCK);
        for (size_t i = begin; i < end; i++) {
            const int64_t first = indptr[i], last = indptr[i + 1];
            /* Python checked both, but another thread may have written since: never read past the entries. */
            if (first < 0 || first > last || (uint64_t)last > nnz)
                return RC_BAD_INDEX;
            float *row = y + i * n + j0;
            for (size_t j = 0; j < columns; j++)
                row[j] = 0.0f;
            for (int64_t p = first; p < last; p++) {
                const int32_t index = indices[p];
                if (index < 0 || (size_t)index >= k)
                    return RC_BAD_INDEX;
                const float *entry = x + (size_t)index * n + j0;
                for (size_t j = 0; j < columns; j++)
                    row[j] = fmaf(data[p], entry[j], row[j]);
            }
        }
    }
    return RC_OK;
}
