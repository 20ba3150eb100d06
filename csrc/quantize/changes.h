/* Template of the sums of squared changes. Included after these were defined:
 *
 * CHANGES      the function's name
 * TARGET       its instruction set, or nothing
 * eights(count, x, y, changes, squares)   adds the terms of count elements, a multiple of 8, to eight sums each
 */
#include "../kernels.h"

enum { LEAF = 128, PART = 1 << 15 };

/* The sums of so many terms: of the changes and of the squares. */
struct both {
    double changes, squares;
};

RC_INLINE TARGET double of_eight(const double *sum)
{
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

RC_INLINE TARGET struct both of_leaf(size_t count, const float *x, const float *y)
{
    double changes[8] = {0}, squares[8] = {0};
    const size_t whole = count / 8 * 8;
    eights(whole, x, y, changes, squares);
    struct both sums = {of_eight(changes), of_eight(squares)};
    for (size_t p = whole; p < count; p++) {
        const double before = x[p], change = before - (double)y[p];
        sums.changes += change * change;
        sums.squares += before * before;
    }
    return sums;
}

/* At most 9 calls deep: a part has 2^8 leaves. */
static TARGET struct both of_terms(size_t count, const float *x, const float *y)
{
    if (count <= LEAF)
        return of_leaf(count, x, y);
    const size_t half = count / 2 / 8 * 8;
    const struct both a = of_terms(half, x, y), b = of_terms(count - half, x + half, y + half);
    return (struct both){a.changes + b.changes, a.squares + b.squares};
}

TARGET int CHANGES(size_t begin, size_t end, size_t count, const float *x, const float *y, double *sums)
{
    for (size_t i = begin; i < end; i++) {
        const struct both own = of_terms(rc_min(PART, count - i * PART), x + i * PART, y + i * PART);
        sums[2 * i] = own.changes;
        sums[2 * i + 1] = own.squares;
    }
    return RC_OK;
}
