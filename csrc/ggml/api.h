/* The kernels of ggml, as Python sees them: a part of refcompress.h. */
/* Block types of ggml that have kernels, by their numbers in a GGUF file: 32 numbers, as a float16 scale and codes. */
enum rc_ggml_type {
    RC_GGML_Q4_0 = 2, /* 16 bytes of codes, number j in the low half of byte j and number j + 16 in the high half */
    RC_GGML_Q8_0 = 8, /* 32 bytes of codes */
};

/* Blocks of 32 numbers to and from data, as refcompress says (reference/ggml/blocks.py); the range is of blocks.
 * RC_BAD_VALUE where some x is not finite, or a scale is beyond float16: data is then of no use. */
typedef int rc_ggml_encode(size_t begin, size_t end, enum rc_ggml_type type, const float *x, uint8_t *data);
typedef int rc_ggml_decode(size_t begin, size_t end, enum rc_ggml_type type, const uint8_t *data, float *x);
