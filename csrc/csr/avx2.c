/* What changed since the portable file: eight columns at a time, 64 of them in registers. One column has no vectors of
 * x: a gather of eight takes longer than eight loads. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"

#define KERNEL at_least_two_columns
#define LINKAGE static
#include "columns.h"

#include "one_column.h"

RC_AVX2 int rc_csr_matmul_avx2(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x,
                               float *y)
{
    return n == 1 && width == 1 && !a->wide ? one_column(begin, end, a, x, y)
                                            : at_least_two_columns(begin, end, width, n, a, x, y);
}
#endif
