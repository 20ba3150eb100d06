/* The mode of this thread's floating-point unit. Another library may have set a rounding, or that subnormals become
 * zeros: a library linked with -ffast-math may do so when it is loaded. The kernels' bits are those of the mode that C
 * begins in. */
#include "kernels.h"

#if RC_X86
/* Two registers. MXCSR, of the vectors: bits 0 to 5 tell what has happened, the others are the mode. The control word
 * of the older unit, 16 bits: no kernel computes there, but OpenBLAS's norms of vectors do, and with them NumPy's
 * decompositions. By default both round to nearest, the second to 64 bits, and no exception stops the program. */
enum { RC_MXCSR = 0x1F80, RC_HAPPENED = 0x3F, RC_CONTROL = 0x37F };

uint64_t rc_mode(void)
{
    uint16_t control;
    __asm__ volatile("fnstcw %0" : "=m"(control));
    uint32_t vectors = _mm_getcsr() ^ RC_MXCSR, older = control ^ RC_CONTROL;
    return (vectors & ~(uint32_t)RC_HAPPENED) | older ? vectors | (uint64_t)older << 32 : 0;
}

void rc_set_mode(uint64_t mode)
{
    uint16_t control = (uint16_t)(mode >> 32 ^ RC_CONTROL);
    __asm__ volatile("fldcw %0" : : "m"(control));
    _mm_setcsr((uint32_t)mode ^ RC_MXCSR);
}
#elif defined(__aarch64__)
/* FPCR: the mode alone, and 0 by default. */
uint64_t rc_mode(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

void rc_set_mode(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
}
#else
/* All that C itself can set. */
#include <fenv.h>

uint64_t rc_mode(void)
{
    return (uint64_t)(fegetround() ^ FE_TONEAREST);
}

void rc_set_mode(uint64_t mode)
{
    fesetround((int)mode ^ FE_TONEAREST);
}
#endif
