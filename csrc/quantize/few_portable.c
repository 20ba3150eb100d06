/* The template with the shortest vectors, for all machines: the bit-level definition. */
#include "../kernels.h"

#define BINARY rc_quantize_binary_portable
#define TERNARY rc_quantize_ternary_portable
#define FEW_SUM rc_quantize_few_sum_portable
#define FEW_VALUES rc_quantize_few_values_portable
#define TARGET
#define LANES 2
#define WIDEN(v) __builtin_convertvector(v, VEC)
#include "few.h"

int rc_quantize_best_delta(size_t begin, size_t end, size_t n, const float *ascending, struct rc_few_search *search)
{
    struct rc_few_search now = *search;
    for (size_t i = end; i-- > begin && ascending[i] > 0.0f;) { /* zeros are never kept */
        now.sum += (double)ascending[i];
        const float next = i ? ascending[i - 1] : 0.0f;
        if (!(next < ascending[i])) /* equal magnitudes are kept together, or not at all */
            continue;
        const double gain = now.sum / sqrt((double)(n - i)); /* the root of what is maximized: above 0 */
        if (gain > now.most) {
            now.most = gain;
            now.delta = (double)next;
        }
    }
    *search = now;
    return RC_OK;
}

int rc_quantize_best_deltas(size_t begin, size_t end, size_t n, const float *ascending, double *deltas)
{
    for (size_t r = begin; r < end; r++) {
        struct rc_few_search search = {0.0, 0.0, 0.0};
        rc_quantize_best_delta(0, n, n, ascending + r * n, &search);
        deltas[r] = search.delta;
    }
    return RC_OK;
}
