/* What is done to weights of two or three values, and the value of one: what all kernels of these share. */
#ifndef REFCOMPRESS_FEW_VALUES_H
#define REFCOMPRESS_FEW_VALUES_H
#include "../memory.h"
#include "places.h"
#include <math.h>

/* What is added, and what is written while the weights are in the cache nearest by. */
enum few_task {
    ALL,     /* the sum of all magnitudes */
    SIGNS,   /* the same, and -1 and 1 */
    ABOVE,   /* the sum of the magnitudes above delta, and -1, 0 and 1 */
};

/* A NaN is above every delta, so that the sum is one; -0.0 is not below 0. */
RC_INLINE int8_t value_of(const enum few_task task, float x, float delta)
{
    if (task == SIGNS)
        return x < 0.0f ? -1 : 1;
    return fabsf(x) <= delta ? 0 : x < 0.0f ? -1 : 1;
}
#endif
