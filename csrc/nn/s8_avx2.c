/* What changed since the portable file: the compiler's vectors are of 32 bytes. */
#include "../kernels.h"
#if RC_X86
#define AVERAGE_POOL rc_nn_average_pool_s8_avx2
#define ADD rc_nn_add_s8_avx2
#define MULTIPLY rc_nn_multiply_s8_avx2
#define DEPTHWISE rc_nn_depthwise_s8_avx2
#define TARGET RC_AVX2
#include "s8.h"

#include "s8_depthwise.h"
#endif
