/* The portable kernels for integers of type CODE. What a run shares is read before it: values may be of a character type, and
 * a store to them could, for all that the compiler knows, change the scale. */
int QUANTIZE(size_t begin, size_t end, size_t k, size_t group, size_t stride, int32_t lowest, int32_t highest,
             const float *x, const float *scale, const CODE *zero_point, CODE *values)
{
    int bad = 0;
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        float s = scale[at.entry];
        int32_t z = zero_point[at.entry];
        for (size_t p = 0; p < run; p++) {
            if (group == 1) {
                s = scale[at.entry + p];
                z = zero_point[at.entry + p];
            }
            values[i + p] = (CODE)to_integer(x[i + p], s, z, lowest, highest);
            bad |= special(x[i + p]);
        }
        advance(&at, run, k, group, stride);
        i += run;
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}

int QUANTIZE_RUNS(size_t begin, size_t end, size_t k, size_t group, int32_t lowest, int32_t highest, const float *x,
                  float *scale, CODE *zero_point, CODE *values)
{
    int bad = 0;
    struct run at = run_at(begin, k, group);
    for (size_t r = begin; r < end; r++, at = next_run(at, k, group)) {
        float low, high, s;
        bad |= minmax(x + at.first, at.count, 1, &low, &high);
        const int32_t z = choose(low, high, lowest, highest, &s);
        scale[r] = s;
        zero_point[r] = (CODE)z;
        for (size_t p = at.first; p < at.first + at.count; p++)
            values[p] = (CODE)to_integer(x[p], s, z, lowest, highest);
    }
    return bad ? RC_NOT_FINITE : RC_OK;
}

int DEQUANTIZE(size_t begin, size_t end, size_t k, size_t group, size_t stride, const CODE *values, const float *scale,
               const CODE *zero_point, float *x)
{
    struct place at = place_of(begin, k, group, stride);
    for (size_t i = begin; i < end;) {
        const size_t run = run_of(&at, k, group, end - i);
        float s = scale[at.entry];
        int32_t z = zero_point[at.entry];
        for (size_t p = 0; p < run; p++) {
            if (group == 1) {
                s = scale[at.entry + p];
                z = zero_point[at.entry + p];
            }
            x[i + p] = to_real(values[i + p], s, z);
        }
        advance(&at, run, k, group, stride);
        i += run;
    }
    return RC_OK;
}
#undef CODE
#undef QUANTIZE
#undef QUANTIZE_RUNS
#undef DEQUANTIZE
