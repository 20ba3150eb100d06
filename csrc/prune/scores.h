/* Template of the scores. Included after these were defined, and where they are VECTORS a file of doubles_avx2.h's
 * names:
 *
 * WANDA, TAYLOR, MOVEMENT, OBD, FISHER, APOZ, ACTIVATION   the functions' names
 * TARGET                                                   their instruction set, or nothing
 *
 * Products and quotients of doubles, rounded once to what is stored. Halves are products by 1/2, which round alike.
 */
#include "../kernels.h"

enum kind { MAGNITUDE_OF, TAYLOR_OF, MOVEMENT_OF, CURVATURE_OF };

RC_INLINE TARGET double score_of(const enum kind kind, double a, double b)
{
    return kind == MAGNITUDE_OF ? __builtin_fabs(a) * b
         : kind == TAYLOR_OF    ? __builtin_fabs(a * b)
         : kind == MOVEMENT_OF  ? -(a * b)
                                : b * (a * a) / 2;
}

/* count scores, of weights and a statistic of each, of doubles where it is `wide`; whether some of both are not finite,
 * or, if not `negative`, some of the statistic below 0; of the statistic only if `first` it is read. What is finite
 * times 0 is 0, all else NaN. */
RC_INLINE TARGET int scored(const enum kind kind, const int negative, const int wide, const int first, size_t count,
                            const float *w, const void *statistic, float *scores)
{
    const float *floats = statistic;
    const double *doubles = statistic;
    int bad = 0;
    size_t i = 0;
    (void)first;
#ifdef VECTORS
    /* Several vectors of what is wrong: each waits for its last sum. */
    enum { SIDE = 4 };
    const VEC zero = v_set1(0.0);
    VEC of_w[SIDE], of_b[SIDE], least[SIDE];
    RC_UNROLL
    for (size_t p = 0; p < SIDE; p++)
        of_w[p] = of_b[p] = least[p] = zero;
    for (; i + SIDE * LANES <= count; i += SIDE * LANES) {
        RC_UNROLL
        for (size_t p = 0; p < SIDE; p++) {
            const size_t at = i + p * LANES;
            const VEC a = v_read(w + at), b = wide ? v_load(doubles + at) : v_read(floats + at);
            of_w[p] = v_fma(a, zero, of_w[p]);
            of_b[p] = first ? v_fma(b, zero, of_b[p]) : of_b[p];
            least[p] = negative || !first ? least[p] : v_min(b, least[p]);
            v_write(scores + at, kind == MAGNITUDE_OF ? v_mul(v_abs(a), b)
                               : kind == TAYLOR_OF    ? v_abs(v_mul(a, b))
                               : kind == MOVEMENT_OF  ? v_negative(v_mul(a, b))
                                                      : v_mul(v_mul(b, v_mul(a, a)), v_set1(0.5)));
        }
    }
    for (size_t p = 0; p < SIDE; p++) {
        double one[LANES], other[LANES], below[LANES];
        memcpy(one, of_w + p, sizeof one);
        memcpy(other, of_b + p, sizeof other);
        memcpy(below, least + p, sizeof below);
        for (size_t s = 0; s < LANES; s++)
            bad |= one[s] != 0.0 || other[s] != 0.0 || below[s] < 0.0;
    }
#endif
    for (; i < count; i++) {
        const double a = w[i], b = wide ? doubles[i] : floats[i];
        bad |= (a - a != 0.0) | (b - b != 0.0) | (!negative & (b < 0.0));
        scores[i] = (float)score_of(kind, a, b);
    }
    return bad;
}

RC_INLINE TARGET int each(const enum kind kind, const int negative, size_t begin, size_t end, int wide, const float *w,
                          const void *statistic, float *scores)
{
    const int bad = wide ? scored(kind, negative, 1, 1, end - begin, w + begin, (const double *)statistic + begin,
                                  scores + begin)
                         : scored(kind, negative, 0, 1, end - begin, w + begin, (const float *)statistic + begin,
                                  scores + begin);
    return bad ? RC_NOT_FINITE : RC_OK;
}

TARGET int WANDA(size_t begin, size_t end, size_t k, int wide, const float *w, const void *norms, float *scores)
{
    /* The norms of a tile of columns stay in L2 for some rows. With shorter pieces of the rows, whose norms stay in L1,
     * it took a quarter longer: at the end of each the machine has to begin anew to ask for what comes next. */
    enum { TILE = 4096, ROWS = 8 };
    int bad = 0;
    for (size_t i = begin; i < end; i += ROWS)
        for (size_t j = 0; j < k; j += TILE)
            for (size_t r = i; r < rc_min(i + ROWS, end); r++) {
                const size_t some = rc_min(TILE, k - j), at = r * k + j;
                const float *own = w + at, *floats = (const float *)norms + j;
                const double *doubles = (const double *)norms + j;
                if (r == begin)
                    bad |= wide ? scored(MAGNITUDE_OF, 0, 1, 1, some, own, doubles, scores + at)
                                : scored(MAGNITUDE_OF, 0, 0, 1, some, own, floats, scores + at);
                else
                    bad |= wide ? scored(MAGNITUDE_OF, 0, 1, 0, some, own, doubles, scores + at)
                                : scored(MAGNITUDE_OF, 0, 0, 0, some, own, floats, scores + at);
            }
    return bad ? RC_NOT_FINITE : RC_OK;
}

TARGET int TAYLOR(size_t begin, size_t end, int wide, const float *w, const void *gradient, float *scores)
{
    return each(TAYLOR_OF, 1, begin, end, wide, w, gradient, scores);
}

TARGET int MOVEMENT(size_t begin, size_t end, int wide, const float *w, const void *gradient_sum, float *scores)
{
    return each(MOVEMENT_OF, 1, begin, end, wide, w, gradient_sum, scores);
}

TARGET int OBD(size_t begin, size_t end, int wide, const float *w, const void *diagonal, float *scores)
{
    return each(CURVATURE_OF, 1, begin, end, wide, w, diagonal, scores);
}

TARGET int FISHER(size_t begin, size_t end, int wide, const float *w, const void *squared_gradients, float *scores)
{
    return each(CURVATURE_OF, 0, begin, end, wide, w, squared_gradients, scores);
}

TARGET int APOZ(size_t begin, size_t end, int whole, const void *zeros, double count, double *scores)
{
    int bad = 0;
    for (size_t i = begin; i < end; i++) {
        const int64_t number = whole ? ((const int64_t *)zeros)[i] : 0;
        const double own = whole ? (double)number : ((const double *)zeros)[i];
        /* count is at most 2^53: as an integer it is itself, and a float in 0 .. count has an integer below it. */
        const int good = whole ? number >= 0 && number <= (int64_t)count
                               : own >= 0.0 && own <= count && (double)(int64_t)own == own;
        bad |= !good;
        scores[i] = (count - own) / count;
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}

TARGET int ACTIVATION(size_t begin, size_t end, int wide, const void *sums, double count, double *scores)
{
    int bad = 0;
    for (size_t i = begin; i < end; i++) {
        const double own = wide ? ((const double *)sums)[i] : ((const float *)sums)[i];
        bad |= own - own != 0.0;
        scores[i] = own / count;
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}
