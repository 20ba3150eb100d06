/* nn_softmax, as a kernel author would write it, with the one bug that BUG names.
 * The exponential is libm's: its bits are not those of the rule, so none of these is right. */
#include <math.h>
#include <stddef.h>

enum bug { READS_PAST, NO_MAXIMUM, LAST_ROW_LOST, WRITES_PAST };

int kernel(size_t begin, size_t end, size_t n, const float *x, float *y)
{
    const enum bug bug = BUG;
    size_t last = bug == LAST_ROW_LOST && end ? end - 1 : end;
    for (size_t i = begin; i < last; i++) {
        const float *row = x + i * n;
        float most = -INFINITY, sum = 0;
        for (size_t p = 0; bug != NO_MAXIMUM && p < (bug == READS_PAST ? (n + 7) / 8 * 8 : n); p++)
            most = fmaxf(most, row[p]);
        for (size_t p = 0; p < n; p++)
            sum += y[i * n + p] = expf(row[p] - (bug == NO_MAXIMUM ? 0 : most));
        for (size_t p = 0; p < n + (bug == WRITES_PAST); p++)
            y[i * n + p] /= sum;
    }
    return 0;
}
