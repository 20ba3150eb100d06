/* Arguments that are a few numbers for each output: whether all lie in their range. Python says which one does not. */
int rc_all_within_s32(size_t n, const int32_t *a, int32_t low, int32_t high);
int rc_all_within_f32(size_t n, const float *a, float low, float high); /* a NaN is nowhere */

/* By how many bytes an array begins behind a cache line's boundary: NumPy takes a microsecond to say where it lies. */
size_t rc_behind_line(const void *a);
