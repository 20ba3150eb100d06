/* What changed since AVX2: a vector holds the chains of an element, and their trees end in registers. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"
#include "sums_avx512.h"
#include <string.h>

#define MANY rc_f32f32_avx512_many
#define STORE_SUMS store_sums
#include "f32f32_many.h"
#endif
