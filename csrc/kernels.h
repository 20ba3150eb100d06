/* What the kernels share: which instruction sets there are, and the names of all kernels. C only; Python sees refcompress.h. */
#ifndef REFCOMPRESS_KERNELS_H
#define REFCOMPRESS_KERNELS_H
#include "refcompress.h"

/* Function-level targets: a file compiled with -mavx512f could leak such instructions into a function meant for AVX2. */
#if defined(__x86_64__)
#define RC_X86 1
#define RC_AVX2 __attribute__((target("avx2,fma")))
/* One level for what Ice Lake, Zen 4 and everything later has; older AVX-512 processors take the AVX2 kernels. */
#define RC_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2,avx2,fma")))
#else
#define RC_X86 0
#endif

rc_csr_matmul rc_csr_matmul_portable;
#endif
