/* Sparse times dense, the bit-level definition: one chain of fused multiply-adds an element, in storage order
 * (spec/csr.md, CSR-3). */
#include "values.h"
#include <math.h>

/* Columns are taken in blocks, so that the rows of x that a block touches stay in a 1 MiB second-level cache while all
 * rows of the matrix pass: 256 columns of float32 are 1 KiB, and 1024 rows of them fill it. */
enum { BLOCK = 256 };

int rc_csr_matmul_portable(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                           float *y)
{
    float buffer[1];
    for (size_t j0 = 0; j0 < width; j0 += BLOCK) {
        const size_t columns = rc_min(width - j0, BLOCK);
        for (size_t i = begin; i < end; i++) {
            const int64_t first = a->indptr[i], last = a->indptr[i + 1];
            /* Python checked both, but another thread may have written since: never read past the entries. */
            if (first < 0 || first > last || (uint64_t)last > a->nnz)
                return RC_BAD_INDEX;
            float *row = y + i * n + j0;
            for (size_t j = 0; j < columns; j++)
                row[j] = 0.0f;
            for (size_t p = (size_t)first; p < (size_t)last; p++) {
                const int64_t index = a->wide ? ((const int64_t *)a->indices)[p] : ((const int32_t *)a->indices)[p];
                if (index < 0 || (uint64_t)index >= a->k)
                    return RC_BAD_INDEX;
                const float value = *values(a, p, 1, buffer), *entry = x + (size_t)index * n + j0;
                for (size_t j = 0; j < columns; j++)
                    row[j] = fmaf(value, entry[j], row[j]);
            }
        }
    }
    return RC_OK;
}
