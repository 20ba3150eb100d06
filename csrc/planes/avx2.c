/* The template in vectors of 32 bytes. */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX2
#define SPLIT rc_planes_split_avx2
#define JOIN rc_planes_join_avx2
#include "planes.h"
#endif
