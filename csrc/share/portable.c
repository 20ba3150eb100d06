/* K-means in one dimension: the sorting, the start, the steps on the sorted values, and the codes. Every number is one
 * rounding of numbers that the reference has too. */
#include "sums.h"

#include <math.h>

/* How many of the ascending values x[first..n) are at most bound, plus first. The search goes out from a guess, by
 * steps that double, and then halves: ends move little from step to step. */
static size_t end_of_run(const float *x, size_t first, size_t n, double bound, size_t guess)
{
    size_t last = n;
    if (guess >= first && guess <= n) {
        size_t step = 1;
        if (guess < n && (double)x[guess] <= bound) {
            first = guess + 1;
            while (step < last - first && (double)x[first + step] <= bound) {
                first += step + 1;
                step *= 2;
            }
            last = rc_min(last, first + step);
        } else {
            last = guess;
            while (step < last - first && (double)x[last - step] > bound) {
                last -= step;
                step *= 2;
            }
            if (step < last - first)
                first = last - step + 1;
        }
    }
    while (first < last) {
        const size_t middle = first + (last - first) / 2;
        if ((double)x[middle] <= bound)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

RC_INLINE double total_of(const double *totals, size_t i)
{
    return totals ? totals[i] : (double)i;
}

RC_INLINE double sum_of(const double *high, const double *low, size_t a, size_t b)
{
    return (high[b] - high[a]) + (low[b] - low[a]);
}

RC_INLINE double clamped(double mean, double lowest, double highest)
{
    const double raised = mean < lowest ? lowest : mean;
    return raised > highest ? highest : raised;
}

int rc_share_kmeans_portable(size_t begin, size_t end, size_t n, size_t k, const float *x, const double *high,
                             const double *low, const double *totals, double *centroids, uint64_t *ends,
                             int32_t *settled)
{
    for (size_t step = begin; step < end; step++) {
        int moved = 0;
        size_t first = 0;
        for (size_t j = 0; j < k; j++) {
            /* Centroids ascend, so runs do, and each search begins where the last one ended. */
            if (j + 1 < k)
                first = end_of_run(x, first, n, 0.5 * (centroids[j] + centroids[j + 1]), (size_t)ends[j]);
            else
                first = n;
            moved |= ends[j] != first;
            ends[j] = first;
        }
        if (!moved) {
            *settled = 1;
            return RC_OK;
        }
        for (size_t j = 0, a = 0; j < k; j++) {
            const size_t b = (size_t)ends[j];
            const double total = total_of(totals, b) - total_of(totals, a);
            if (total > 0.0)
                centroids[j] = clamped(sum_of(high, low, a, b) / total, (double)x[a], (double)x[b - 1]);
            a = b;
        }
    }
    return RC_OK;
}

RC_INLINE uint32_t digit_of(uint32_t key, int digit)
{
    return key >> (digit * RC_SHARE_BITS) & (RC_SHARE_DIGITS - 1);
}

int rc_share_keys(size_t begin, size_t end, int pruned, const float *w, const float *weights, uint64_t *kept,
                  uint32_t *keys, float *kept_weights, uint64_t *counts)
{
    size_t at = (size_t)*kept;
    for (size_t i = begin; i < end; i++) {
        uint32_t bits;
        memcpy(&bits, &w[i], sizeof bits);
        if (pruned && bits << 1 == 0)
            continue;
        keys[at] = key_of(bits);
        if (weights)
            kept_weights[at] = weights[i];
        for (int digit = 0; digit < 3; digit++)
            counts[(size_t)digit * RC_SHARE_DIGITS + digit_of(keys[at], digit)]++;
        at++;
    }
    *kept = at;
    return RC_OK;
}

int rc_share_order(size_t begin, size_t end, int digit, size_t n, const uint32_t *keys, const float *weights,
                   uint64_t *places, uint32_t *ordered, float *ordered_weights)
{
    for (size_t i = begin; i < end; i++) {
        const uint64_t at = places[digit_of(keys[i], digit)]++;
        if (at >= n)
            return RC_BAD_INDEX;
        ordered[at] = keys[i];
        if (weights)
            ordered_weights[at] = weights[i];
    }
    return RC_OK;
}

int rc_share_sums(size_t begin, size_t end, const uint32_t *keys, const float *weights, float *x, double *high,
                  double *low, double *totals)
{
    double now = high[begin], lost = low[begin];
    for (size_t i = begin; i < end; i++) {
        x[i] = value_of(keys[i]);
        share_add(&now, &lost, weights ? (double)weights[i] * (double)x[i] : (double)x[i]);
        high[i + 1] = now;
        low[i + 1] = lost;
        if (weights)
            totals[i + 1] = totals[i] + (double)weights[i];
    }
    return RC_OK;
}

/* A segment that is to be cut: its mean, its weight, and where it lies. */
struct segment {
    const double *high, *low, *totals;
    double mean, total;
    size_t a, b;
};

RC_INLINE double deviation(const struct segment *of, size_t j)
{
    return sum_of(of->high, of->low, of->a, j) - of->mean * (total_of(of->totals, j) - total_of(of->totals, of->a));
}

RC_INLINE double gain_of(const struct segment *of, size_t j)
{
    const double before = total_of(of->totals, j) - total_of(of->totals, of->a);
    const double after = total_of(of->totals, of->b) - total_of(of->totals, j), s = deviation(of, j);
    return before > 0.0 && after > 0.0 ? s * s * of->total / (before * after) : 0.0;
}

enum { BLOCK = 64 };

int rc_share_best_cut(size_t a, size_t b, const float *x, const double *high, const double *low, const double *totals,
                      double *gain, uint64_t *cut, double *mean)
{
    const double total = total_of(totals, b) - total_of(totals, a);
    *gain = 0.0;
    *cut = a + 1;
    *mean = (double)x[a];
    if (!(total > 0.0) || x[a] == x[b - 1])
        return RC_OK;
    const double middle = clamped(sum_of(high, low, a, b) / total, (double)x[a], (double)x[b - 1]);
    *mean = middle;
    const struct segment of = {high, low, totals, middle, total, a, b};
    double best = -1.0;
    size_t at = a + 1;
    for (size_t j = a + 1; j < b; j += BLOCK) { /* the first of each block: what the rest must reach */
        const double gained = gain_of(&of, j);
        if (gained > best) {
            best = gained;
            at = j;
        }
    }
    /* The deviation falls from 0 as long as x is below the mean, and rises to 0 then. So within a block on one side of
     * it the deviation is largest at an end, the product of the two weights smallest at an end, and a block whose best
     * quotient of the two is not the best so far is passed over. slack is above the rounding of a deviation: each of
     * its terms is below widest * count, rounded four times; low is below n 2^-53 high and rounded n times. The factor
     * after it is above the rounding of a gain. */
    const double widest = fabs((double)x[a]) > fabs((double)x[b - 1]) ? fabs((double)x[a]) : fabs((double)x[b - 1]);
    const double count = (double)(b - a), n = (double)b, unit = 0x1p-53;
    const double slack = 16.0 * unit * widest * count + 4.0 * n * unit * n * unit * (fabs(high[b]) + fabs(high[a])
                                                                                     + n * fabs((double)x[0]));
    for (size_t j = a + 1; j < b; j += BLOCK) {
        const size_t last = rc_min(j + BLOCK, b) - 1;
        if (!totals && ((double)x[last] <= middle || (double)x[j] >= middle)) {
            const double s = fmax(fabs(deviation(&of, j)), fabs(deviation(&of, last))) + slack;
            const double before = (double)(j - a) * (double)(b - j), after = (double)(last - a) * (double)(b - last);
            if (s * s * total / fmin(before, after) * (1.0 + 0x1p-40) < best)
                continue;
        }
        for (size_t i = j; i <= last; i++) {
            const double gained = gain_of(&of, i);
            if (gained > best || (gained == best && i < at)) {
                best = gained;
                at = i;
            }
        }
    }
    *gain = best;
    *cut = at;
    return RC_OK;
}

/* The place of a value among ends is found from its highest bit to its lowest. */
RC_INLINE size_t place_among(const float *ends, const int halvings, float value)
{
    size_t below = 0;
    for (size_t bit = (size_t)1 << halvings >> 1; bit > 0; bit /= 2)
        below += bit & (0 - (size_t)(ends[below + bit - 1] < value)); /* no branch: half of them would surprise */
    return below;
}

RC_INLINE void codes_of(size_t begin, size_t end, const int halvings, const float *ends, const uint16_t *code_of,
                        int pruned, int wide, const float *w, void *codes)
{
    for (size_t i = begin; i < end; i++) {
        const uint16_t found = code_of[place_among(ends, halvings, w[i])];
        const uint16_t code = pruned && w[i] == 0.0f ? 0 : found;
        if (wide)
            ((uint16_t *)codes)[i] = code;
        else
            ((uint8_t *)codes)[i] = (uint8_t)code;
    }
}

int rc_share_codes_portable(size_t begin, size_t end, int halvings, const float *ends, const uint16_t *code_of,
                            int pruned, int wide, const float *w, void *codes)
{
    /* A known number of halvings is a loop without a branch. */
    if (halvings == 4 && !wide)
        codes_of(begin, end, 4, ends, code_of, pruned, 0, w, codes);
    else if (halvings == 5 && !wide)
        codes_of(begin, end, 5, ends, code_of, pruned, 0, w, codes);
    else if (halvings == 8 && !wide)
        codes_of(begin, end, 8, ends, code_of, pruned, 0, w, codes);
    else
        codes_of(begin, end, halvings, ends, code_of, pruned, wide, w, codes);
    return RC_OK;
}
