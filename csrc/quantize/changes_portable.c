/* The squared changes of two arrays: the bit-level definition. */
#include "../kernels.h"

#define TARGET

RC_INLINE void eights(size_t count, const float *x, const float *y, double *changes, double *squares)
{
    for (size_t p = 0; p < count; p++) {
        const double before = x[p], change = before - (double)y[p];
        changes[p % 8] += change * change;
        squares[p % 8] += before * before;
    }
}

#define CHANGES rc_quantize_changes_portable
#include "changes.h"
