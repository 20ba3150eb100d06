/* The kernels of ggml, as Python sees them: a part of refcompress.h. */
/* Block types of ggml by their numbers in a GGUF file. Python's formats/ggml/ says what the bytes of a block mean. */
enum rc_ggml_type {
    RC_GGML_Q4_0 = 2,
    RC_GGML_Q4_1 = 3,
    RC_GGML_Q5_0 = 6,
    RC_GGML_Q5_1 = 7,
    RC_GGML_Q8_0 = 8,
    RC_GGML_Q2_K = 10,
    RC_GGML_Q3_K = 11,
    RC_GGML_Q4_K = 12,
    RC_GGML_Q5_K = 13,
    RC_GGML_Q6_K = 14,
    RC_GGML_IQ4_NL = 20,
    RC_GGML_IQ4_XS = 23,
    RC_GGML_TQ1_0 = 34,
    RC_GGML_TQ2_0 = 35,
    RC_GGML_MXFP4 = 39,
    RC_GGML_NVFP4 = 40,
};

/* Blocks of numbers to and from data, as refcompress says (reference/ggml/blocks.py); the range is of blocks. Q8_0 and
 * Q4_0 alone are encoded, all types are decoded. RC_BAD_VALUE where some x is not finite, or a scale is beyond float16:
 * data is then of no use; and for another type. */
typedef int rc_ggml_encode(size_t begin, size_t end, enum rc_ggml_type type, const float *x, uint8_t *data);
typedef int rc_ggml_decode(size_t begin, size_t end, enum rc_ggml_type type, const uint8_t *data, float *x);
