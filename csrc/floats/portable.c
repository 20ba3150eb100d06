/* The template as it is: the bit-level definition. */
#define TARGET
#define ENCODE rc_floats_encode_portable
#define DECODE rc_floats_decode_portable
#include "floats.h"
