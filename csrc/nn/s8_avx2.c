/* What changed since the portable file: the compiler's vectors are of 32 bytes. */
#include "../kernels.h"
#if RC_X86
#define NAME(operation) rc_##operation##_avx2
#define TARGET RC_AVX2
#include "s8.h"

#include "s8_depthwise.h"
#endif
