/* Template of the kernels from floats to integers by a scale and back. Included after minmax.h, which says what it
 * wants, and these:
 *
 * QUANTIZE_S8, QUANTIZE_S16, QUANTIZE_RUNS_S8, QUANTIZE_RUNS_S16, DEQUANTIZE_S8, DEQUANTIZE_S16   the functions' names
 * v_div(a, b), v_mul(a, b)   of floats
 * INT                  a vector of LANES int32
 * v_set1_int(a), v_add_int(a, b), v_sub_int(a, b), v_to_float(a), v_to_int(x)   of int32; the last one rounds, ties to
 * even
 * v_widen(wide, values, i), v_narrow(wide, values, i, v)   LANES integers from values[i] on, to int32 and back
 *
 * The constant `wide` says of what type the integers are: int16_t, else int8_t. An element goes through the operations
 * of places.h, in their order, so the bits are the same; what is left of a run goes through places.h itself.
 */

/* count elements that share a scale, or (each) have one each; what is theirs begins at `first`, what their scales' at
 * `entry`. */
RC_INLINE TARGET BAD quantize_run(const int wide, const int each, const float *x, void *values, size_t first,
                                  size_t count, const float *scale, const void *zero_point, size_t entry,
                                  int32_t lowest, int32_t highest, BAD bad)
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
        const VEC t = v_load(x + first + p);
        bad = worse(bad, t);
        /* Of a NaN and a bound, max returns the bound, its second operand. */
        v_narrow(wide, values, first + p, v_add_int(v_to_int(v_min(v_max(v_div(t, s), low), high)), z));
    }
    for (; p < count; p++) {
        const size_t own = entry + (each ? p : 0);
        put_integer(wide, values, first + p,
                    to_integer(x[first + p], scale[own], integer_at(wide, zero_point, own), lowest, highest));
        bad = worse(bad, v_set1(x[first + p]));
    }
    return bad;
}

RC_INLINE TARGET int quantize(const int wide, size_t begin, size_t end, size_t k, size_t group, size_t stride,
                              int32_t lowest, int32_t highest, const float *x, const float *scale,
                              const void *zero_point, void *values)
{
    BAD bad = nothing_bad();
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        bad = group == 1 ? quantize_run(wide, 1, x, values, i, run, scale, zero_point, at.entry, lowest, highest, bad)
                         : quantize_run(wide, 0, x, values, i, run, scale, zero_point, at.entry, lowest, highest, bad);
        advance(&at, run, k, group, stride);
        i += run;
    }
    return any_bad(bad) ? RC_NOT_FINITE : RC_OK;
}

/* How many runs are a turn, if none is longer than SHORT: their ranges are found first, then their scales, then their
 * values, for one run alone is a chain of steps that wait for each other. They are still in the cache nearest by. */
enum { TURN = 16, SHORT = 128 };

RC_INLINE TARGET int quantize_runs(const int wide, size_t begin, size_t end, size_t k, size_t group, int32_t lowest,
                                   int32_t highest, const float *x, float *scale, void *zero_point, void *values)
{
    BAD bad = nothing_bad();
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end;) {
        const size_t runs = group <= SHORT ? rc_min(end - r, TURN) : 1;
        float low[TURN], high[TURN];
        struct run next = at;
        for (size_t i = 0; i < runs; i++, next = next_run(next, k, group))
            bad = minmax_run(x + next.first, next.count, low + i, high + i, bad);
        for (size_t i = 0; i < runs; i++)
            put_integer(wide, zero_point, r + i,
                        scale_and_zero_point(low[i], high[i], lowest, highest, scale + r + i));
        for (size_t i = 0; i < runs; i++, at = next_run(at, k, group))
            bad = quantize_run(wide, 0, x, values, at.first, at.count, scale, zero_point, r + i, lowest, highest, bad);
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
    return quantize_runs(0, begin, end, k, group, lowest, highest, x, scale, zero_point, values);
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
    return quantize_runs(1, begin, end, k, group, lowest, highest, x, scale, zero_point, values);
}

TARGET int DEQUANTIZE_S16(size_t begin, size_t end, size_t k, size_t group, size_t stride, const int16_t *values,
                       const float *scale, const int16_t *zero_point, float *x)
{
    return dequantize(1, begin, end, k, group, stride, values, scale, zero_point, x);
}
