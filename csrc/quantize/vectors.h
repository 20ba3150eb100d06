/* The kernels for integers of type CODE on vectors of LANES elements, a template: the file that includes it says how a vector
 * is loaded, computed and stored. An element goes through the operations of places.h, in their order, so the bits are the
 * same; what is left of a run goes through places.h itself. */

/* count elements that share a scale, or (each) have one each. */
RC_INLINE TARGET BAD QUANTIZE_RUN(const float *x, CODE *values, size_t count, const float *scale, const CODE *zero_point,
                                  int each, int32_t lowest, int32_t highest, BAD bad)
{
    VEC s = set1(scale[0]);
    INT z = set1_int(zero_point[0]);
    VEC low = to_float(sub_int(set1_int(lowest), z)), high = to_float(sub_int(set1_int(highest), z));
    size_t p = 0;
    for (; p + LANES <= count; p += LANES) {
        if (each) {
            s = load(scale + p);
            z = widen(zero_point + p);
            low = to_float(sub_int(set1_int(lowest), z));
            high = to_float(sub_int(set1_int(highest), z));
        }
        const VEC t = load(x + p);
        bad = worse(bad, t);
        /* Of a NaN and a bound, max returns the bound, its second operand. */
        narrow(values + p, add_int(to_int(min_of(max_of(divide(t, s), low), high)), z));
    }
    for (; p < count; p++) {
        const size_t entry = each ? p : 0;
        values[p] = (CODE)to_integer(x[p], scale[entry], zero_point[entry], lowest, highest);
        bad = worse(bad, set1(x[p]));
    }
    return bad;
}

TARGET int QUANTIZE(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest, int32_t highest,
                    const float *x, const float *scale, const CODE *zero_point, CODE *values)
{
    BAD bad = nothing_bad();
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        const float *s = scale + at.entry;
        const CODE *z = zero_point + at.entry;
        bad = group == 1 ? QUANTIZE_RUN(x + i, values + i, run, s, z, 1, lowest, highest, bad)
                         : QUANTIZE_RUN(x + i, values + i, run, s, z, 0, lowest, highest, bad);
        advance(&at, run, k, group, stride);
        i += run;
    }
    return any_bad(bad) ? RC_NOT_FINITE : RC_OK;
}

/* Each run is still in the cache nearest by when its values are made: memory is read once. */
TARGET int QUANTIZE_RUNS(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest, const float *x,
                         float *scale, CODE *zero_point, CODE *values)
{
    BAD bad = nothing_bad();
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        float low, high;
        bad = minmax_run(x + at.first, at.count, &low, &high, bad);
        zero_point[r] = (CODE)choose(low, high, lowest, highest, scale + r);
        bad = QUANTIZE_RUN(x + at.first, values + at.first, at.count, scale + r, zero_point + r, 0, lowest, highest, bad);
    }
    return any_bad(bad) ? RC_NOT_FINITE : RC_OK;
}

RC_INLINE TARGET void DEQUANTIZE_RUN(const CODE *values, float *x, size_t count, const float *scale,
                                     const CODE *zero_point, int each)
{
    const VEC most = set1(FLT_MAX), least = set1(-FLT_MAX);
    VEC s = set1(scale[0]);
    INT z = set1_int(zero_point[0]);
    size_t p = 0;
    for (; p + LANES <= count; p += LANES) {
        if (each) {
            s = load(scale + p);
            z = widen(zero_point + p);
        }
        store(x + p, min_of(max_of(multiply(to_float(sub_int(widen(values + p), z)), s), least), most));
    }
    for (; p < count; p++) {
        const size_t entry = each ? p : 0;
        x[p] = to_real(values[p], scale[entry], zero_point[entry]);
    }
}

TARGET int DEQUANTIZE(size_t begin, size_t end, size_t k, size_t group, size_t stride, const CODE *values,
                      const float *scale, const CODE *zero_point, float *x)
{
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        const float *s = scale + at.entry;
        const CODE *z = zero_point + at.entry;
        /* Stores past the caches pay only into memory that was used before; a new result's is not, and took twice as long. */
        if (group == 1)
            DEQUANTIZE_RUN(values + i, x + i, run, s, z, 1);
        else
            DEQUANTIZE_RUN(values + i, x + i, run, s, z, 0);
        advance(&at, run, k, group, stride);
        i += run;
    }
    return RC_OK;
}
#undef CODE
#undef QUANTIZE
#undef QUANTIZE_RUNS
#undef DEQUANTIZE
#undef QUANTIZE_RUN
#undef DEQUANTIZE_RUN
#undef widen
#undef narrow
