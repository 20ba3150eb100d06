/* The template in vectors of 64 bytes. */
#include "../kernels.h"
#if RC_X86
#define PATCHES rc_nn_patches_avx512
#define MAX_POOL rc_nn_max_pool_avx512
#define AVERAGE_POOL rc_nn_average_pool_avx512
#define TARGET RC_AVX512
#include "windows.h"
#endif
