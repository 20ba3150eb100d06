/* What changed since AVX2: one vector is the 16 chains of an element, 32 registers hold 24 vectors of sums or factors,
 * and tails are masked. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"
#include <string.h>

#define KERNEL rc_gemm_f32f32_avx512
#define MANY rc_f32f32_avx512_many
#define MR 4
#define NR 6
#define TM 4
#define TK 6
#include "f32f32.h"
#endif
