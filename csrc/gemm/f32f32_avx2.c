/* What changed since the portable file: eight chains or columns at a time. 16 registers hold a tile of 3 x 4 elements,
 * which goes over its inputs twice, for the chains 0 to 7 and 8 to 15; or 9 factors. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"
#include <string.h>

#define KERNEL rc_gemm_f32f32_avx2
#define MANY rc_f32f32_avx2_many
#define MR 3
#define NR 4
#define TM 3
#define TK 3
#include "f32f32.h"
#endif
