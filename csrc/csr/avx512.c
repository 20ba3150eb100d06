/* What changed since AVX2: sixteen columns at a time, 64 of them in registers, and masks are registers of their own.
 * Up to eight columns stay with AVX2: a longer vector, though masked, would touch two cache lines where one holds the
 * row. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"

#define KERNEL at_least_nine_columns
#define LINKAGE static
#include "columns.h"

int rc_csr_matmul_avx512(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                         const int32_t *indices, const float *data, const float *x, float *y)
{
    rc_csr_matmul *const kernel = width <= 8 ? rc_csr_matmul_avx2 : at_least_nine_columns;
    return kernel(begin, end, width, n, k, nnz, indptr, indices, data, x, y);
}
#endif
