/* Exact k-means in one dimension: the running sums of the sorted values, and the cheapest way through them where each
 * segment costs a penalty more. */
#include "sums.h"

int rc_share_points(size_t begin, size_t end, const uint32_t *keys, const float *weights, double middle,
                    struct rc_share_tally *sums, float *values, double *points)
{
    struct rc_share_tally now = *sums;
    for (size_t i = begin; i < end; i++) {
        const float value = value_of(keys[i]);
        if (i == 0 || keys[i] != keys[i - 1])
            values[now.count++] = value;
        const double y = (double)value - middle, omega = weights ? (double)weights[i] : 1.0;
        share_add(&now.high[0], &now.low[0], omega * y * y);
        share_add(&now.high[1], &now.low[1], omega * y);
        share_add(&now.high[2], &now.low[2], omega);
        double *point = points + 4 * now.count;
        for (int j = 0; j < 3; j++)
            point[j] = now.high[j] + now.low[j];
    }
    *sums = now;
    return RC_OK;
}

/* The least cost of the values up to i, if the last segment begins at t. */
RC_INLINE double through(const double *points, size_t t, size_t i)
{
    const double *a = points + 4 * t, *b = points + 4 * i;
    const double sum = b[1] - a[1], weight = b[2] - a[2];
    const double cost = b[0] - a[0] - (weight > 0.0 ? sum * sum / weight : 0.0);
    return a[3] + (cost > 0.0 ? cost : 0.0);
}

/* The first place after `after`, up to n, that a segment from t reaches at less cost than one from the earlier u, n + 1
 * if there is none: from there on it always does. The search goes out from a guess, by steps that double. */
RC_INLINE size_t overtaken(const double *points, size_t u, size_t t, size_t after, size_t n, size_t guess)
{
    size_t lowest = after + 1, above = n + 1; /* the answer lies in lowest..above */
    size_t at = guess < lowest ? lowest : rc_min(guess, n);
    for (size_t step = 1; lowest < above; step *= 2) {
        if (through(points, t, at) < through(points, u, at)) {
            above = at;
            if (at - lowest < step)
                break;
            at -= step;
        } else {
            lowest = at + 1;
            if (above - lowest <= step)
                break;
            at += step;
        }
        if (lowest > after + 1 && above <= n) /* both ends moved: halve from here on */
            break;
    }
    while (lowest < above) {
        const size_t half = lowest + (above - lowest) / 2;
        if (through(points, t, half) < through(points, u, half))
            above = half;
        else
            lowest = half + 1;
    }
    return above;
}

int rc_share_path(size_t begin, size_t end, size_t n, double penalty, double *points, uint32_t *begins,
                  uint32_t *waiting, uint32_t *first, struct rc_share_queue *queue)
{
    size_t head = (size_t)queue->head, tail = (size_t)queue->tail, guess = (size_t)queue->guess;
    for (size_t i = begin; i < end; i++) {
        if (i > 0) {
            while (head + 1 < tail && first[head + 1] <= i)
                head++;
            begins[i] = waiting[head];
            points[4 * i + 3] = through(points, waiting[head], i) + penalty;
        } else {
            points[3] = 0.0;
        }
        size_t from = i + 1;
        for (; tail > head; tail--) {
            const size_t last = waiting[tail - 1], since = first[tail - 1] > i ? first[tail - 1] : i + 1;
            if (since > n || !(through(points, i, since) < through(points, last, since))) {
                from = since > n ? n + 1 : overtaken(points, last, i, since, n, guess);
                break;
            }
        }
        if (from <= n) {
            waiting[tail] = (uint32_t)i;
            first[tail++] = (uint32_t)from;
            guess = from + 1;
        }
    }
    queue->head = head;
    queue->tail = tail;
    queue->guess = guess;
    return RC_OK;
}
