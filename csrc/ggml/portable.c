/* The template as it is: the bit-level definition. */
#define TARGET
#define ENCODE rc_ggml_encode_portable
#define DECODE rc_ggml_decode_portable
#include "blocks.h"
