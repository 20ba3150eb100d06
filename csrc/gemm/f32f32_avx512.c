/* What changed since AVX2: one vector is the 16 chains of an element, 32 registers hold 24 vectors of sums or factors, and tails are
 * masked. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define KERNEL rc_gemm_f32f32_avx512
#define TARGET RC_AVX512
#define VEC __m512
#define LANES 16
#define MR 4
#define NR 6
#define TM 4
#define TK 6
#define load _mm512_loadu_ps
#define store _mm512_storeu_ps
#define set1 _mm512_set1_ps
#define fma _mm512_fmadd_ps
#define load_some(x, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), x)
#define store_some(y, count, v) _mm512_mask_storeu_ps(y, (__mmask16)((1u << (count)) - 1), v)
#include "f32f32.h"
#endif
