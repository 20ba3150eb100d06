/* The kernels of floats, as Python sees them: a part of refcompress.h. */
/* The small floating-point formats, as formats/floats.py describes them; codes are uint16_t for the first two, else
 * uint8_t. */
enum rc_float_format {
    RC_FLOAT16 = 0,
    RC_BFLOAT16 = 1,
    RC_FP8_E4M3 = 2,
    RC_FP8_E5M2 = 3,
    RC_FP6_E2M3 = 4,
    RC_FP6_E3M2 = 5,
    RC_FP4_E2M1 = 6,
};

/* x (float32) to codes and back, for the elements of the range. Rounded to nearest, halves to even; a NaN becomes the
 * format's one code for it (there is none in x where the format has none). What rounds to beyond the largest finite
 * number, and infinity, becomes that number if saturate or if the format has nothing else, else the next code:
 * infinity, or NaN. */
typedef int rc_floats_encode(size_t begin, size_t end, enum rc_float_format format, int saturate, const float *x,
                             void *codes);
typedef int rc_floats_decode(size_t begin, size_t end, enum rc_float_format format, const void *codes, float *x);
