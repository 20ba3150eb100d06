/* The operations on int8, the bit-level definition: that of s8.h and s8_depthwise.h, in this machine's least instructions.
 */
#define NAME(operation) rc_##operation##_portable
#define TARGET /* none */
#include "s8.h"

#include "s8_depthwise.h"

int rc_nn_lookup_s8_portable(size_t begin, size_t end, const int8_t *table, const int8_t *x, int8_t *y)
{
    for (size_t i = begin; i < end; i++)
        y[i] = table[x[i] + 128];
    return RC_OK;
}
