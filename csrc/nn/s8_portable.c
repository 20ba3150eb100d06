/* The operations on int8, the bit-level definition: the loops of s8.h and s8_depthwise.h as they stand there. */
#include "../kernels.h"

#define AVERAGE_POOL rc_nn_average_pool_s8_portable
#define ADD rc_nn_add_s8_portable
#define MULTIPLY rc_nn_multiply_s8_portable
#define DEPTHWISE rc_nn_depthwise_s8_portable
#define TARGET /* none */
#include "s8.h"

#include "s8_depthwise.h"

int rc_nn_lookup_s8_portable(size_t begin, size_t end, const int8_t *table, const int8_t *x, int8_t *y)
{
    for (size_t i = begin; i < end; i++)
        y[i] = table[x[i] + 128];
    return RC_OK;
}
