/* What changed since AVX2: sixteen columns at a time, 64 of them in registers, and masks are registers of their own.
 * Up to eight columns stay with AVX2: a longer vector, though masked, would touch two cache lines where one holds the row. */
#include "../kernels.h"
#if RC_X86

#define KERNEL nine_or_more
#define TARGET RC_AVX512
#define LINKAGE static
#define VEC __m512
#define LANES 16
#define MASK __mmask16
#define mask_of(count) ((__mmask16)((1u << (count)) - 1))
#define zero _mm512_setzero_ps
#define set1 _mm512_set1_ps
#define fma _mm512_fmadd_ps
#define load _mm512_loadu_ps
#define store _mm512_storeu_ps
#define load_some(x, mask) _mm512_maskz_loadu_ps(mask, x)
#define store_some _mm512_mask_storeu_ps
#include "columns.h"

int rc_csr_matmul_avx512(size_t begin, size_t end, size_t width, size_t n, size_t k, size_t nnz, const int64_t *indptr,
                         const int32_t *indices, const float *data, const float *x, float *y)
{
    return (width <= 8 ? rc_csr_matmul_avx2 : nine_or_more)(begin, end, width, n, k, nnz, indptr, indices, data, x, y);
}
#endif
