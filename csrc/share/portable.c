/* K-means in one dimension: the steps on the sorted values, and the codes. All sums were made before (prefix sums, from
 * the left, in float64), so every number here is one rounding of numbers that the reference has too. */
#include "../kernels.h"

#include <math.h>
#include <string.h>

/* How many of the ascending values x[first..n) are at most bound, plus first. */
static size_t end_of_run(const double *x, size_t first, size_t n, double bound)
{
    size_t last = n;
    while (first < last) {
        const size_t middle = first + (last - first) / 2;
        if (x[middle] <= bound)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

int rc_share_kmeans_portable(size_t begin, size_t end, size_t n, size_t k, const double *x, const double *sums,
                             const double *totals, double *centroids, uint64_t *ends, int32_t *settled)
{
    for (size_t step = begin; step < end; step++) {
        int moved = 0;
        size_t first = 0;
        for (size_t j = 0; j < k; j++) {
            /* Centroids ascend, so runs do, and each search begins where the last one ended. */
            if (j + 1 < k)
                first = end_of_run(x, first, n, 0.5 * (centroids[j] + centroids[j + 1]));
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
            if (totals[b] > totals[a]) {
                const double mean = (sums[b] - sums[a]) / (totals[b] - totals[a]);
                const double raised = mean < x[a] ? x[a] : mean;
                centroids[j] = raised > x[b - 1] ? x[b - 1] : raised;
            }
            a = b;
        }
    }
    return RC_OK;
}

/* Of the bits of a float: positive ones keep their order above the negative ones, whose order turns; -0.0 is 0.0. */
static uint32_t key_of(uint32_t bits)
{
    if (bits << 1 == 0)
        bits = 0;
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static uint32_t digit_of(uint32_t key, int digit)
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

int rc_share_values(size_t begin, size_t end, const uint32_t *keys, double *x)
{
    for (size_t i = begin; i < end; i++) {
        const uint32_t bits = keys[i] >> 31 ? keys[i] & 0x7fffffffu : ~keys[i];
        float value;
        memcpy(&value, &bits, sizeof value);
        x[i] = (double)value;
    }
    return RC_OK;
}

int rc_share_best_cut(size_t n, const double *x, const double *omega, double *gain, uint64_t *cut, double *mean)
{
    double total = omega[0], moment = omega[0] * x[0];
    for (size_t i = 1; i < n; i++) {
        total += omega[i];
        moment += omega[i] * x[i];
    }
    *gain = 0.0;
    *cut = 1;
    *mean = x[0];
    if (!(total > 0.0))
        return RC_OK;
    const double raised = moment / total < x[0] ? x[0] : moment / total;
    const double middle = raised > x[n - 1] ? x[n - 1] : raised;
    *mean = middle;
    double last = omega[0] * (x[0] - middle);
    for (size_t i = 1; i < n; i++)
        last += omega[i] * (x[i] - middle);
    double before = 0.0, sum = 0.0;
    for (size_t j = 0; j + 1 < n; j++) {
        before = j > 0 ? before + omega[j] : omega[j];
        sum = j > 0 ? sum + omega[j] * (x[j] - middle) : omega[j] * (x[j] - middle);
        const double after = total - before, rest = last - sum;
        if (before > 0.0 && after > 0.0) {
            const double gained = sum * sum / before + rest * rest / after;
            if (gained > *gain) {
                *gain = gained;
                *cut = j + 1;
            }
        }
    }
    return RC_OK;
}

int rc_share_codes(size_t begin, size_t end, size_t count, const double *ends, const uint16_t *code_of, int pruned,
                   int wide, const float *w, void *codes)
{
    size_t widest = 1; /* the largest power of two that is not above count + 1 */
    while (widest <= (count + 1) / 2)
        widest *= 2;
    for (size_t i = begin; i < end; i++) {
        const double value = (double)w[i];
        uint16_t code = 0;
        if (!(pruned && value == 0.0)) {
            size_t below = 0; /* of the ends, found from its highest bit to its lowest */
            for (size_t bit = widest; bit > 0; bit /= 2)
                if (below + bit <= count && ends[below + bit - 1] < value)
                    below += bit;
            code = code_of[below];
        }
        if (wide)
            ((uint16_t *)codes)[i] = code;
        else
            ((uint8_t *)codes)[i] = (uint8_t)code;
    }
    return RC_OK;
}
