/* The template in vectors of 32 bytes. */
#include "../kernels.h"
#if RC_X86
#define PATCHES rc_nn_patches_avx2
#define MAX_POOL rc_nn_max_pool_avx2
#define AVERAGE_POOL rc_nn_average_pool_avx2
#define TARGET RC_AVX2
#include "windows.h"
#endif
