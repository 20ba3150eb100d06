/* The table of kernels: which function serves an operation on an instruction set. kernels.h has the list that it is
 * made of. */
#include "kernels.h"

#define PORTABLE(op) .op = rc_##op##_portable,
#define AVX2(op) .op = rc_##op##_avx2,
#define AVX512(op) .op = rc_##op##_avx512,
#define NONE(op)

static const struct rc_kernels table[] = {
    {.isa = "portable", RC_KERNELS(PORTABLE, PORTABLE, PORTABLE)},
#if RC_X86
    {.isa = "avx2", RC_KERNELS(NONE, NONE, AVX2)},
    {.isa = "avx512", RC_KERNELS(NONE, AVX512, AVX512)},
#endif
};

const struct rc_kernels *rc_kernels_at(size_t level)
{
    return level < sizeof table / sizeof table[0] ? &table[level] : NULL;
}

int rc_supported(size_t level)
{
    switch (level) {
    case 0:
        return 1;
#if RC_X86
    case 1:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case 2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
               __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vpopcntdq");
#endif
    default:
        return 0;
    }
}

const char *rc_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}
