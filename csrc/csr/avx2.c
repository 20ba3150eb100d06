/* What changed since the portable file: eight columns at a time, 32 of them in registers. */
#include "../kernels.h"
#if RC_X86

#define KERNEL rc_csr_matmul_avx2
#define TARGET RC_AVX2
#define LINKAGE
#define VEC __m256
#define LANES 8
#define MASK __m256i
#define mask_of(count) _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define zero _mm256_setzero_ps
#define set1 _mm256_set1_ps
#define fma _mm256_fmadd_ps
#define load _mm256_loadu_ps
#define store _mm256_storeu_ps
#define load_some _mm256_maskload_ps
#define store_some _mm256_maskstore_ps
#include "columns.h"
#endif
