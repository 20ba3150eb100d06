/* The loops for the compiler's vectors, for all machines: the bit-level definition. */
#include "few_values.h"

#define BINARY rc_quantize_binary_portable
#define TERNARY rc_quantize_ternary_portable
#define FEW_SUM rc_quantize_few_sum_portable
#define TARGET
#define STEP 64
#define SUMS struct sums

typedef double TWO __attribute__((vector_size(16)));
typedef float FLOATS __attribute__((vector_size(8)));
typedef int32_t INTS __attribute__((vector_size(8)));

struct sums {
    TWO of[4];
};

RC_INLINE SUMS no_sums(void)
{
    return (SUMS){{{0}, {0}, {0}, {0}}};
}

RC_INLINE void eight_sums(SUMS sums, double *own)
{
    memcpy(own, sums.of, 8 * sizeof *own);
}

RC_INLINE void add_eight(const enum few_task task, const float *x, float delta, SUMS *sums)
{
    RC_UNROLL
    for (size_t s = 0; s < 4; s++) {
        INTS bits;
        memcpy(&bits, x + 2 * s, sizeof bits);
        bits &= INT32_MAX;
        if (task == ABOVE)
            bits &= ~((FLOATS)bits <= (FLOATS){0} + delta);
        sums->of[s] += __builtin_convertvector((FLOATS)bits, TWO);
    }
}

RC_INLINE void eight(const enum few_task task, const float *x, float delta, SUMS *sums, uint64_t *kept, int8_t *values)
{
    add_eight(task, x, delta, sums);
    if (task != ALL)
        for (size_t j = 0; j < 8; j++) {
            values[j] = value_of(task, x[j], delta);
            *kept += task == ABOVE && values[j] != 0;
        }
}

/* The same by its bits, of which the compiler makes vectors: magnitudes have the order of their bits. */
RC_INLINE int32_t value_by_bits(const enum few_task task, int32_t bits, int32_t least)
{
    if (task == SIGNS)
        return 1 - 2 * ((bits < 0) & (bits != INT32_MIN)); /* -0.0 is not below 0 */
    return -(int32_t)((bits & INT32_MAX) > least) & (bits >> 31 | 1);
}

RC_INLINE void step(const enum few_task task, const float *x, float delta, SUMS *sums, uint64_t *kept, int stream,
                    int8_t *values)
{
    for (size_t p = 0; p < STEP; p += 8)
        add_eight(task, x + p, delta, sums);
    if (task == ALL)
        return;
    int32_t wide[STEP], least;
    int8_t own[STEP];
    memcpy(wide, x, sizeof wide);
    memcpy(&least, &delta, sizeof least);
    for (size_t j = 0; j < STEP; j++)
        wide[j] = value_by_bits(task, wide[j], least);
    if (task == ABOVE) {
        int32_t count = 0;
        for (size_t j = 0; j < STEP; j++)
            count += wide[j] & 1;
        *kept += (uint64_t)count;
    }
    for (size_t j = 0; j < STEP; j++)
        own[j] = (int8_t)wide[j];
    store(values, own, sizeof own, stream && (uintptr_t)values % 16 == 0);
}

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
