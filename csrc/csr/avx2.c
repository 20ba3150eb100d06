/* What changed since the portable file: eight columns at a time, 32 of them in registers. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"

#define KERNEL rc_csr_matmul_avx2
#define LINKAGE
#include "columns.h"
#endif
