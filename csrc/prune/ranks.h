/* Template of magnitudes by their ranks, for ranges (quantize/api.h). Included after nm.h, and after the definition of
 * RANKS_OF, the function's name. Short runs lie side by side, as the groups of nm.h do; of a long one the scores are
 * counted alone. From what is found on lie as many magnitudes as are wanted: the smallest of these is the one. */
#include "../quantize/places.h"

/* The smallest magnitude that is at least `least`. */
RC_INLINE TARGET float smallest_from(size_t m, const float *x, float least)
{
    enum { AT_ONCE = VECTOR_BYTES / sizeof(float) };
    const nm_floats from = (nm_floats){0} + least, none = (nm_floats){0} + INFINITY;
    nm_floats smallest = none;
    size_t i = 0;
    for (; i + AT_ONCE <= m; i += AT_ONCE) {
        const nm_floats own = taken_floats(1, x + i);
        const nm_ranks kept = own >= from;
        smallest = LESSER_FLOATS(smallest, (nm_floats)(((nm_ranks)own & kept) | ((nm_ranks)none & ~kept)));
    }
    float found = INFINITY;
    for (size_t s = 0; s < AT_ONCE; s++)
        found = smallest[s] < found ? smallest[s] : found;
    for (; i < m; i++) {
        const float own = __builtin_fabsf(x[i]);
        found = own >= least && own < found ? own : found;
    }
    return found;
}

TARGET int RANKS_OF(size_t begin, size_t end, size_t k, size_t group, size_t nth, size_t last, const float *x,
                    double *low, double *high)
{
    enum { AT_ONCE = VECTOR_BYTES / sizeof(float) };
    struct before before = {0.0, 0.0};
    struct run at = run_at(begin, k, group);
    for (size_t r = begin, some; r < end; r += some) {
        const size_t rank = at.count == group ? nth : last;
        float t[AT_ONCE] = {INFINITY}; /* all of a run where it leaves nothing out */
        some = 1;
        if (k % group == 0 && group <= TURNED_MOST && rank + 1 < group && end - r >= AT_ONCE) {
            nm_ranks over;
            int bad = 0;
            const nm_floats least =
                nth_of_rows_floats(1, group - rank, group, AT_ONCE, x + at.first, &over, &bad);
            memcpy(t, &least, sizeof t);
            some = AT_ONCE;
        } else if (rank + 1 < at.count) {
            double least = INFINITY;
            size_t over;
            long_nth(0, 1, at.count - rank, at.count, x + at.first, &before, &least, &over);
            t[0] = smallest_from(at.count, x + at.first, (float)least);
        }
        for (size_t i = 0; i < some; i++, at = next_run(at, k, group)) {
            low[r + i] = low[r + i] > -(double)t[i] ? low[r + i] : -(double)t[i] + 0.0;
            high[r + i] = high[r + i] < (double)t[i] ? high[r + i] : (double)t[i];
        }
    }
    return RC_OK;
}
