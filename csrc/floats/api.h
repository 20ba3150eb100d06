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

/* x (float32) to codes and back, for the elements of the range. Rounded to nearest, ties to even; a NaN becomes the
 * format's one code for it, and where the format has none it is RC_BAD_VALUE. What rounds to beyond the largest finite
 * number, and infinity, becomes that number if saturate or if the format has nothing else, else the next code:
 * infinity, or NaN. */
typedef int rc_floats_encode(size_t begin, size_t end, enum rc_float_format format, int saturate, const float *x,
                             void *codes);
typedef int rc_floats_decode(size_t begin, size_t end, enum rc_float_format format, const void *codes, float *x);

/* Blocks of rows of size elements, of which the last of a row may be shorter; the range is of blocks. Encoding gives
 * RC_NOT_FINITE where some x is not finite: codes and scales are then of no use. */
enum rc_mx_format {
    RC_MXFP8_E4M3 = 0,
    RC_MXFP8_E5M2 = 1,
    RC_MXFP6_E2M3 = 2,
    RC_MXFP6_E3M2 = 3,
    RC_MXFP4_E2M1 = 4,
    RC_MXINT8 = 5,
};

/* Blocks of 32: the power of two, as its exponent plus 127, of the block's largest magnitude over that of the format's
 * largest number, and x over it in the format. 255 : NaN. */
typedef int rc_floats_mx_encode(size_t begin, size_t end, size_t size, enum rc_mx_format format, const float *x,
                                uint8_t *codes, uint8_t *scales);
typedef int rc_floats_mx_decode(size_t begin, size_t end, size_t size, enum rc_mx_format format, const uint8_t *codes,
                                const uint8_t *scales, float *x);

/* Blocks of 1 to size: the largest magnitude, 1 for zeros alone, and the nearest of the 16 levels, as floats, to x over
 * it (rounded); in the middle of two the lower one. */
typedef int rc_floats_nf4_encode(size_t begin, size_t end, size_t size, size_t block, const float *levels,
                                 const float *x, uint8_t *codes, float *scales);
typedef int rc_floats_nf4_decode(size_t begin, size_t end, size_t size, size_t block, const float *levels,
                                 const uint8_t *codes, const float *scales, float *x);

/* The largest magnitude of blocks of 1 to size. */
typedef int rc_floats_maxima(size_t begin, size_t end, size_t size, size_t block, const float *x, float *most);

/* Blocks of 16: from the largest magnitude of each its scale as refcompress says (reference/floats/nvfp4.py), and codes
 * of x over that scale times `factor`. Of the decoded numbers each of the two products is rounded. */
typedef int rc_floats_nvfp4_encode(size_t begin, size_t end, size_t size, float factor, const float *most,
                                   const float *x, uint8_t *codes, uint8_t *scales);
typedef int rc_floats_nvfp4_decode(size_t begin, size_t end, size_t size, float factor, const uint8_t *codes,
                                   const uint8_t *scales, float *x);
