/* Template of the range of runs. Included after these were defined:
 *
 * MINMAX               the function's name
 * TARGET, VEC, LANES, v_set1, v_load, v_store   vectors of floats, as vec_avx2.h has them
 * v_min(a, b), v_max(a, b)   b where a is NaN
 * v_reduce_min(v), v_reduce_max(v)   over the lanes
 * BAD, nothing_bad(), worse(bad, x), any_bad(bad)   what remembers whether some x was not finite
 */
#include <string.h>

/* A run that lies in one piece. */
RC_INLINE TARGET BAD minmax_run(const float *x, size_t count, float *low, float *high, BAD bad)
{
    VEC least = v_set1(0.0f), most = v_set1(0.0f);
    size_t p = 0;
    for (; p + LANES <= count; p += LANES) {
        const VEC t = v_load(x + p);
        least = v_min(t, least);
        most = v_max(t, most);
        bad = worse(bad, t);
    }
    float l = p ? v_reduce_min(least) : 0.0f, h = p ? v_reduce_max(most) : 0.0f;
    for (; p < count; p++) {
        l = x[p] < l ? x[p] : l;
        h = x[p] > h ? x[p] : h;
        bad = worse(bad, v_set1(x[p]));
    }
    *low = l;
    *high = h;
    return bad;
}

/* Some rows of some columns: to the ends that were found in others. */
RC_INLINE TARGET BAD minmax_rows(const size_t rows, size_t begin, size_t end, size_t k, const float *x, float *low,
                                 float *high, BAD bad)
{
    size_t c = begin;
    for (; c + LANES <= end; c += LANES) {
        VEC least = v_load(low + c), most = v_load(high + c);
        RC_UNROLL
        for (size_t r = 0; r < rows; r++) {
            const VEC t = v_load(x + r * k + c);
            least = v_min(t, least);
            most = v_max(t, most);
            bad = worse(bad, t);
        }
        v_store(low + c, least);
        v_store(high + c, most);
    }
    for (; c < end; c++)
        for (size_t r = 0; r < rows; r++) {
            const float t = x[r * k + c];
            low[c] = t < low[c] ? t : low[c];
            high[c] = t > high[c] ? t : high[c];
            bad = worse(bad, v_set1(t));
        }
    return bad;
}

/* WIDE columns at a time, whose ends stay in L2, and EIGHT rows side by side: memory is read in long pieces. From the
 * last row to the first: what reads the array next, from its begin, finds that in the caches. */
enum { WIDE = 4096, EIGHT = 8 };

RC_INLINE TARGET BAD minmax_columns(size_t begin, size_t end, size_t rows, size_t k, const float *x, float *low,
                                    float *high, BAD bad)
{
    for (size_t c = begin; c < end; c += WIDE) {
        const size_t last = rc_min(c + WIDE, end);
        memset(low + c, 0, (last - c) * sizeof *low);
        memset(high + c, 0, (last - c) * sizeof *high);
        size_t r = rows;
        for (; r >= EIGHT; r -= EIGHT)
            bad = minmax_rows(EIGHT, c, last, k, x + (r - EIGHT) * k, low, high, bad);
        for (; r > 0; r--)
            bad = minmax_rows(1, c, last, k, x + (r - 1) * k, low, high, bad);
    }
    return bad;
}

TARGET int MINMAX(size_t begin, size_t end, size_t rows, size_t k, size_t group, const float *x, float *low,
                  float *high)
{
    BAD bad = nothing_bad();
    if (group == 0) {
        bad = minmax_columns(begin, end, rows, k, x, low, high, bad);
    } else {
        struct run at = run_at(begin, k, group);
        for (size_t r = begin; r < end; r++, at = next_run(at, k, group))
            bad = minmax_run(x + at.first, at.count, low + r, high + r, bad);
    }
    return any_bad(bad) ? RC_NOT_FINITE : RC_OK;
}
