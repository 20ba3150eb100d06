/* Template of the kernels from floats to integers by a scale and back. Included after minmax.h, which says what it
 * wants, and these:
 *
 * QUANTIZE_S8, QUANTIZE_S16, QUANTIZE_RUNS_S8, QUANTIZE_RUNS_S16, DEQUANTIZE_S8, DEQUANTIZE_S16   the functions' names
 * v_div(a, b), v_mul(a, b)   of floats
 * INT                  a vector of LANES int32
 * v_set1_int(a), v_add_int(a, b), v_sub_int(a, b), v_to_float(a), v_to_int(x)   of int32; the last one rounds, ties to
 * even
 * v_magnitude(a), v_minima(v), v_maxima(v)   of floats; the extremes of LANES vectors, those of vector i in lane i
 * v_widen(wide, values, i), v_narrow(wide, values, i, v)   LANES integers from values[i] on, to int32 and back
 *
 * The constant `wide` says of what type the integers are: int16_t, else int8_t. An element goes through the operations
 * of places.h, in their order, so the bits are the same; what is left of a run goes through places.h itself.
 */

/* count elements that share a scale, or (each) have one each; what is theirs begins at `first`, what their scales' at
 * `entry`. The same in `rows` rows, which lie `step` apart: what is made of a scale serves all of them. */
RC_INLINE TARGET BAD quantize_run(const int wide, const int each, const size_t rows, size_t step, const float *x,
                                  void *values, size_t first, size_t count, const float *scale,
                                  const void *zero_point, size_t entry, int32_t lowest, int32_t highest, BAD bad)
{
    VEC s = v_set1(scale[entry]);
    INT z = v_set1_int(integer_at(wide, zero_point, entry));
    VEC low = v_to_float(v_sub_int(v_set1_int(lowest), z)), high = v_to_float(v_sub_int(v_set1_int(highest), z));
    size_t p = 0;
    for (; p + LANES <= count; p += LANES) {
        if (each) {
            s = v_load(scale + entry + p);
            z = v_widen(wide, zero_point, entry + p);
            low = v_to_float(v_sub_int(v_set1_int(lowest), z));
            high = v_to_float(v_sub_int(v_set1_int(highest), z));
        }
        RC_UNROLL
        for (size_t r = 0; r < rows; r++) {
            const size_t at = first + r * step + p;
            const VEC t = v_load(x + at);
            bad = worse(bad, t);
            /* Of a NaN and a bound, max returns the bound, its second operand. */
            v_narrow(wide, values, at, v_add_int(v_to_int(v_min(v_max(v_div(t, s), low), high)), z));
        }
    }
    for (; p < count; p++) {
        const size_t own = entry + (each ? p : 0);
        for (size_t r = 0; r < rows; r++) {
            const size_t at = first + r * step + p;
            put_integer(wide, values, at,
                        to_integer(x[at], scale[own], integer_at(wide, zero_point, own), lowest, highest));
            bad = worse(bad, v_set1(x[at]));
        }
    }
    return bad;
}

enum { ROWS = 4 }; /* whose columns share scales: at a time */

RC_INLINE TARGET int quantize(const int wide, size_t begin, size_t end, size_t k, size_t group, size_t stride,
                              int32_t lowest, int32_t highest, const float *x, const float *scale,
                              const void *zero_point, void *values)
{
    BAD bad = nothing_bad();
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        if (group == 1 && stride == 0 && at.input == 0 && (end - i) / k >= ROWS) {
            bad = quantize_run(wide, 1, ROWS, k, x, values, i, k, scale, zero_point, 0, lowest, highest, bad);
            at.row += ROWS;
            i += ROWS * k;
            continue;
        }
        const size_t run = run_of(&at, k, group, end - i);
        bad = group == 1 ? quantize_run(wide, 1, 1, k, x, values, i, run, scale, zero_point, at.entry, lowest, highest,
                                        bad)
                         : quantize_run(wide, 0, 1, k, x, values, i, run, scale, zero_point, at.entry, lowest, highest,
                                        bad);
        advance(&at, run, k, group, stride);
        i += run;
    }
    return any_bad(bad) ? RC_NOT_FINITE : RC_OK;
}

/* How many runs are a turn, if none is longer than SHORT: their ranges are found first, then their scales, then their
 * values, for one run alone is a chain of steps that wait for each other. They are still in the cache nearest by. */
enum { TURN = 16, SHORT = 128 };

/* The range of each of LANES runs that lie side by side, of whole vectors; if `symmetric` its larger end alone. */
RC_INLINE TARGET BAD minmax_runs(const int symmetric, const float *x, size_t group, float *low, float *high, BAD bad)
{
    VEC least[LANES], most[LANES];
    for (size_t i = 0; i < LANES; i++, x += group) {
        VEC l = v_set1(0.0f), h = v_set1(0.0f);
        for (size_t p = 0; p < group; p += LANES) {
            const VEC t = v_load(x + p);
            bad = worse(bad, t);
            h = v_max(symmetric ? v_magnitude(t) : t, h);
            if (!symmetric)
                l = v_min(t, l);
        }
        least[i] = l;
        most[i] = h;
    }
    v_store(high, v_maxima(most));
    v_store(low, symmetric ? v_set1(0.0f) : v_minima(least));
    return bad;
}

/* As many doubles as a vector has, and as many floats and integers. */
typedef double doubles_of_turn __attribute__((vector_size(4 * LANES)));
typedef float floats_of_turn __attribute__((vector_size(2 * LANES)));
typedef int32_t ints_of_turn __attribute__((vector_size(2 * LANES)));
enum { AT_ONCE = LANES / 2 };

RC_INLINE TARGET floats_of_turn chosen(ints_of_turn mask, floats_of_turn a, floats_of_turn b)
{
    return (floats_of_turn)(((ints_of_turn)a & mask) | ((ints_of_turn)b & ~mask));
}

/* What scale_and_zero_point (places.h) gives for each run of a turn. */
RC_INLINE TARGET void scales_of_turn(const int symmetric, const float *low, const float *high, int32_t lowest,
                                     int32_t highest, float *scale, int32_t *zero_point)
{
    const double shift = 6755399441055744.0, least = lowest, steps = symmetric ? highest : highest - lowest;
    const floats_of_turn none = {0}, one = none + 1.0f, smallest = none + FLT_MIN;
    for (size_t i = 0; i < TURN; i += AT_ONCE) {
        floats_of_turn l, h;
        ints_of_turn z = {0};
        memcpy(&l, low + i, sizeof l);
        memcpy(&h, high + i, sizeof h);
        if (symmetric) {
            h = chosen(-l > h, -l, h);
            l = none;
        }
        const doubles_of_turn wide =
            (__builtin_convertvector(h, doubles_of_turn) - __builtin_convertvector(l, doubles_of_turn)) / steps;
        floats_of_turn s = __builtin_convertvector(wide, floats_of_turn);
        s = chosen(s < smallest, smallest, s);
        s = chosen((l == none) & (h == none), one, s);
        if (!symmetric) {
            const doubles_of_turn from =
                __builtin_convertvector(l, doubles_of_turn) / __builtin_convertvector(s, doubles_of_turn);
            z = __builtin_convertvector((least - from + shift) - shift, ints_of_turn);
            z = (z & (z > lowest)) | (lowest & (z <= lowest));
            z = (z & (z < highest)) | (highest & (z >= highest));
        }
        memcpy(scale + i, &s, sizeof s);
        memcpy(zero_point + i, &z, sizeof z);
    }
}

RC_INLINE TARGET int quantize_runs(const int wide, const int symmetric, size_t begin, size_t end, size_t k,
                                   size_t group, int32_t lowest, int32_t highest, const float *x, float *scale,
                                   void *zero_point, void *values)
{
    BAD bad = nothing_bad();
    struct run at = run_at(begin, k, group);
    const int even = k % group == 0 && group % LANES == 0; /* runs lie side by side, and are whole vectors */
    for (size_t r = begin; r < end;) {
        const size_t runs = group <= SHORT ? rc_min(end - r, TURN) : 1;
        float low[TURN] = {0}, high[TURN] = {0}, s[TURN];
        int32_t z[TURN];
        if (runs == TURN && even) {
            for (size_t i = 0; i < TURN; i += LANES)
                bad = minmax_runs(symmetric, x + at.first + i * group, group, low + i, high + i, bad);
        } else {
            struct run next = at;
            for (size_t i = 0; i < runs; i++, next = next_run(next, k, group))
                bad = minmax_run(x + next.first, next.count, low + i, high + i, bad);
        }
        scales_of_turn(symmetric, low, high, lowest, highest, s, z);
        memcpy(scale + r, s, runs * sizeof *s);
        for (size_t i = 0; i < runs; i++)
            put_integer(wide, zero_point, r + i, z[i]);
        for (size_t i = 0; i < runs; i++, at = next_run(at, k, group))
            bad = quantize_run(wide, 0, 1, k, x, values, at.first, at.count, scale, zero_point, r + i, lowest, highest,
                               bad);
        r += runs;
    }
    return any_bad(bad) ? RC_NOT_FINITE : RC_OK;
}

RC_INLINE TARGET void dequantize_run(const int wide, const int each, const void *values, float *x, size_t first,
                                     size_t count, const float *scale, const void *zero_point, size_t entry)
{
    const VEC most = v_set1(FLT_MAX), least = v_set1(-FLT_MAX);
    VEC s = v_set1(scale[entry]);
    INT z = v_set1_int(integer_at(wide, zero_point, entry));
    size_t p = 0;
    for (; p + LANES <= count; p += LANES) {
        if (each) {
            s = v_load(scale + entry + p);
            z = v_widen(wide, zero_point, entry + p);
        }
        const INT difference = v_sub_int(v_widen(wide, values, first + p), z);
        v_store(x + first + p, v_min(v_max(v_mul(v_to_float(difference), s), least), most));
    }
    for (; p < count; p++) {
        const size_t own = entry + (each ? p : 0);
        x[first + p] = to_real(integer_at(wide, values, first + p), scale[own], integer_at(wide, zero_point, own));
    }
}

RC_INLINE TARGET int dequantize(const int wide, size_t begin, size_t end, size_t k, size_t group, size_t stride,
                                const void *values, const float *scale, const void *zero_point, float *x)
{
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        /* Stores past the caches pay only into memory that was used before; a new result's is not, and took twice as
         * long. */
        if (group == 1)
            dequantize_run(wide, 1, values, x, i, run, scale, zero_point, at.entry);
        else
            dequantize_run(wide, 0, values, x, i, run, scale, zero_point, at.entry);
        advance(&at, run, k, group, stride);
        i += run;
    }
    return RC_OK;
}

TARGET int QUANTIZE_S8(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest, int32_t highest,
                    const float *x, const float *scale, const int8_t *zero_point, int8_t *values)
{
    return quantize(0, begin, end, k, group, stride, lowest, highest, x, scale, zero_point, values);
}

TARGET int QUANTIZE_RUNS_S8(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                            const float *x, float *scale, int8_t *zero_point, int8_t *values)
{
    return lowest == -highest
               ? quantize_runs(0, 1, begin, end, k, group, lowest, highest, x, scale, zero_point, values)
               : quantize_runs(0, 0, begin, end, k, group, lowest, highest, x, scale, zero_point, values);
}

TARGET int DEQUANTIZE_S8(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int8_t *values,
                      const float *scale, const int8_t *zero_point, float *x)
{
    return dequantize(0, begin, end, k, group, stride, values, scale, zero_point, x);
}

TARGET int QUANTIZE_S16(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest,
                        int32_t highest, const float *x, const float *scale, const int16_t *zero_point, int16_t *values)
{
    return quantize(1, begin, end, k, group, stride, lowest, highest, x, scale, zero_point, values);
}

TARGET int QUANTIZE_RUNS_S16(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest,
                             const float *x, float *scale, int16_t *zero_point, int16_t *values)
{
    return lowest == -highest
               ? quantize_runs(1, 1, begin, end, k, group, lowest, highest, x, scale, zero_point, values)
               : quantize_runs(1, 0, begin, end, k, group, lowest, highest, x, scale, zero_point, values);
}

TARGET int DEQUANTIZE_S16(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int16_t *values,
                       const float *scale, const int16_t *zero_point, float *x)
{
    return dequantize(1, begin, end, k, group, stride, values, scale, zero_point, x);
}
