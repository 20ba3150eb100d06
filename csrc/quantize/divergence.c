/* The search of quantize_range_kl: which number of bins of a histogram leaves the least divergence.
 *
 * It is infinite where the last of the m bins is empty, for what lies beyond is added to that bin. So only an m whose
 * last bin is occupied is tried, and of a segment nothing but its occupied bins counts: a group of 32 weights has 32 of
 * them at most, among 2048 bins. Prefix sums over the occupied bins tell what a segment holds.
 *
 * Most m need no sum over their segments. What spreading the segments evenly adds to the divergence is never below 0
 * (the log-sum inequality). Without it the divergence is a bound, which is known from the last segment alone: where it
 * is above the least so far, m is done. And a segment whose bins hold one each adds exactly 0: among few weights nearly
 * all are such. */
#include "places.h"
#include <math.h>
#include <string.h>

/* Logarithms of whole numbers: the first RC_KL_LOGS from the table, with the bits that log() gives. */
static inline double log_of(const double *logs, uint64_t count)
{
    return count < RC_KL_LOGS ? logs[count] : log((double)count);
}

static void fill_logs(double *logs, size_t most)
{
    logs[0] = 0.0; /* of nothing; it is only multiplied by 0 */
    for (size_t i = 1; i <= rc_min(most, RC_KL_LOGS - 1); i++)
        logs[i] = log((double)i);
}

/* The first of m bins that belongs to a segment, and m behind the last one: the least j with floor(j levels / m) at
 * least `segment`. levels = 2^shift. */
static inline size_t begin_of(size_t segment, size_t m, int shift)
{
    return (segment * m + ((size_t)1 << shift) - 1) >> shift;
}

/* What the sums of a divergence may be off by, and more: of up to 2^16 terms, each of which is a share of n times
 * logarithms below 45, four sums are off by less than 4 * 2^16 * 45 * 2^-53 < 2^-28. */
static const double OFF = 0x1p-28;

/* With n the sum of all counts, K that of the first m, s and o what a segment holds and its occupied bins, and p the
 * counts of P: the divergence is (sum(p log p) - sum(p log(s / o))) / n - log n + log K. `occupied` bins, in ascending
 * order, are in room->places. */
static size_t least(size_t bins, size_t levels, size_t occupied, const struct rc_kl_room *room)
{
    const uint32_t *places = room->places;
    uint32_t *ranks = room->ranks; /* how many occupied bins lie before a bin */
    uint32_t *several = room->several; /* of the occupied bins from this one on, the first that holds more than one */
    uint64_t *before = room->before;
    double *entropy = room->entropy;
    const double *logs = room->logs;
    const int shift = __builtin_ctzll((uint64_t)levels);
    before[0] = 0;
    entropy[0] = 0.0;
    size_t bin = 0, best = bins;
    for (size_t i = 0; i < occupied; i++) {
        const uint64_t count = room->counts[places[i]];
        before[i + 1] = before[i] + count;
        entropy[i + 1] = entropy[i] + (double)count * log_of(logs, count);
        for (; bin <= places[i]; bin++)
            ranks[bin] = (uint32_t)i;
    }
    for (; bin <= bins; bin++)
        ranks[bin] = (uint32_t)occupied;
    several[occupied] = (uint32_t)occupied;
    for (size_t i = occupied; i-- > 0;)
        several[i] = before[i + 1] - before[i] > 1 ? (uint32_t)i : several[i + 1];
    const uint64_t n = before[occupied];
    const double log_n = log_of(logs, n);
    double lowest = INFINITY;
    for (size_t i = occupied; i-- > 0 && places[i] + 1 >= levels;) { /* from the largest m on: it wins a tie */
        const size_t m = (size_t)places[i] + 1;
        const uint64_t kept = before[i + 1], last = n - before[i], beyond = n - kept; /* last: with what lies beyond */
        /* The last segment: of what it holds in a bin the logarithm stands beside all that lies beyond. */
        const size_t end = ranks[begin_of(levels - 1, m, shift)];
        const double log_last = log_of(logs, kept - before[end]) - log_of(logs, i + 1 - end);
        const double own = (double)last * log_of(logs, last), rest = log_of(logs, kept) - log_n;
        const double bound =
            (own - (entropy[i + 1] - entropy[i]) - (double)beyond * log_last) / (double)n + rest;
        if (bound > lowest + OFF)
            continue;
        /* floor(bin * levels / m) is that of a product: half a unit keeps it 1 / (2 m) or more from whole numbers. */
        const double inverse = 1.0 / (double)m;
        double crossed = 0.0;
        for (size_t p = several[0], next; p <= i; p = several[next]) {
            const size_t segment = (size_t)(int64_t)(((double)(int64_t)(places[p] * levels) + 0.5) * inverse);
            const size_t first = ranks[begin_of(segment, m, shift)];
            next = ranks[begin_of(segment + 1, m, shift)];
            const uint64_t s = before[next] - before[first];
            crossed += (double)(int64_t)s * (log_of(logs, s) - log_of(logs, next - first));
        }
        crossed += (double)beyond * log_last;
        const double divergence = (entropy[i] + own - crossed) / (double)n + rest;
        if (divergence < lowest) {
            lowest = divergence;
            best = m;
        }
    }
    return best;
}

size_t rc_quantize_kl_least(size_t bins, size_t levels, const struct rc_kl_room *room)
{
    size_t occupied = 0;
    uint64_t most = 0;
    for (size_t j = 0; j < bins; j++)
        if (room->counts[j]) {
            room->places[occupied++] = (uint32_t)j;
            most += room->counts[j];
        }
    fill_logs(room->logs, most < RC_KL_LOGS ? (size_t)most : RC_KL_LOGS);
    return least(bins, levels, occupied, room);
}

/* The same bins as the kernels', a bit each in marks: they are found in order without a look at the empty ones. */
static size_t count_few(const float *x, size_t count, double largest, size_t bins, const struct rc_kl_room *room)
{
    uint64_t *counts = room->counts, *marks = room->marks;
    for (size_t p = 0; p < count; p++) {
        const size_t bin = bin_of(x[p], largest, bins);
        counts[bin]++;
        marks[bin / 64] |= (uint64_t)1 << bin % 64;
    }
    size_t occupied = 0;
    for (size_t word = 0; word <= (bins - 1) / 64; word++) {
        for (uint64_t left = marks[word]; left; left &= left - 1)
            room->places[occupied++] = (uint32_t)(64 * word + (size_t)__builtin_ctzll(left));
        marks[word] = 0;
    }
    return occupied;
}

int rc_quantize_kl_runs(rc_quantize_range_kl *histogram, size_t begin, size_t end, size_t k, size_t group,
                        size_t levels, size_t bins, size_t few, const float *x, const struct rc_kl_room *room,
                        double *low, double *high)
{
    fill_logs(room->logs, rc_min(k, group));
    memset(room->counts, 0, bins * sizeof *room->counts);
    memset(room->marks, 0, ((bins - 1) / 64 + 1) * sizeof *room->marks);
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        const double largest = -low[r] > high[r] ? -low[r] : high[r];
        size_t m;
        if (largest == 0.0)
            continue; /* both ends are zero */
        if (at.count <= few) {
            const size_t occupied = count_few(x + at.first, at.count, largest, bins, room);
            m = least(bins, levels, occupied, room);
            for (size_t i = 0; i < occupied; i++)
                room->counts[room->places[i]] = 0;
        } else {
            const int status = histogram(0, at.count, bins, x + at.first, largest, room->counts);
            if (status != RC_OK)
                return status;
            m = rc_quantize_kl_least(bins, levels, room);
            memset(room->counts, 0, bins * sizeof *room->counts);
        }
        const double t = ((double)m + 0.5) * largest / (double)bins;
        low[r] = low[r] > -t ? low[r] : -t + 0.0;
        high[r] = high[r] < t ? high[r] : t;
    }
    return RC_OK;
}
